"""Errors that a program reports to a person in one line, each with its exit code."""

from __future__ import annotations


class OperatorError(RuntimeError):
    """Something that a person can put right: what was required, what was found, and a hint.

    Attributes:
        exit_code: what a command returns that ends by it (payments/exit_codes.py).
    """

    exit_code = 1


class SettingsError(OperatorError):
    """A setting that cannot be used, wherever it came from."""

    exit_code = 2
