"""Writes the report: for people, for programs, and in one last line."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from tabulate import tabulate

from operations.reconcile.checks import Check
from operations.reconcile.compare import CurrencyLine, plain
from operations.reconcile.coverage import PartitionLine
from operations.reconcile.scope import Scope
from transforms.payment.outcome import Outcome
from transforms.payment.tables import OUTCOME_TABLES

# The outcomes in the order in which the last line names them.
LAST_LINE_OUTCOMES = (
    Outcome.ACCEPTED,
    Outcome.DUPLICATE,
    Outcome.CONFLICT,
    Outcome.LATE,
    Outcome.INVALID,
    Outcome.SKIPPED,
)


class Counts(NamedTuple):
    """How often each thing was counted.

    Attributes:
        read: records in Kafka.
        outcomes: rows in the table of each outcome, in the checked ranges.
        missing: records in no table.
        double: rows too many: of a record that has one, or of an id that was accepted before.
        unknown: rows of no record.
    """

    read: int
    outcomes: Mapping[Outcome, int]
    missing: int
    double: int
    unknown: int


@dataclasses.dataclass(frozen=True)
class Report:
    """The result of a reconciliation.

    Attributes:
        checks: every question that was asked; all must hold.
        notes: what is no failure, but should be known.
        scope: which part of what Kafka retains was checked.
    """

    counts: Counts
    partitions: tuple[PartitionLine, ...]
    currencies: tuple[CurrencyLine, ...]
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()
    scope: Scope | None = None

    @property
    def balanced(self) -> bool:
        """Returns whether every record was counted exactly once, and rightly."""
        return all(check.ok for check in self.checks)

    @property
    def missing(self) -> int:
        """Returns how many records are in no table."""
        return self.counts.missing

    @property
    def double(self) -> int:
        """Returns how many rows there are too many."""
        return self.counts.double

    @property
    def problems(self) -> list[str]:
        """Returns the failures, the first few of each check: `check: what is wrong`."""
        return [f"{check.name}: {text}" for check in self.checks for text in check.examples]

    def failed(self) -> list[str]:
        """Returns the names of the checks that do not hold."""
        return [check.name for check in self.checks if not check.ok]

    def last_line(self) -> str:
        """Returns the answer in one line."""
        counts = self.counts
        fields = {"read": counts.read}
        fields |= {outcome.value: counts.outcomes[outcome] for outcome in LAST_LINE_OUTCOMES}
        fields |= {"missing": counts.missing, "double": counts.double}
        verdict = "reconciled" if self.balanced else "NOT reconciled"
        return f"{verdict}: " + " ".join(f"{name}={value}" for name, value in fields.items())

    def text(self) -> str:
        """Returns the report for people; its last line is `last_line()`."""
        parts = [
            _outcome_table(self.counts),
            _partition_table(self.partitions),
            _currency_table(self.currencies),
            _check_table(self.checks),
            *(_failure(check) for check in self.checks if not check.ok),
            "\n".join(f"note: {note}" for note in self.notes),
            self.last_line(),
        ]
        return "\n\n".join(part for part in parts if part)

    def document(self) -> dict[str, Any]:
        """Returns the report for programs: plain values, amounts as text."""
        counts = self.counts
        return {
            "balanced": self.balanced,
            "last_line": self.last_line(),
            **counts._asdict(),
            "outcomes": {outcome.value: count for outcome, count in counts.outcomes.items()},
            "partitions": [
                {**line._asdict(), "gaps": [gap._asdict() for gap in line.gaps]}
                for line in self.partitions
            ],
            "currencies": [
                {
                    **line._asdict(),
                    "kafka": plain(line.kafka),
                    "bigquery": plain(line.bigquery),
                    "equal": line.equal,
                }
                for line in self.currencies
            ],
            "checks": [{**dataclasses.asdict(check), "ok": check.ok} for check in self.checks],
            "notes": list(self.notes),
            "checked": None if self.scope is None else self.scope.document(),
        }


def _outcome_table(counts: Counts) -> str:
    lines = [
        (table.outcome.value, table.name, counts.outcomes[table.outcome])
        for table in OUTCOME_TABLES
    ]
    lines.append(("read", "records in Kafka", counts.read))
    return tabulate(lines, headers=("outcome", "table", "rows"))


def _partition_table(partitions: tuple[PartitionLine, ...]) -> str:
    headers = ("topic", "partition", "records", "first", "last", "missing", "double")
    lines = [
        (*line[:3], line.first_offset, line.last_offset, line.missing, line.double)
        for line in partitions
    ]
    return tabulate(lines, headers=headers, missingval="-")


def _currency_table(currencies: tuple[CurrencyLine, ...]) -> str:
    if not currencies:
        return ""
    headers = ("currency", "records", "rows", "sum in Kafka", "sum in BigQuery", "equal")
    lines = [
        (*line[:3], plain(line.kafka), plain(line.bigquery), "yes" if line.equal else "NO")
        for line in currencies
    ]
    # tabulate would read the sums as floats and round them.
    alignment = ("left", "right", "right", "right", "right", "left")
    return tabulate(lines, headers=headers, disable_numparse=True, colalign=alignment)


def _check_table(checks: tuple[Check, ...]) -> str:
    lines = [(check.name, "ok" if check.ok else "FAILED", check.numbers) for check in checks]
    return tabulate(lines, headers=("check", "result", "numbers"))


def _failure(check: Check) -> str:
    left = check.failures - len(check.examples)
    more = [f"  … and {left} more"] if left > 0 else []
    return "\n".join([f"FAILED {check.name}:", *(f"  {text}" for text in check.examples), *more])
