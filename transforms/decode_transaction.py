"""Step 2: turns the bytes of a record into a transaction, or into a dead letter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from transforms import metrics
from transforms.contract import batch_decode, replay
from transforms.contract.dead_letter import DeadLetter
from transforms.contract.transaction import KafkaRecord, Transaction

DECODED = "decoded"
DEAD_LETTERS = "dead_letters"


class Decoded(NamedTuple):
    """Transactions beside their records, whose bytes a later rejection still needs."""

    records: list[KafkaRecord]
    transactions: list[Transaction]


class DecodeTransaction(beam.PTransform):
    """Decodes strict JSON.

    Input:      [KafkaRecord, …].
    Output:     decoded       Decoded, of the payloads that are one well-formed transaction each
                dead_letters  [DeadLetter, …], with the raw bytes and a reason, of every other
    Guarantee:  decoded + dead_letters == input, record for record.
    """

    class Outputs(NamedTuple):
        """The two ends of the step."""

        decoded: beam.PCollection[Decoded]
        dead_letters: beam.PCollection[list[DeadLetter]]

    def expand(self, records: beam.PCollection[list[KafkaRecord]]) -> DecodeTransaction.Outputs:
        """Returns decoded transactions and dead letters."""
        outputs = records | "Decode" >> beam.ParDo(_DecodeFn()).with_outputs(
            DEAD_LETTERS, main=DECODED
        )
        return self.Outputs(outputs[DECODED], outputs[DEAD_LETTERS])


class _DecodeFn(beam.DoFn):
    def __init__(self) -> None:
        self._invalid = metrics.counter("records_invalid")

    def process(self, batch: list[KafkaRecord]) -> Iterator[Decoded | TaggedOutput]:
        # Only what a retry cannot mend is caught (Rejected). Anything else must fail the bundle: a
        # bundle that succeeds is a promise that its output is complete.
        records, transactions, rejected = batch_decode.decode(batch)
        if rejected:
            self._invalid.inc(len(rejected))
            letters = [
                DeadLetter.of(record, why, "DecodeTransaction", replay.replay_of_or_none(record))
                for record, why in rejected
            ]
            yield TaggedOutput(DEAD_LETTERS, letters)
        if records:
            yield Decoded(records, transactions)
