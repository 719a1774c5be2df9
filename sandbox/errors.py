"""Errors that a user of the sandbox can put right."""

from __future__ import annotations


class SandboxError(Exception):
    """A problem with a way out: printed as two lines, never as a stack trace."""

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint
