"""Asks one source again and again, in a thread of its own: a scrape never asks it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

from operations.errors import OperatorError
from operations.exporter.metric_names import Source
from operations.exporter.readings import Sample

_LOG = logging.getLogger(__name__)
# A look that fails leaves the figures of the one before, for as long as three looks take: one
# answer that was lost must not look like a job that is gone.
_STALE_AFTER_LOOKS = 3
_STALE_SEC_MIN = 30.0


class Loop:
    """The looks at a source.

    Args:
        every_sec: from the end of a look to the next one.
        look: asks the source. Raises OperatorError when it does not answer.
    """

    def __init__(
        self, source: Source, every_sec: float, look: Callable[[], Iterable[Sample]]
    ) -> None:
        self.source = source
        self.took_sec: float | None = None  # of the last look, None before the first one
        self._every_sec = every_sec
        self._look = look
        self._samples: tuple[Sample, ...] = ()
        self._seen_at: float | None = None  # when the last look that succeeded began
        self._seeing_sec = 0.0  # how long it took
        self._problem: str | None = None
        self._began_at = 0.0  # of the last look that has ended
        self._wake = threading.Event()
        self._ended = threading.Condition()
        self._stopped = False

    @property
    def age_sec(self) -> float | None:
        """Returns how old the figures are, None before there are any."""
        return None if self._seen_at is None else time.monotonic() - self._seen_at

    @property
    def is_fresh(self) -> bool:
        """Returns whether there are figures that may be told."""
        age_sec = self.age_sec
        return age_sec is not None and age_sec <= self.stale_sec()

    def stale_sec(self) -> float:
        """Returns at which age figures are no longer told: a slow source is not a silent one."""
        return max(_STALE_AFTER_LOOKS * (self._every_sec + self._seeing_sec), _STALE_SEC_MIN)

    @property
    def succeeds(self) -> bool:
        """Returns whether the last look succeeded, and not too long ago."""
        return self._problem is None and self.is_fresh

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Returns the newest figures, none when these are too old."""
        return self._samples if self.is_fresh else ()

    def start(self) -> None:
        """Begins to look, until the process ends or `stop`."""
        threading.Thread(target=self._run, name=f"look-{self.source}", daemon=True).start()

    def stop(self) -> None:
        """Begins no further look."""
        self._stopped = True
        self._wake.set()

    def wake(self) -> None:
        """Begins the next look at once."""
        self._wake.set()

    def look_anew(self, wait_sec: float) -> None:
        """Returns once a look has ended that begins from now on, or when the time is over."""
        asked_at = time.monotonic()
        self.wake()
        with self._ended:
            self._ended.wait_for(lambda: self._began_at >= asked_at, wait_sec)

    def look(self) -> None:
        """Asks once, and keeps what was said."""
        began_at = time.monotonic()
        problem = None
        try:
            self._samples = tuple(self._look())
            self._seen_at = began_at
            self._seeing_sec = time.monotonic() - began_at
        except OperatorError as error:
            problem = str(error)
        except Exception:  # noqa: BLE001 - a bug in one look must not take the figures of the others
            _LOG.exception("look at %s failed", self.source)
            problem = "an error of this program; its stack is above"
        self._tell(problem)
        self._problem = problem
        with self._ended:
            self.took_sec = time.monotonic() - began_at
            self._began_at = began_at
            self._ended.notify_all()

    def _run(self) -> None:
        while not self._stopped:
            self._wake.clear()
            self.look()
            self._wake.wait(self._every_sec)

    def _tell(self, problem: str | None) -> None:
        """Tells when a source goes away or comes back, not at each look."""
        if problem is not None and self._problem is None:
            _LOG.warning("could not ask %s: %s", self.source, problem)
        elif problem is None and self._problem is not None:
            _LOG.warning("%s answers again", self.source)
