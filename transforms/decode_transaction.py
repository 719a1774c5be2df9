"""Step 2: turns the bytes of a record into a transaction that may be counted, or a dead letter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from transforms import metrics, worker_memory
from transforms.codecs import batch_decode
from transforms.payment import batch_rules, replay
from transforms.payment.dead_letter import DeadLetter
from transforms.payment.rules import Rules
from transforms.payment.transaction import KafkaRecord, Transaction

TRANSACTIONS = "transactions"
DEAD_LETTERS = "dead_letters"
_STEP = "DecodeTransaction"


class DecodeTransaction(beam.PTransform):
    """Decodes strict JSON, and checks what makes a transaction countable (payment/rules.py).

    Input:      [KafkaRecord, …].
    Output:     transactions  [Transaction, …], of the payloads that are one well-formed
                              transaction each and keep every rule
                dead_letters  [DeadLetter, …], with the raw bytes and a reason, of every other
    Guarantee:  transactions + dead_letters == input, record for record. Rejects all that BigQuery
                would refuse: a rejection after deduplication would leave an id remembered that no
                table holds.
    """

    class Outputs(NamedTuple):
        """The two ends of the step."""

        transactions: beam.PCollection[list[Transaction]]
        dead_letters: beam.PCollection[list[DeadLetter]]

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self._rules = rules

    def expand(self, records: beam.PCollection[list[KafkaRecord]]) -> DecodeTransaction.Outputs:
        """Returns valid transactions and dead letters."""
        outputs = records | "Decode" >> beam.ParDo(_DecodeFn(self._rules)).with_outputs(
            DEAD_LETTERS, main=TRANSACTIONS
        )
        return self.Outputs(outputs[TRANSACTIONS], outputs[DEAD_LETTERS])


class _DecodeFn(beam.DoFn):
    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._invalid = metrics.counter("records_invalid")

    def setup(self) -> None:
        worker_memory.collect_seldom()

    def process(self, batch: list[KafkaRecord]) -> Iterator[list[Transaction] | TaggedOutput]:
        # Only what a retry cannot cure is caught (Rejected). Anything else must fail the bundle: a
        # bundle that succeeds is a promise that its output is complete.
        records, transactions, rejected = batch_decode.decode(batch)
        letters = [
            DeadLetter.of(record, why, _STEP, replay.replay_of_or_none(record))
            for record, why in rejected
        ]
        broken = dict(batch_rules.broken(self._rules, transactions))
        if broken:
            letters += [
                DeadLetter.of(records[place], why, _STEP, transactions[place].replay_of)
                for place, why in broken.items()
            ]
            transactions = [each for place, each in enumerate(transactions) if place not in broken]
        if letters:
            self._invalid.inc(len(letters))
            yield TaggedOutput(DEAD_LETTERS, letters)
        if transactions:
            yield transactions
