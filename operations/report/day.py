"""All that a report tells, as plain values; money is Decimal, never a float."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from operations.report.conservation import PartitionLine
from operations.report.skipped import RuleLine
from operations.runs.run import Run
from transforms.payment.outcome import Outcome
from transforms.payment.tables import OUTCOME_TABLES

# What is counted comes first.
IN_ORDER = (*(table.outcome for table in OUTCOME_TABLES), Outcome.SKIPPED)


class State(enum.Enum):
    """What the report has found of the range."""

    CONSERVED = "conserved"  # each record of Kafka has one row
    NOT_CONSERVED = "not_conserved"
    NOT_PROVEN = "not_proven"  # Kafka was not asked, and the tables do not contradict themselves
    EMPTY = "empty"  # Kafka holds no record of the range, nor the tables a row


class Cell(NamedTuple):
    """Rows that are counted together; currency and amount are None where no payment is.

    Of skipped records it is what their ranges count.
    """

    outcome: Outcome
    topic: str
    partition: int
    currency: str | None
    bucket_us: int
    rows: int
    amount: Decimal | None


class Money(NamedTuple):
    """How many rows, and their sum in major units."""

    rows: int
    amount: Decimal


class Side(NamedTuple):
    """What one side of a conflict says; all None where there is no such payment."""

    amount: Decimal | None
    currency: str | None
    account_id: str | None
    merchant_id: str | None
    event_time: dt.datetime | None


class Conflict(NamedTuple):
    """A record that contradicts an accepted payment, and that payment."""

    transaction_id: str
    broker_time: dt.datetime
    place: str
    first: str
    other: Side
    paid: Side

    @property
    def differs_in(self) -> tuple[str, ...]:
        """Returns the facts that differ."""
        facts = ("amount", "currency", "account_id", "merchant_id")
        return tuple(n for n in facts if getattr(self.other, n) != getattr(self.paid, n))


class Repeater(NamedTuple):
    """A payee whose payments were repeated."""

    merchant_id: str
    copies: int
    ids: int
    delay_sec_max: int


class LateClass(NamedTuple):
    """Payments that arrived so late; the limits are those of queries.LATENESS_MS."""

    number: int
    outcome: Outcome
    records: int
    late_ms_max: int


class ReasonLine(NamedTuple):
    """Dead letters of one reason."""

    reason: str
    step: str
    records: int
    sent_again: int
    first: dt.datetime
    last: dt.datetime
    example: str | None


class IndicatorLine(NamedTuple):
    """One fraud indicator."""

    indicator: str
    raised: int
    accounts: int


class AccountLine(NamedTuple):
    """An account that has raised indicators."""

    account_id: str
    raised: int
    kinds: int


class VerdictLine(NamedTuple):
    """A reconciliation since the range began.

    Attributes:
        covers: whether it has checked all offsets of the range; None where they are not known.
    """

    finished_at: dt.datetime
    verdict: str
    scope: str
    covers: bool | None
    read: int
    missing: int
    double: int
    unknown: int
    checked_by: str
    problems: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Twice:
    """Ids that `transactions` counts more than once, one of the rows in the range.

    Attributes:
        rows: rows too many.
        examples: the first, in words.
        elsewhere: of the rows, those whose place has not got two rows anyway.
        again: how many ids were accepted again beyond the horizon in the whole history; legal.
    """

    rows: int
    examples: tuple[str, ...]
    elsewhere: int
    again: int


@dataclasses.dataclass(frozen=True)
class Day:
    """A range of time, and all that is known of it.

    Attributes:
        bucket_sec: an hour, or a day of a long range.
        partitions: conservation, partition by partition.
        rules: what the ranges of skipped records count, by rule.
        surplus: places with more than one row, in words, the first of them.
        expired: rows of the time whose records Kafka does not hold: they are not counted here.
        read_bytes: what the queries read of BigQuery, None where it does not tell.
    """

    dataset: str
    topics: tuple[str, ...]
    since: dt.datetime
    until: dt.datetime
    made_at: dt.datetime
    bucket_sec: int
    cells: tuple[Cell, ...]
    partitions: tuple[PartitionLine, ...]
    surplus: tuple[str, ...]
    twice: Twice
    conflicts: tuple[Conflict, ...]
    repeaters: tuple[Repeater, ...]
    lateness: tuple[LateClass, ...]
    reasons: tuple[ReasonLine, ...]
    rules: tuple[RuleLine, ...]
    indicators: tuple[IndicatorLine, ...]
    accounts: tuple[AccountLine, ...]
    verdicts: tuple[VerdictLine, ...]
    runs: tuple[Run, ...]
    notes: tuple[str, ...]
    expired: int
    read_bytes: int | None

    @property
    def outcomes(self) -> Mapping[Outcome, int]:
        """Returns the rows of each outcome."""
        found: Counter[Outcome] = Counter()
        for cell in self.cells:
            found[cell.outcome] += cell.rows
        return {outcome: found[outcome] for outcome in IN_ORDER}

    @property
    def read(self) -> int | None:
        """Returns the records in Kafka, None where it was not asked."""
        known = [line.records for line in self.partitions if line.records is not None]
        return sum(known) if len(known) == len(self.partitions) else None

    @property
    def missing(self) -> int:
        """Returns how many records are in no table."""
        return sum(line.missing for line in self.partitions)

    @property
    def unknown(self) -> int:
        """Returns how many offsets the tables hold where Kafka has no record."""
        return sum(line.unknown for line in self.partitions)

    @property
    def double(self) -> int:
        """Returns how many rows there are too many, by place or by id."""
        return sum(line.surplus for line in self.partitions) + self.twice.elsewhere

    @property
    def money(self) -> Mapping[str, Mapping[Outcome, Money]]:
        """Returns count and sum of each currency and outcome, exact."""
        found: dict[str, dict[Outcome, Money]] = defaultdict(dict)
        for cell in self.cells:
            if cell.currency is None or cell.amount is None:
                continue
            before = found[cell.currency].get(cell.outcome, Money(0, Decimal(0)))
            found[cell.currency][cell.outcome] = Money(
                before.rows + cell.rows, before.amount + cell.amount
            )
        return {currency: found[currency] for currency in sorted(found)}

    def by_bucket(self) -> Mapping[int, Mapping[Outcome, int]]:
        """Returns the rows of each hour or day, those without a row as well."""
        found: dict[int, Counter[Outcome]] = {bucket: Counter() for bucket in self._buckets()}
        for cell in self.cells:
            found.setdefault(cell.bucket_us, Counter())[cell.outcome] += cell.rows
        return {bucket: found[bucket] for bucket in sorted(found)}

    @property
    def state(self) -> State:
        """Returns what was found."""
        if self.double or self.unknown or not all(line.adds_up for line in self.partitions):
            return State.NOT_CONSERVED
        if not any(self.outcomes.values()) and not self.read:
            return State.EMPTY
        return State.NOT_PROVEN if self.read is None else State.CONSERVED

    @property
    def proof(self) -> VerdictLine | None:
        """Returns the newest reconciliation that has checked the whole range."""
        return next((line for line in self.verdicts if line.covers), None)

    @property
    def well(self) -> bool:
        """Returns whether neither the counts nor the newest reconciliation of it all object."""
        denied = self.proof is not None and self.proof.verdict != "reconciled"
        return self.state is not State.NOT_CONSERVED and not denied

    def last_line(self) -> str:
        """Returns the answer in one line."""
        fields = {"read": "unknown" if self.read is None else self.read}
        fields |= {outcome.value: count for outcome, count in self.outcomes.items()}
        fields |= {"missing": self.missing, "double": self.double, "unknown": self.unknown}
        return f"{self.state.value}: " + " ".join(
            f"{name}={value}" for name, value in fields.items()
        )

    def _buckets(self) -> Sequence[int]:
        step_us = self.bucket_sec * 1_000_000
        first, last = (round(moment.timestamp() * 1_000_000) for moment in (self.since, self.until))
        return range(first // step_us * step_us, last, step_us)
