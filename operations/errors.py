"""The errors of the commands, each with its exit code."""

from __future__ import annotations

from payments import exit_codes
from payments.errors import OperatorError

__all__ = [
    "CannotCheck",
    "CannotStart",
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
