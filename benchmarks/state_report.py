"""The report of the cost of remembering: lines for people, and the same as JSON for programs."""

from __future__ import annotations

import dataclasses
import os
import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

# An id stays for 1 to 1.25 horizons (docs/decisions/0009): the line is a saw of so much, no slope.
_SAW = 0.3


class Sample(NamedTuple):
    """One look.

    Attributes:
        elapsed_sec: since the first record.
        remembered: ids accepted and not forgotten, by the pipeline's counters: about 10 s old.
        state_bytes: of the newest checkpoint.
        memory_bytes: of TaskManagers and Python workers.
    """

    elapsed_sec: float
    remembered: int
    state_bytes: int
    memory_bytes: int


class Flat(NamedTuple):
    """State while as many ids are forgotten as come.

    Attributes:
        kept: ids accepted; `expected` by the ledger.
    """

    horizon_sec: int
    records: int
    kept: int
    expected: int
    samples: tuple[Sample, ...]

    @property
    def exact(self) -> bool:
        """Returns whether every id was accepted once."""
        return self.kept == self.expected

    @property
    def plateau(self) -> Sequence[Sample]:
        """Returns the samples after 1.5 horizons: the first ids are forgotten by then."""
        return [each for each in self.samples if each.elapsed_sec >= 1.5 * self.horizon_sec]

    @property
    def level(self) -> bool:
        """Returns whether the second half of the plateau is no higher than the first, saw aside."""
        sizes = [each.state_bytes for each in self.plateau]
        if len(sizes) < 2:
            return False
        half = len(sizes) // 2
        return max(sizes[half:]) <= (1 + _SAW) * statistics.mean(sizes[:half])

    @property
    def bytes_per_id(self) -> float:
        """Returns bytes of checkpoint per remembered id on the plateau; NaN without one."""
        ids = sum(each.remembered for each in self.plateau)
        return sum(each.state_bytes for each in self.plateau) / ids if ids else float("nan")


class Full(NamedTuple):
    """Speed with many remembered ids, and with few; records per second."""

    ids: int
    full_per_sec: float
    empty_per_sec: float
    exact: bool

    @property
    def ratio(self) -> float:
        """Returns the rate with many ids as a share of that with few."""
        return self.full_per_sec / self.empty_per_sec if self.empty_per_sec else float("nan")


class Copied(NamedTuple):
    """What a worker's copy of so many ids takes in its memory."""

    ids: int
    memory_bytes: int

    @property
    def bytes_per_id(self) -> float:
        """Returns bytes of memory per id."""
        return self.memory_bytes / self.ids


@dataclasses.dataclass
class Costs:
    """What remembering costs, as far as it was measured."""

    flat: Flat | None = None
    full: Full | None = None
    copy: Copied | None = None

    @property
    def well(self) -> bool:
        """Returns whether all was exact and the line level."""
        return all(
            (
                self.flat is None or (self.flat.exact and self.flat.level),
                self.full is None or self.full.exact,
            )
        )


def sample_line(sample: Sample) -> str:
    """Returns one look in one line."""
    return (
        f"{sample.elapsed_sec:4.0f} s  remembered {sample.remembered:>8}  state "
        f"{sample.state_bytes / 1e6:6.1f} MB  memory {sample.memory_bytes / 1e6:6.0f} MB"
    )


def flat_line(flat: Flat) -> str:
    """Returns the part in one line."""
    exact = "exact" if flat.exact else f"{flat.kept} of {flat.expected} kept: NOT EXACT"
    top = max((each.state_bytes for each in flat.plateau), default=0)
    return (
        f"flat: {'level' if flat.level else 'NOT LEVEL'} at {top / 1e6:.1f} MB at most, "
        f"{flat.bytes_per_id:.1f} bytes per remembered id, {exact}"
    )


def full_line(full: Full) -> str:
    """Returns the part in one line."""
    return (
        f"full: {full.full_per_sec:,.0f} records/s with {full.ids:,} ids, "
        f"{full.empty_per_sec:,.0f} with few: {full.ratio:.0%}, "
        f"{'exact' if full.exact else 'NOT EXACT'}"
    )


def copy_line(copy: Copied) -> str:
    """Returns the part in one line."""
    return (
        f"copy: {copy.memory_bytes / 1e6:.1f} MB in the memory of a worker that knows "
        f"{copy.ids:,} ids, {copy.bytes_per_id:.1f} bytes each"
    )


def text(costs: Costs) -> str:
    """Returns what was measured, a line each."""
    lines = []
    if costs.flat is not None:
        lines.append(flat_line(costs.flat))
    if costs.full is not None:
        lines.append(full_line(costs.full))
    if costs.copy is not None:
        lines.append(copy_line(costs.copy))
    return "\n".join(lines)


def document(costs: Costs) -> dict[str, Any]:
    """Returns everything for programs."""
    flat, full, copy = costs.flat, costs.full, costs.copy
    found: dict[str, Any] = {"cores": os.cpu_count()}
    if flat is not None:
        found["flat"] = {
            **flat._asdict(),
            "level": flat.level,
            "bytes_per_id": flat.bytes_per_id,
            "samples": [each._asdict() for each in flat.samples],
        }
    if full is not None:
        found["full"] = {**full._asdict(), "ratio": full.ratio}
    if copy is not None:
        found["copy"] = {**copy._asdict(), "bytes_per_id": copy.bytes_per_id}
    return found
