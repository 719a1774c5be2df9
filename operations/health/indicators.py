"""The indicators of a running job and their limits. Pure decisions."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple


class Indicator(NamedTuple):
    """One measurement.

    Attributes:
        value: what was found; None for a thing that cannot be known yet, such as the age of a
            checkpoint before there is one.
        limit: the most that is healthy; None for a figure that is told only.
        meaning: what it says, and what to do about too much of it.
        starting: why there is no value yet, of a job that is too young to have one; else empty.
    """

    name: str
    value: float | None
    limit: float | None
    meaning: str
    starting: str = ""

    @property
    def healthy(self) -> bool:
        """Returns whether the value is known and within its limit, or not yet to be expected."""
        if self.limit is None or self.starting:
            return True
        return self.value is not None and self.value <= self.limit


@dataclasses.dataclass
class Section:
    """What one source says.

    Attributes:
        title: which source, and where.
        indicators: what was measured there.
        notes: what else it says, a line each.
        problem: why it could not be asked; None when it answered.
        last_failure: of the job, for programs.
    """

    name: str
    title: str
    indicators: list[Indicator] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    problem: str | None = None
    last_failure: dict[str, object] | None = None
