"""Step 4: sets aside the transactions that arrived after the allowed lateness."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from transforms import metrics
from transforms.contract.rules import is_late
from transforms.contract.transaction import Transaction

ON_TIME = "on_time"
LATE = "late"


class SplitLate(beam.PTransform):
    """Measures lateness from the record itself, not from a runner's watermark.

    Input:      Transaction.
    Output:     on_time  arrived within the allowed lateness of its event time
                late     every other, unchanged
    Guarantee:  on_time + late == input; the same split on every runner and in every replay.
    """

    class Outputs(NamedTuple):
        """The two ends of the step."""

        on_time: beam.PCollection[Transaction]
        late: beam.PCollection[Transaction]

    def __init__(self, allowed_lateness_us: int) -> None:
        super().__init__()
        self._allowed_lateness_us = allowed_lateness_us

    def expand(self, transactions: beam.PCollection[Transaction]) -> SplitLate.Outputs:
        """Returns transactions on time and late ones."""
        outputs = transactions | "Split" >> beam.ParDo(
            _SplitLateFn(self._allowed_lateness_us)
        ).with_outputs(LATE, main=ON_TIME)
        return self.Outputs(outputs[ON_TIME], outputs[LATE])


class _SplitLateFn(beam.DoFn):
    def __init__(self, allowed_lateness_us: int) -> None:
        self._allowed_lateness_us = allowed_lateness_us
        self._late = metrics.counter("transactions_late")

    def process(self, transaction: Transaction) -> Iterator[Transaction | TaggedOutput]:
        if is_late(transaction, self._allowed_lateness_us):
            self._late.inc()
            yield TaggedOutput(LATE, transaction)
        else:
            yield transaction
