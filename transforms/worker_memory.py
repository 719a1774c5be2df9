"""Settings of Python's garbage collector in a worker: it counts references, and searches seldom.

Python searches for cycles after every 700 new containers, and through everything that lives after
some more. A batch of payments is a thousand containers without a cycle, each freed by its count.
"""

from __future__ import annotations

import gc

# What gRPC and exceptions leave in cycles is found after this many containers: a few MB.
_CONTAINERS = 200_000
_done = False


def collect_seldom() -> None:
    """Makes the worker search seldom; called by a step's `setup`, once in a process."""
    global _done  # noqa: PLW0603
    if not _done:
        _done = True
        gc.collect()
        gc.freeze()  # what was imported stays, and need not be looked at again
        gc.set_threshold(_CONTAINERS, 20, 100)
