"""What programs tell a person in one line, and the exit code that goes with it."""

from __future__ import annotations


class OperatorError(RuntimeError):
    """Something that a person can put right: what was required, what was found, and a hint.

    Attributes:
        exit_code: what a command returns that ends by it (1 a finding, 2 usage, 3 could not look).
    """

    exit_code = 1


class CannotStart(OperatorError):
    """The job would lose or repeat something."""


class CannotCheck(OperatorError):
    """The comparison could not be made."""

    exit_code = 3


class FlinkError(CannotCheck):
    """Flink could not be asked, or does not know or do what it was asked for.

    Attributes:
        missing: whether Flink answered that there is no such thing.
    """

    def __init__(self, message: str, *, missing: bool = False) -> None:
        super().__init__(message)
        self.missing = missing


class RolloutError(OperatorError):
    """Nothing was changed."""


class ReplayError(OperatorError):
    """Nothing more can be done with these dead letters."""

    exit_code = 3


class UsageError(ReplayError):
    """A mistake in what was asked for."""

    exit_code = 2
