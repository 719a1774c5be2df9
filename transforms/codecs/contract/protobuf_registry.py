"""Protobuf by the writer's schema of each record, as a registry has it.

Confluent's frame says the id of the schema and, by indexes, which message of it was written.
"""

from __future__ import annotations

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import Descriptor, FileDescriptor

from transforms.codecs.contract import frame, proto_text
from transforms.codecs.contract.asked_for import asked_for
from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.protobuf import MessageReader, indexes
from transforms.codecs.contract.schema_source import SchemaSource
from transforms.payment.dead_letter import Reason, Rejected

# Messages of schemas whose readers are kept; a topic has a few.
_READERS_MAX = 1_000


class RegistryReader:
    """Reads framed messages.

    Args:
        contract: a checked one. A `message` that it names is required; else each is taken.
        schemas: of the registry.
    """

    def __init__(self, contract: Contract, schemas: SchemaSource) -> None:
        self._schemas = schemas
        self._message = contract.schema.message
        self._tree = asked_for(contract)
        self._files: dict[int, FileDescriptor | str] = {}
        self._readers: dict[tuple[int, tuple[int, ...]], MessageReader] = {}

    def read(self, payload: bytes) -> dict[str, object]:
        """Returns the fields that are asked for.

        Raises:
            Rejected: it has no frame, the bytes do not fit the schema, or nobody knows its id.
            RegistryUnavailable: the schema could not be asked for.
        """
        schema_id = frame.schema_id(payload)
        place, body = indexes(payload[frame.BYTES :])
        reader = self._readers.get((schema_id, tuple(place)))
        if reader is None:
            reader = MessageReader(self._descriptor(schema_id, place), self._tree)
            if len(self._readers) >= _READERS_MAX:
                self._readers.clear()
            self._readers[schema_id, tuple(place)] = reader
        return reader.read(body)

    def _descriptor(self, schema_id: int, place: list[int]) -> Descriptor:
        file = self._file(schema_id)
        said = f"schema id {schema_id}"
        if isinstance(file, str):
            raise Rejected(Reason.NOT_DECODABLE, f"{said}: {file}")
        messages, found = _in_order(file), None
        for index in place:
            if not 0 <= index < len(messages):
                raise Rejected(
                    Reason.NOT_DECODABLE, f"{said} has no message at {place} of its file"
                )
            found = messages[index]
            messages = list(found.nested_types)
        if found is None or (self._message and found.full_name != self._message):
            name = found.full_name if found else "none"
            raise Rejected(
                Reason.NOT_DECODABLE,
                f"{said}: message {self._message} is required, got {name}",
            )
        return found

    def _file(self, schema_id: int) -> FileDescriptor | str:
        """Returns the file that a schema is, or why it is none: it is compiled once."""
        file = self._files.get(schema_id)
        if file is None:
            try:
                file = _loaded(self._schemas, schema_id)
            except proto_text.ProtoError as error:
                file = str(error)
            self._files[schema_id] = file
        return file


def _loaded(schemas: SchemaSource, schema_id: int) -> FileDescriptor:
    compiled = proto_text.compiled(schemas.schema(schema_id))
    # A pool of its own: two versions of a schema have the same names.
    pool = descriptor_pool.DescriptorPool()
    try:
        for each in compiled.file:
            pool.Add(each)
        return pool.FindFileByName(proto_text.MAIN)
    except (KeyError, TypeError) as error:
        raise proto_text.ProtoError(f"no Protobuf schema: {str(error)[:200]}") from None


def _in_order(file: FileDescriptor) -> list[Descriptor]:
    """Returns the messages of a file as they stand in it: that is how the frame counts them."""
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    return [file.message_types_by_name[each.name] for each in proto.message_type]
