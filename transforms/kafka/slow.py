"""Tells a person what a program waits for, once it has waited for long enough to wonder."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

WONDER_SEC = 1.5


@contextlib.contextmanager
def told(text: str, after_sec: float = WONDER_SEC) -> Iterator[None]:
    """Prints `text` to stderr when the with-block takes longer than `after_sec`."""
    timer = threading.Timer(after_sec, lambda: print(text, file=sys.stderr, flush=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
