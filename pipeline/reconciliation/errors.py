"""What keeps an answer from being given?"""

from __future__ import annotations


class CannotCheck(RuntimeError):
    """The comparison could not be made: the message says why in one line, with a hint."""
