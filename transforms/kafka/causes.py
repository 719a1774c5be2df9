"""Finds out why kafka-python did not connect: it logs the causes, and raises a mere timeout."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

_KAFKA = logging.getLogger("kafka")


def keep_to_ourselves() -> None:
    """Keeps off the log what kafka-python tries again; whoever asks it tells what it gives up."""
    _KAFKA.propagate = False
    _KAFKA.addHandler(logging.NullHandler())


class Causes(logging.Handler):
    """The distinct reasons for which connections were lost."""

    def __init__(self) -> None:
        super().__init__()
        self._reasons: dict[str, None] = {}  # as an ordered set

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps the reason when the record tells of a lost connection."""
        _, found, reason = record.getMessage().partition("Connection lost: ")
        if found:
            self._reasons[reason] = None

    def text(self) -> str:
        """Returns the reasons, in the order of their first appearance."""
        return "; ".join(self._reasons)


@contextlib.contextmanager
def collected() -> Iterator[Causes]:
    """Collects the causes for the length of a with-block."""
    causes = Causes()
    _KAFKA.addHandler(causes)
    try:
        yield causes
    finally:
        _KAFKA.removeHandler(causes)
