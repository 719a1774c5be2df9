"""Protobuf by a descriptor set (`protoc --include_imports --descriptor_set_out=…`).

Only fields that the contract asks for become Python values: a message may have hundreds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from transforms.codecs.contract.asked_for import Tree, asked_for
from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.schema_values import Moment
from transforms.payment.dead_letter import Reason, Rejected

_DEPTH_MAX = 30
_INDEXES_MAX = 20
_VARINT_BYTES_MAX = 5
# google.protobuf.StringValue and its like: a value that may be absent. Protobuf's own JSON has the
# value alone, and so have we.
_WRAPPED = ("Bool", "Int32", "UInt32", "Int64", "UInt64", "Float", "Double", "String", "Bytes")
_WRAPPERS = frozenset(f"google.protobuf.{name}Value" for name in _WRAPPED)

ToPlain = Callable[[Any], dict[str, Any]]


class DescriptorError(ValueError):
    """A file is no descriptor set, or has not the message that is asked for."""


def descriptor_of(content: bytes, name: str) -> Descriptor:
    """Returns the descriptor of a message.

    Raises:
        DescriptorError: there is none.
    """
    try:
        files = descriptor_pb2.FileDescriptorSet.FromString(content)
        pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            pool.Add(file)
        return pool.FindMessageTypeByName(name)
    except message.DecodeError:
        raise DescriptorError("must be a descriptor set") from None
    except (KeyError, TypeError) as error:
        known = ", ".join(sorted(_names(files)))[:200]
        raise DescriptorError(
            f"must hold the message {name!r} and all that it imports; it holds {known or 'none'} "
            f"({str(error)[:100]}). Hint: protoc --include_imports"
        ) from None


def _names(files: descriptor_pb2.FileDescriptorSet) -> Iterable[str]:
    for file in files.file:
        for each in file.message_type:
            yield f"{file.package}.{each.name}".lstrip(".")


class MessageReader:
    """Reads messages of one type.

    Args:
        descriptor: of the message.
        tree: the fields that are wanted; None is all of them.
    """

    def __init__(self, descriptor: Descriptor, tree: Tree | None) -> None:
        self._descriptor = descriptor
        self._parse = message_factory.GetMessageClass(descriptor).FromString
        self._plain = _to_plain(descriptor, tree, 0)

    def read(self, payload: bytes) -> dict[str, Any]:
        """Returns the fields that are asked for. Raises Rejected."""
        try:
            found = self._parse(payload)
        except message.DecodeError as error:
            raise Rejected(
                Reason.NOT_DECODABLE, f"no Protobuf of its schema: {str(error)[:200]}"
            ) from None
        return self._plain(found)


class Reader(MessageReader):
    """Reads messages of the type that a contract with a descriptor set names."""

    def __init__(self, contract: Contract) -> None:
        schema = contract.schema
        descriptor = descriptor_of(schema.content or b"", schema.message or "")
        super().__init__(descriptor, asked_for(contract))
        self._place = place_of(descriptor)

    def read_framed(self, body: bytes) -> dict[str, Any]:
        """Returns the same of what follows Confluent's five bytes. Raises Rejected."""
        place, rest = indexes(body)
        if place != self._place:
            raise Rejected(
                Reason.NOT_DECODABLE,
                f"message {self._descriptor.full_name} is at {self._place} of its file, got one "
                f"at {place}",
            )
        return self.read(rest)


def _to_plain(descriptor: Descriptor, tree: Tree | None, depth: int) -> ToPlain:
    if depth > _DEPTH_MAX:  # a message that holds itself, and everything is asked for
        return lambda found: {}
    readers = [
        (field.name, _reader(field, None if tree is None else tree[field.name], depth))
        for field in descriptor.fields
        if tree is None or field.name in tree
    ]

    def plain(found: Any) -> dict[str, Any]:
        fields = {}
        for name, read in readers:
            value = read(found)
            if value is not None:
                fields[name] = value
        return fields

    return plain


def _reader(field: FieldDescriptor, tree: Tree | None, depth: int) -> Callable[[Any], Any]:
    name, of_value = field.name, _of_value(field, tree, depth)
    if is_map(field):
        values = _of_value(field.message_type.fields_by_name["value"], None, depth)
        return lambda found: {str(key): values(each) for key, each in getattr(found, name).items()}
    if is_repeated(field):
        # An index is followed in the list, so all of an item is asked for.
        items = _of_value(field, None, depth)
        return lambda found: [items(each) for each in getattr(found, name)]
    if field.has_presence:
        return lambda found: of_value(getattr(found, name)) if found.HasField(name) else None
    # Proto3 cannot tell an empty text from none. A number may be 0, and a state the first one.
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return lambda found: of_value(getattr(found, name)) or None
    return lambda found: of_value(getattr(found, name))


def is_repeated(field: FieldDescriptor) -> bool:
    """Returns whether a field has any number of values."""
    return bool(field.label == FieldDescriptor.LABEL_REPEATED)


def is_map(field: FieldDescriptor) -> bool:
    """Returns whether a field has values by their keys."""
    if not is_repeated(field) or field.message_type is None:
        return False
    return bool(field.message_type.GetOptions().map_entry)


def is_wrapper(field: FieldDescriptor) -> bool:
    """Returns whether a field is a message that stands for the one value in it."""
    return field.message_type is not None and field.message_type.full_name in _WRAPPERS


def _of_value(field: FieldDescriptor, tree: Tree | None, depth: int) -> Callable[[Any], Any]:
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        names = {number: each.name for number, each in field.enum_type.values_by_number.items()}
        return lambda value: names.get(value, value)
    if field.cpp_type != FieldDescriptor.CPPTYPE_MESSAGE:
        return lambda value: value
    if field.message_type.full_name == "google.protobuf.Timestamp":
        return _timestamp
    if is_wrapper(field):
        return lambda value: value.value
    plain: list[ToPlain] = []

    def lazily(value: Any) -> dict[str, Any]:
        if not plain:  # a message may hold itself
            plain.append(_to_plain(field.message_type, tree, depth + 1))
        return plain[0](value)

    return lazily


def _timestamp(value: Any) -> Moment:
    return Moment(value.seconds * 10**9 + value.nanos, 10**9, local=False)


def place_of(descriptor: Descriptor) -> list[int]:
    """Returns the indexes by which Confluent's frame names a message of a file."""
    place: list[int] = []
    while descriptor.containing_type is not None:
        siblings = descriptor.containing_type.nested_types
        place.insert(0, [each.name for each in siblings].index(descriptor.name))
        descriptor = descriptor.containing_type
    proto = descriptor_pb2.FileDescriptorProto()
    descriptor.file.CopyToProto(proto)
    place.insert(0, [each.name for each in proto.message_type].index(descriptor.name))
    return place


def indexes(body: bytes) -> tuple[list[int], bytes]:
    """Returns the indexes in front of a message, and the message. Raises Rejected."""
    count, at = _zigzag(body, 0)
    if not 0 <= count <= _INDEXES_MAX:
        raise Rejected(Reason.NOT_DECODABLE, f"{count} indexes of a message")
    if count == 0:  # the first message is so common that it has a form of its own
        return [0], body[at:]
    place = []
    for _ in range(count):
        index, at = _zigzag(body, at)
        place.append(index)
    return place, body[at:]


def _zigzag(body: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(_VARINT_BYTES_MAX):
        if at + place >= len(body):
            break
        byte = body[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at + place + 1
    raise Rejected(Reason.NOT_DECODABLE, "a number of Confluent's frame is cut off or wrong")
