"""Step 2: turns the bytes of a record into a transaction that may be counted, or a dead letter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from transforms import metrics, worker_memory
from transforms.codecs.contract.decoder import Decoder
from transforms.payment import batch_rules, replay, skipped
from transforms.payment.dead_letter import DeadLetter, Rejected
from transforms.payment.rules import Rules
from transforms.payment.skipped import SkippedRange
from transforms.payment.transaction import KafkaRecord, ReplayOf, Transaction

TRANSACTIONS = "transactions"
DEAD_LETTERS = "dead_letters"
SKIPPED = "skipped"
_STEP = "DecodeTransaction"


class DecodeTransaction(beam.PTransform):
    """Decodes as the contract says, and checks what makes a transaction countable.

    Input:      [KafkaRecord, …].
    Output:     transactions  [Transaction, …], of the payloads that are one well-formed
                              transaction each and keep every rule (payment/rules.py)
                dead_letters  [DeadLetter, …], with the raw bytes and a reason, of every record
                              that should be one and is not
                skipped       [SkippedRange, …], of the records that are not the payment, as the
                              contract says
    Guarantee:  transactions + dead_letters + skipped == input, record for record. Rejects all that
                BigQuery would refuse: a rejection after deduplication would leave an id remembered
                that no table holds.
    """

    class Outputs(NamedTuple):
        """The three ends of the step."""

        transactions: beam.PCollection[list[Transaction]]
        dead_letters: beam.PCollection[list[DeadLetter]]
        skipped: beam.PCollection[list[SkippedRange]]

    def __init__(self, decoder: Decoder, rules: Rules) -> None:
        super().__init__()
        self._decoder = decoder
        self._rules = rules

    def expand(self, records: beam.PCollection[list[KafkaRecord]]) -> DecodeTransaction.Outputs:
        """Returns valid transactions, dead letters and what was skipped."""
        decode = beam.ParDo(_DecodeFn(self._decoder, self._rules))
        outputs = records | "Decode" >> decode.with_outputs(
            DEAD_LETTERS, SKIPPED, main=TRANSACTIONS
        )
        return self.Outputs(outputs[TRANSACTIONS], outputs[DEAD_LETTERS], outputs[SKIPPED])


class _DecodeFn(beam.DoFn):
    def __init__(self, decoder: Decoder, rules: Rules) -> None:
        self._decoder = decoder
        self._rules = rules
        self._with_headers = bool(decoder.contract.headers)
        self._invalid = metrics.counter("records_invalid")
        self._skipped = metrics.counter("records_skipped")

    def setup(self) -> None:
        worker_memory.collect_seldom()

    def process(self, batch: list[KafkaRecord]) -> Iterator[list[Transaction] | TaggedOutput]:
        # Only what a retry cannot cure is caught (Rejected). Anything else must fail the bundle: a
        # bundle that succeeds is a promise that its output is complete.
        decoded = self._decoder.decode(batch)
        records, transactions = decoded.records, decoded.transactions
        letters = [
            self._letter(record, why, replay.replay_of_or_none(record))
            for record, why in decoded.rejected
        ]
        broken = dict(batch_rules.broken(self._rules, transactions))
        if broken:
            letters += [
                self._letter(records[place], why, transactions[place].replay_of)
                for place, why in broken.items()
            ]
            transactions = [each for place, each in enumerate(transactions) if place not in broken]
        if letters:
            self._invalid.inc(len(letters))
            yield TaggedOutput(DEAD_LETTERS, letters)
        if decoded.skipped:
            self._skipped.inc(len(decoded.skipped))
            yield TaggedOutput(SKIPPED, skipped.ranges_of(decoded.skipped))
        if transactions:
            yield transactions

    def _letter(self, record: KafkaRecord, why: Rejected, of: ReplayOf | None) -> DeadLetter:
        return DeadLetter.of(record, why, _STEP, of, self._with_headers)
