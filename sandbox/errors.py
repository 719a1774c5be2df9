"""Errors that a user of the sandbox can put right."""

from __future__ import annotations

from payments import exit_codes
from payments.errors import OperatorError


class SandboxError(OperatorError):
    """A problem with a way out: printed as one line, never as a stack trace."""

    exit_code = exit_codes.COULD_NOT_LOOK

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(f"{problem}. Hint: {hint}" if hint else problem)
        self.problem = problem
        self.hint = hint


class SandboxUsage(SandboxError):
    """A mistake in what was asked for."""

    exit_code = exit_codes.USAGE
