"""The changes of the next version: a rule, a step and a column more."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import apache_beam as beam
import pyarrow as pa

from operations.reconcile.truth import Limits
from transforms.bigquery import arrow_rows
from transforms.payment.dead_letter import Reason, Rejected
from transforms.payment.fields import Column
from transforms.payment.rules import Rules
from transforms.payment.tables import TRANSACTIONS
from transforms.payment.transaction import KafkaRecord, Transaction, judged_at_us
from transforms.read_kafka import ReadKafka

# No payment of the simulator comes from there.
EMBARGOED = "AQ"

# Behind all others, as columns that come later are (docs/upgrade.md).
LAG = Column("lag_ms", "INT64", "From the payment to its arrival, milliseconds.", True, added=999)
NEXT_TRANSACTIONS = dataclasses.replace(TRANSACTIONS, columns=(*TRANSACTIONS.columns, LAG))


@dataclasses.dataclass(frozen=True)
class NextRules(Rules):
    """One rule more: no payments from an embargoed country.

    Attributes:
        in_force_from_us: applies to what arrives from then on. A rule that asked for the version
            instead would judge a record otherwise in a replay.
    """

    in_force_from_us: int = 0

    def plainly_kept_by_all(self, transactions: Sequence[Transaction]) -> bool:
        """Returns what it did, but for the country that the new rule is about."""
        old_rules = super().plainly_kept_by_all(transactions)
        return old_rules and all(each.country != EMBARGOED for each in transactions)

    def check(self, transaction: Transaction) -> None:
        """Checks the rules as before, and the new one."""
        super().check(transaction)
        in_force = judged_at_us(transaction) >= self.in_force_from_us
        if in_force and transaction.country == EMBARGOED:
            raise Rejected(Reason.BAD_COUNTRY, f"country must not be {EMBARGOED}")


@dataclasses.dataclass(frozen=True)
class NextLimits(Limits):
    """What the reconciliation of the next version judges records by.

    Attributes:
        in_force_from_us: of NextRules.
    """

    in_force_from_us: int = 0

    @property
    def rules(self) -> Rules:
        """Returns the rules with the new one."""
        return NextRules(self.clock_skew_us, in_force_from_us=self.in_force_from_us)


class ReadKafkaAndCount(ReadKafka):
    """One step more, far up: every step below it gets another number in Beam's graph."""

    def expand(self, root: beam.Pipeline) -> beam.PCollection[list[KafkaRecord]]:
        """Returns the records, unchanged."""
        return super().expand(root) | "CountBytes" >> beam.ParDo(_CountBytesFn()).with_output_types(
            list[KafkaRecord]
        )


class _CountBytesFn(beam.DoFn):
    def __init__(self) -> None:
        self._bytes = beam.metrics.Metrics.counter("next_version", "payload_bytes")

    def process(self, batch: list[KafkaRecord]) -> Iterator[list[KafkaRecord]]:
        self._bytes.inc(sum(len(record.payload or b"") for record in batch))
        yield batch


def with_lag(payments: Sequence[Transaction]) -> arrow_rows.Columns:
    """Returns the columns of `transactions`, the new one among them."""
    lags_ms = [(each.broker_time_us - each.event_time_us) // 1_000 for each in payments]
    return arrow_rows.of_payments(payments) | {LAG.name: pa.array(lags_ms, pa.int64())}


NEXT_ENCODERS = {
    **arrow_rows.ENCODERS,
    NEXT_TRANSACTIONS.name: arrow_rows.Encoder(NEXT_TRANSACTIONS, with_lag),
}
