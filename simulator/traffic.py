"""The traffic that was asked for: flags and keys of a scenario, checked in one place."""

from __future__ import annotations

import dataclasses
import math

from simulator import duplicate_shapes
from simulator.duplicate_shapes import DuplicateShape

TRANSACTION_RECORDS_MAX = 10_000
OPEN_TRANSACTION_SEC_MAX = 600  # brokers allow 15 minutes unless told otherwise

CLOCK_OFF_SEC_MAX = 86_400


class UsageError(Exception):
    """What the user asked for cannot be done; the message says what can."""


# A year of traffic, of more accounts than fit into memory: nobody means more.
_MOST = {
    "count": 10_000_000_000,
    "duration_sec": 31_622_400,
    "accounts": 10_000_000,
    "late_burst_size": 1_000_000,
}


@dataclasses.dataclass(frozen=True)
class Traffic:
    """What the simulator sends. Each field is a flag and a scenario key of the same name.

    Attributes:
        rate_per_sec: records per second, copies included; 0 is as fast as possible.
        count: records in all, copies included; None with `duration_sec` None: until stopped.
        duration_sec: length of the run, instead of `count`.
        duplicate_ratio: share of all records that repeat an accepted payment.
        duplicate_kinds: names of `duplicate_shapes.KINDS`.
        late_ratio: share of all records that arrive after the allowed lateness.
        late_burst_size: how many late payments come in one go.
        conflict_ratio: share of all records that contradict an accepted payment.
        invalid_ratio: share of all records that cannot be counted.
        reorder_ratio: share of the payments that arrive after later ones, yet in time.
        skipped_ratio: share of all records that are not the payment, as the contract says.
        transaction_records: how many records a transaction of the producer has; 0 is none.
        abort_ratio: share of these transactions that are aborted first, then sent once more.
        open_transaction_sec: for how long a transaction is left open before it is aborted; records
            behind it in its partition wait that long. 0 is none.
        clock_off_sec: how far the producer's clock is ahead; behind when below 0. Event times and
            records carry its times.
        accounts: how many accounts pay.
        seed: the same seed gives the same payments and the same faults.
    """

    rate_per_sec: float = 500.0
    count: int | None = None
    duration_sec: float | None = None
    duplicate_ratio: float = 0.01
    duplicate_kinds: tuple[str, ...] = duplicate_shapes.USUAL_KINDS
    late_ratio: float = 0.0
    late_burst_size: int = 1
    conflict_ratio: float = 0.0
    invalid_ratio: float = 0.0
    reorder_ratio: float = 0.0
    skipped_ratio: float = 0.0
    transaction_records: int = 0
    abort_ratio: float = 0.0
    open_transaction_sec: float = 0.0
    clock_off_sec: float = 0.0
    accounts: int = 2_000
    seed: int = 1

    @property
    def accepted_ratio(self) -> float:
        """Returns the share of all records that are accepted."""
        faults = self.duplicate_ratio + self.late_ratio + self.conflict_ratio + self.invalid_ratio
        return 1.0 - faults - self.skipped_ratio

    @property
    def life_records(self) -> int:
        """Returns how many records that are not the payment come before one that is."""
        return max(2, math.ceil(self.skipped_ratio / max(self.accepted_ratio, 1e-3)))

    @property
    def records(self) -> int | None:
        """Returns how many records the whole run has, or None when only the clock ends it."""
        if self.count is not None or self.duration_sec is None or not self.rate_per_sec:
            return self.count
        return max(1, round(self.duration_sec * self.rate_per_sec))

    def shapes(self) -> list[tuple[DuplicateShape, float]]:
        """Returns the duplicates to choose from, each with its weight."""
        return [shape for kind in self.duplicate_kinds for shape in duplicate_shapes.KINDS[kind]]

    def check(self) -> None:
        """Returns when the traffic can be made.

        Raises:
            UsageError: with the first setting that does not fit.
        """
        self._check_sizes()
        for name in ("duplicate", "late", "conflict", "invalid", "reorder", "abort", "skipped"):
            ratio = getattr(self, f"{name}_ratio")
            if not 0 <= ratio <= 1:
                raise UsageError(f"--{name}_ratio must be between 0 and 1, got {ratio}")
        self._check_transactions()
        self._check_kinds()
        self._check_sum()

    def _check_sizes(self) -> None:
        if self.count is not None and self.duration_sec is not None:
            raise UsageError("--count and --duration_sec exclude each other: give one of them")
        if not 0 <= self.rate_per_sec <= 1_000_000:
            raise UsageError(
                f"--rate_per_sec must be between 0 and 1000000, got {self.rate_per_sec:g}. "
                "Hint: 0 sends as fast as possible."
            )
        if not abs(self.clock_off_sec) <= CLOCK_OFF_SEC_MAX:
            raise UsageError(
                f"--clock_off_sec must be from -{CLOCK_OFF_SEC_MAX} to {CLOCK_OFF_SEC_MAX}, got "
                f"{self.clock_off_sec:g}"
            )
        for name, most in _MOST.items():
            value = getattr(self, name)
            if value is not None and not 0 < value <= most:
                raise UsageError(f"--{name} must be above 0 and at most {most}, got {value}")

    def _check_transactions(self) -> None:
        if not 0 <= self.transaction_records <= TRANSACTION_RECORDS_MAX:
            raise UsageError(
                f"--transaction_records must be from 0 to {TRANSACTION_RECORDS_MAX}, got "
                f"{self.transaction_records}"
            )
        if not 0 <= self.open_transaction_sec <= OPEN_TRANSACTION_SEC_MAX:
            raise UsageError(
                f"--open_transaction_sec must be from 0 to {OPEN_TRANSACTION_SEC_MAX}, got "
                f"{self.open_transaction_sec:g}"
            )
        if self.abort_ratio and not self.transaction_records:
            raise UsageError("--abort_ratio needs --transaction_records: only those are aborted")

    def _check_kinds(self) -> None:
        known = ", ".join(duplicate_shapes.KINDS)
        for kind in self.duplicate_kinds:
            if kind not in duplicate_shapes.KINDS:
                raise UsageError(f"--duplicate_kinds: {kind!r} is unknown. Known: {known}")
        if not self.duplicate_kinds:
            raise UsageError(f"--duplicate_kinds must name at least one of: {known}")

    def _check_sum(self) -> None:
        # A copy needs an accepted payment to repeat, and a payment has only so many copies: with
        # three copies each, at most three records of four can be duplicates.
        copies = duplicate_shapes.mean_copies(self.shapes())
        accepted = self.accepted_ratio
        if accepted <= 0 or self.duplicate_ratio > copies * accepted:
            raise UsageError(
                f"too many faults: {max(accepted, 0):.0%} of the records would be accepted, and "
                f"--duplicate_ratio {self.duplicate_ratio:g} needs "
                f"{self.duplicate_ratio / copies:.0%} with {copies:.1f} copies each. "
                "Hint: lower the ratios, or choose --duplicate_kinds with more copies."
            )
        if self.conflict_ratio > accepted:
            raise UsageError(
                f"--conflict_ratio {self.conflict_ratio:g} must be at most the accepted share, "
                f"here {accepted:g}: each accepted payment is contradicted once"
            )
