"""The checks and their results: one named result per question."""

from __future__ import annotations

import dataclasses

# Enough to see a pattern; ten thousand lines would hide it.
EXAMPLES_MAX = 10


@dataclasses.dataclass(frozen=True)
class Check:
    """One question and its answer.

    Attributes:
        name: the question, as reports and tests call it.
        failures: how often it does not hold; 0 is ok.
        numbers: what was counted, for a human.
        examples: the first failures, EXAMPLES_MAX at most.
    """

    name: str
    failures: int
    numbers: str
    examples: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Returns whether it holds everywhere."""
        return self.failures == 0


class Tally:
    """Counts the failures of one check and keeps the first few."""

    def __init__(self) -> None:
        self.failures = 0
        self.examples: list[str] = []

    def add(self, example: str, count: int = 1) -> None:
        """Counts a failure, or as many as an example stands for."""
        self.failures += count
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append(example)

    def check(self, name: str, numbers: str) -> Check:
        """Returns the result."""
        return Check(name, self.failures, numbers, tuple(self.examples))
