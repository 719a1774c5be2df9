"""Decodes as the job does, for commands: a registry that is away is told in a line."""

from __future__ import annotations

from operations.errors import CannotCheck
from transforms.codecs.contract.decoder import Decoder, source_of
from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.schema_source import (
    RegistryUnavailable,
    SchemaSource,
    WriterSchema,
)
from transforms.payment.ends_job import without_mark

# A person waits, and may ask again: longer than a registry needs to start anew.
PATIENCE_SEC = 10.0


class _Told:
    """A source of schemas whose silence ends a command, not a job."""

    def __init__(self, asked: SchemaSource) -> None:
        self._asked = asked

    def schema(self, schema_id: int) -> WriterSchema:
        """Returns the schema; see SchemaSource. Raises CannotCheck when nobody answers."""
        try:
            return self._asked.schema(schema_id)
        except RegistryUnavailable as error:
            raise CannotCheck(without_mark(str(error))) from None


def decoder_of(contract: Contract, patience_sec: float = PATIENCE_SEC) -> Decoder:
    """Returns what decodes by a contract.

    Args:
        contract: a checked one.
        patience_sec: for how long a registry that gives no answer is asked again.

    Raises:
        AuthError: the login of its registry cannot be read.
    """
    asked = source_of(contract, patience_sec)
    return Decoder(contract, _Told(asked) if asked else None)
