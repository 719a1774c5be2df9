"""The errors of the commands, each with its exit code."""

from __future__ import annotations

from payments import exit_codes
from payments.errors import OperatorError

__all__ = [
    "CannotCheck",
    "CannotStart",
    "FlinkError",
    "NoAnswer",
    "OperatorError",
    "ReplayError",
    "ReplayUnanswered",
    "RolloutError",
    "UsageError",
]


class CannotStart(OperatorError):
    """The job would lose or repeat something."""


class NoAnswer(CannotStart):
    """Nobody can tell whether it would: BigQuery does not answer."""

    exit_code = exit_codes.COULD_NOT_LOOK


class CannotCheck(OperatorError):
    """The comparison could not be made."""

    exit_code = exit_codes.COULD_NOT_LOOK


class FlinkError(CannotCheck):
    """Flink could not be asked, or does not know or do what it was asked for.

    Attributes:
        missing: whether Flink answered that there is no such thing.
    """

    def __init__(self, message: str, *, missing: bool = False) -> None:
        super().__init__(message)
        self.missing = missing
        if missing:
            self.exit_code = exit_codes.FINDING


class RolloutError(OperatorError):
    """Nothing was changed."""

    exit_code = exit_codes.COULD_NOT_LOOK


class ReplayError(OperatorError):
    """Nothing more can be done with these dead letters."""


class ReplayUnanswered(ReplayError):
    """BigQuery or Kafka does not answer."""

    exit_code = exit_codes.COULD_NOT_LOOK


class UsageError(ReplayError):
    """A mistake in what was asked for."""

    exit_code = exit_codes.USAGE
