"""Sources of the schemas of records, by id."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from transforms.payment.dead_letter import Reason, Rejected
from transforms.payment.ends_job import EndsJob

_SUFFIXES = {".avsc": "AVRO", ".proto": "PROTOBUF", ".json": "JSON"}


class WriterSchema(NamedTuple):
    """A schema as a registry has it.

    Attributes:
        text: of the schema.
        kind: AVRO, PROTOBUF or JSON.
        references: texts of the schemas that it names, each after those that it names itself.
        names: of the references, by which Protobuf imports them.
    """

    text: str
    kind: str = "AVRO"
    references: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


class RegistryUnavailable(EndsJob):
    """The registry gives no answer, however often it is asked: no record may be judged.

    The job ends, and does not begin anew by itself: it would be as silent as before.
    """


class SchemaSource(Protocol):
    """Gives schemas by their ids."""

    def schema(self, schema_id: int) -> WriterSchema:
        """Returns the schema.

        Raises:
            Rejected: nobody has given this id to a schema (`unknown_schema`).
            RegistryUnavailable: it could not be asked.
        """


def unknown(schema_id: int, where: str) -> Rejected:
    """Returns the rejection of a record whose schema nobody knows."""
    return Rejected(Reason.UNKNOWN_SCHEMA, f"schema id {schema_id} is not known to {where}")


class KnownSchemas:
    """Schemas that are at hand, for samples and tests."""

    def __init__(self, schemas: Mapping[int, WriterSchema], where: str = "these schemas") -> None:
        self._schemas = schemas
        self._where = where

    def schema(self, schema_id: int) -> WriterSchema:
        """Returns the schema; see SchemaSource."""
        found = self._schemas.get(schema_id)
        if found is None:
            raise unknown(schema_id, self._where)
        return found

    @classmethod
    def in_folder(cls, folder: Path) -> KnownSchemas:
        """Returns the schemas of files named by their ids: 7.avsc, 12.proto.

        Raises:
            OSError: they cannot be read.
        """
        schemas = {}
        for path in sorted(folder.iterdir()):
            if path.suffix in _SUFFIXES and path.stem.isdecimal():
                text = path.read_text("utf-8")
                schemas[int(path.stem)] = WriterSchema(text, _SUFFIXES[path.suffix])
        return cls(schemas, str(folder))
