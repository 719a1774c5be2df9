"""What keeps the tool from answering?"""

from __future__ import annotations


class ReplayError(RuntimeError):
    """Nothing more can be done: the message says why in one line, with a hint."""


class UsageError(ReplayError):
    """A mistake in what was asked for."""
