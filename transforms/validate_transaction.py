"""Step 3: lets through the transactions that keep every rule; the others become dead letters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from transforms import metrics
from transforms.contract.dead_letter import DeadLetter, Rejected
from transforms.contract.rules import Rules
from transforms.contract.transaction import Transaction

VALID = "valid"
DEAD_LETTERS = "dead_letters"


class ValidateTransaction(beam.PTransform):
    """Checks what makes a transaction countable (transforms/contract/rules.py).

    Input:      Decoded (record, transaction).
    Output:     valid         Transaction
                dead_letters  DeadLetter, with the raw bytes and a reason
    Guarantee:  valid + dead_letters == input. Rejects all that BigQuery would refuse: a rejection
                after deduplication would leave an id remembered that no table holds.
    """

    class Outputs(NamedTuple):
        """The two ends of the step."""

        valid: beam.PCollection[Transaction]
        dead_letters: beam.PCollection[DeadLetter]

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

    def process(self, decoded: tuple) -> Iterator[Transaction | TaggedOutput]:
        record, transaction = decoded
        try:
            self._rules.check(transaction)
        except Rejected as rejected:
            self._invalid.inc()
            letter = DeadLetter.of(record, rejected, "ValidateTransaction", transaction.replay_of)
            yield TaggedOutput(DEAD_LETTERS, letter)
        else:
            yield transaction
