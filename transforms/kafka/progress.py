"""Counts how far this process has read Kafka, for a launcher in the same process.

Counters of Beam's are told at the end of a bundle only, and a bounded read is one bundle.
"""

from __future__ import annotations

import threading


class Taken:
    """Counts records; several threads may add."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records = 0

    def add(self, records: int) -> None:
        """Counts records that were taken."""
        with self._lock:
            self._records += records

    @property
    def records(self) -> int:
        """Returns how many there were since this process began."""
        return self._records


TAKEN = Taken()
