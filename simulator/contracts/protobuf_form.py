"""Bytes of Protobuf to trees of plain values and back, by a descriptor set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from simulator.contracts.forms import Leaf
from transforms.codecs.contract import protobuf


class Protobuf:
    """Protobuf by a descriptor set."""

    def __init__(self, content: bytes, name: str) -> None:
        self._descriptor = protobuf.descriptor_of(content, name)
        self._class = message_factory.GetMessageClass(self._descriptor)
        place = protobuf.place_of(self._descriptor)
        numbers = [len(place), *place]
        self.indexes = b"\0" if place == [0] else b"".join(map(_zigzag, numbers))

    def read(self, payload: bytes) -> Any:
        """Returns the tree in a payload."""
        return _tree_of(self._class.FromString(payload))

    def write(self, tree: Any) -> bytes:
        """Returns the bytes of a tree."""
        return bytes(self._class(**_boxed(self._descriptor, tree)).SerializeToString())

    def leaf(self, names: Sequence[str], sample: Any) -> Leaf:
        """Returns how the descriptor wants the value."""
        descriptor, field = self._descriptor, None
        for name in names:
            found = None if descriptor is None else descriptor.fields_by_name.get(name)
            if found is None:
                continue  # an index, or a key of a map
            field, descriptor = found, found.message_type
            if protobuf.is_wrapper(found):
                field = descriptor.fields_by_name["value"]
        whole = field is not None and field.cpp_type in _WHOLE
        return Leaf(whole, per_second=10**9)

    def blank(self) -> Any:
        """Returns no field at all."""
        return {}


_WHOLE = (
    *(FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64),
    *(FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64),
    FieldDescriptor.CPPTYPE_ENUM,
)


def _tree_of(message: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for field, value in message.ListFields():
        if protobuf.is_map(field):
            fields[field.name] = dict(value)
        elif field.cpp_type != FieldDescriptor.CPPTYPE_MESSAGE:
            fields[field.name] = list(value) if protobuf.is_repeated(field) else value
        elif protobuf.is_repeated(field):
            fields[field.name] = [_tree_of(each) for each in value]
        elif protobuf.is_wrapper(field):
            fields[field.name] = value.value
        else:
            fields[field.name] = _tree_of(value)
    return fields


def _boxed(descriptor: Descriptor, tree: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the fields of a message, each value of a wrapper in one."""
    return {
        name: _box(descriptor.fields_by_name.get(name), value)
        for name, value in tree.items()
        if value is not None
    }


def _box(field: FieldDescriptor | None, value: Any) -> Any:
    if field is not None and protobuf.is_wrapper(field):
        return {"value": value}
    if field is None or not isinstance(value, dict) or protobuf.is_map(field):
        return value
    return _boxed(field.message_type, value)


def _zigzag(number: int) -> bytes:
    number, found = number * 2, bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*found, number))
