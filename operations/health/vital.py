"""The indicators of a running job and their limits. Pure decisions."""

from __future__ import annotations

from typing import NamedTuple


class Indicator(NamedTuple):
    """One measurement.

    Attributes:
        value: what was found; None for a thing that cannot be known yet, such as the age of a
            checkpoint before there is one.
        limit: the most that is healthy; None for a figure that is told only.
        meaning: what it says, and what to do about too much of it.
    """

    name: str
    value: float | None
    limit: float | None
    meaning: str

    @property
    def healthy(self) -> bool:
        """Returns whether the value is known and within its limit."""
        if self.limit is None:
            return True
        return self.value is not None and self.value <= self.limit
