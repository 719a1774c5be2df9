"""Step 3: lets through the transactions that keep every rule; the others become dead letters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from transforms import metrics
from transforms.contract import batch_rules
from transforms.contract.dead_letter import DeadLetter
from transforms.contract.rules import Rules
from transforms.contract.transaction import Transaction

VALID = "valid"
DEAD_LETTERS = "dead_letters"


class ValidateTransaction(beam.PTransform):
    """Checks what makes a transaction countable (transforms/contract/rules.py).

    Input:      Decoded (records, transactions).
    Output:     valid         [Transaction, …]
                dead_letters  [DeadLetter, …], with the raw bytes and a reason
    Guarantee:  valid + dead_letters == input. Rejects all that BigQuery would refuse: a rejection
                after deduplication would leave an id remembered that no table holds.
    """

    class Outputs(NamedTuple):
        """The two ends of the step."""

        valid: beam.PCollection[list[Transaction]]
        dead_letters: beam.PCollection[list[DeadLetter]]

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self._rules = rules

    def expand(self, decoded: beam.PCollection) -> ValidateTransaction.Outputs:
        """Returns valid transactions and dead letters."""
        outputs = decoded | "Validate" >> beam.ParDo(_ValidateFn(self._rules)).with_outputs(
            DEAD_LETTERS, main=VALID
        )
        return self.Outputs(outputs[VALID], outputs[DEAD_LETTERS])


class _ValidateFn(beam.DoFn):
    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._invalid = metrics.counter("records_invalid")

    def process(self, decoded: tuple) -> Iterator[list[Transaction] | TaggedOutput]:
        records, transactions = decoded
        rejected = dict(batch_rules.broken(self._rules, transactions))
        if rejected:
            self._invalid.inc(len(rejected))
            letters = [
                DeadLetter.of(
                    records[place], why, "ValidateTransaction", transactions[place].replay_of
                )
                for place, why in rejected.items()
            ]
            yield TaggedOutput(DEAD_LETTERS, letters)
            transactions = [
                each for place, each in enumerate(transactions) if place not in rejected
            ]
        if transactions:
            yield transactions
