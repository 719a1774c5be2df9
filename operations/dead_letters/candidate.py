"""A dead letter as it would be sent, and what can be found out about it beforehand."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from operations.dead_letters.letters import Counted, Fate, place_of
from operations.reconcile.truth import Place
from transforms.codecs.contract import native
from transforms.codecs.contract.decoder import Decoder
from transforms.payment.dead_letter import DeadLetter
from transforms.payment.transaction import Headers, KafkaRecord


class Candidate(NamedTuple):
    """A dead letter with what would be sent for it."""

    letter: DeadLetter
    key: bytes | None
    payload: bytes | None  # None: a tombstone, or bytes that nobody has any more
    headers: Headers = ()  # those that the contract asks for

    @property
    def place(self) -> Place:
        """Returns where the dead letter is."""
        return place_of(self.letter)

    @property
    def record(self) -> KafkaRecord:
        """Returns what would be sent, as if it arrived when the letter did."""
        arrival_us = self.letter.broker_time_us
        return KafkaRecord(*self.place, arrival_us, self.key, self.payload, None, self.headers)

    def transaction_id(self, decoder: Decoder) -> str | None:
        """Returns the id in the record, None when none can be read.

        Read more freely than the pipeline reads: an id must be found even in what is sent only
        because of --even-invalid, for another version or setting may take it.
        """
        if not native.is_native(decoder.contract):
            return decoder.id_of(self.record)
        try:
            fields = orjson.loads(self.payload or b"")
        except orjson.JSONDecodeError:
            return None
        found = fields.get("transaction_id") if isinstance(fields, dict) else None
        return found if isinstance(found, str) else None


@dataclasses.dataclass(frozen=True)
class Known:
    """What can be found out about the letters of one send.

    Attributes:
        counted: accepted records, by transaction_id.
        fates: rows that name a letter as the one they send again, by the letter's place.
        under_way: records in Kafka that do, whether they have a row yet or not.
        parents: the letters that the letters of this send say they sent again.
        receipt: what this send has sent already, before it was interrupted.
    """

    counted: Mapping[str, Counted] = dataclasses.field(default_factory=dict)
    fates: Mapping[Place, Sequence[Fate]] = dataclasses.field(default_factory=dict)
    under_way: Mapping[Place, Place] = dataclasses.field(default_factory=dict)
    parents: Mapping[Place, DeadLetter] = dataclasses.field(default_factory=dict)
    receipt: Mapping[Place, str] = dataclasses.field(default_factory=dict)
