"""Step 4: sets aside the transactions that arrived after the allowed lateness."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from transforms import metrics
from transforms.payment import batch_rules
from transforms.payment.rules import is_late
from transforms.payment.transaction import Transaction

ON_TIME = "on_time"
LATE = "late"


class SplitLate(beam.PTransform):
    """Measures lateness from the record itself, not from a runner's watermark.

    Input:      [Transaction, …].
    Output:     on_time  [Transaction, …] that arrived within the allowed lateness of their event
                         time
                late     [Transaction, …], every other, unchanged
    Guarantee:  on_time + late == input; the same split on every runner and in every replay.
    """

    class Outputs(NamedTuple):
        """The two ends of the step."""

        on_time: beam.PCollection[list[Transaction]]
        late: beam.PCollection[list[Transaction]]

    def __init__(self, allowed_lateness_us: int) -> None:
        super().__init__()
        self._allowed_lateness_us = allowed_lateness_us

    def expand(self, transactions: beam.PCollection[list[Transaction]]) -> SplitLate.Outputs:
        """Returns transactions on time and late ones."""
        outputs = transactions | "Split" >> beam.ParDo(
            _SplitLateFn(self._allowed_lateness_us)
        ).with_outputs(LATE, main=ON_TIME)
        return self.Outputs(outputs[ON_TIME], outputs[LATE])


class _SplitLateFn(beam.DoFn):
    def __init__(self, allowed_lateness_us: int) -> None:
        self._allowed_lateness_us = allowed_lateness_us
        self._late = metrics.counter("transactions_late")

    def process(self, batch: list[Transaction]) -> Iterator[list[Transaction] | TaggedOutput]:
        # One of few batches holds a late one: most are passed on as they are.
        on_time = batch
        if not batch_rules.all_on_time(batch, self._allowed_lateness_us):
            late = [each for each in batch if is_late(each, self._allowed_lateness_us)]
            on_time = [each for each in batch if not is_late(each, self._allowed_lateness_us)]
            if late:
                self._late.inc(len(late))
                yield TaggedOutput(LATE, late)
        if on_time:
            yield on_time
