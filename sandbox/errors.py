"""What goes wrong in ways a user can mend."""

from __future__ import annotations


class SandboxError(Exception):
    """A problem with a way out: printed as two lines, never as a stack trace."""

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint
