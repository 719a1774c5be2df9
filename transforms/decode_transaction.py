"""Step 2: turns the bytes of a record into a transaction, or into a dead letter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from transforms import metrics
from transforms.contract import replay, wire_format
from transforms.contract.dead_letter import DeadLetter, Rejected
from transforms.contract.transaction import KafkaRecord, Transaction

DECODED = "decoded"
DEAD_LETTERS = "dead_letters"


class Decoded(NamedTuple):
    """A transaction beside its record, whose bytes a later rejection still needs."""

    record: KafkaRecord
    transaction: Transaction


class DecodeTransaction(beam.PTransform):
    """Decodes strict JSON.

    Input:      KafkaRecord.
    Output:     decoded       Decoded, for each payload that is one well-formed transaction
                dead_letters  DeadLetter, with the raw bytes and a reason, for every other
    Guarantee:  decoded + dead_letters == input, record for record.
    """

    class Outputs(NamedTuple):
        """The two ends of the step."""

        decoded: beam.PCollection[Decoded]
        dead_letters: beam.PCollection[DeadLetter]

    def expand(self, records: beam.PCollection[KafkaRecord]) -> DecodeTransaction.Outputs:
        """Returns decoded transactions and dead letters."""
        outputs = records | "Decode" >> beam.ParDo(_DecodeFn()).with_outputs(
            DEAD_LETTERS, main=DECODED
        )
        return self.Outputs(outputs[DECODED], outputs[DEAD_LETTERS])


class _DecodeFn(beam.DoFn):
    def __init__(self) -> None:
        self._invalid = metrics.counter("records_invalid")

    def process(self, record: KafkaRecord) -> Iterator[Decoded | TaggedOutput]:
        try:
            transaction = wire_format.decode(record)
        except Rejected as rejected:
            # The only failure that a retry cannot mend. Anything else must fail the bundle: a
            # bundle that succeeds is a promise that its output is complete.
            self._invalid.inc()
            replay_of = replay.replay_of_or_none(record)
            letter = DeadLetter.of(record, rejected, "DecodeTransaction", replay_of)
            yield TaggedOutput(DEAD_LETTERS, letter)
        else:
            yield Decoded(record, transaction)
