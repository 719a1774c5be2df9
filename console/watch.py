"""Looks at Kafka, the tables and the job, each at its pace, for the board."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable

from console.board import Board
from console.books import BooksReader
from console.places import Places
from operations import kafka_client
from operations.errors import CannotCheck, OperatorError
from operations.health.sections import Sources
from operations.reconcile.verdicts import Verdicts

_LOG = logging.getLogger(__name__)
_WINDOW_SEC = 600
# The indicators cost several queries and two connections to Kafka: the counts are asked more often.
_HEALTH_PER_LOOK = 2.5


class Loop:
    """Does the same again and again, in a thread of its own.

    Args:
        every_sec: from the end of a turn to the next one.
        turn: raises OperatorError where something did not answer.
        told: takes what it said, None when all answered.
    """

    def __init__(
        self,
        name: str,
        every_sec: float,
        turn: Callable[[], None],
        told: Callable[[str | None], None],
    ) -> None:
        self._name = name
        self._every_sec = every_sec
        self._turn = turn
        self._told = told
        self._over = threading.Event()

    def start(self) -> None:
        """Begins, until `stop`."""
        threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def stop(self) -> None:
        """Begins no further turn."""
        self._over.set()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self._turn()
                self._told(None)
            except OperatorError as error:
                self._told(str(error))
            except Exception:  # noqa: BLE001 - a bug in one turn must not end the page's life
                _LOG.exception("%s failed", self._name)
                self._told(f"{self._name}: an error of this program; its log has the stack")
            self._over.wait(self._every_sec)


class Watch:
    """The looks of a page."""

    def __init__(self, places: Places, board: Board) -> None:
        self._places = places
        self._board = board
        self._reader = BooksReader(places.dataset, places.topics)
        self._sources = Sources(
            places.topics,
            places.dataset,
            places.flink,
            places.flink_job,
            _WINDOW_SEC,
            places.limits,
        )
        every_sec = places.every_sec
        self._loops = (
            Loop("counts", every_sec, self.count, lambda said: board.change(problem=said)),
            Loop("health", every_sec * _HEALTH_PER_LOOK, self.ask, self._not_asked),
        )

    def start(self) -> None:
        """Begins to look."""
        for loop in self._loops:
            loop.start()

    def stop(self) -> None:
        """Begins no further look."""
        for loop in self._loops:
            loop.stop()

    def count(self) -> None:
        """Counts the tables, and then the topics: so nothing is counted that Kafka has not."""
        books = self._reader.read(self._since())
        records, partitions = self._records()
        looked_at = dt.datetime.now(dt.UTC)
        self._board.change(books=books, records=records, partitions=partitions, looked_at=looked_at)
        self._board.add_point()

    def ask(self) -> None:
        """Asks for the indicators, and for the last verdict."""
        self._board.change(sections=tuple(self._sources.ask()))
        self._board.change(verdict=Verdicts(self._places.dataset).newest())

    def _since(self) -> dt.datetime | None:
        """Returns the beginning of today where a look at all days costs money."""
        if self._places.dataset.endpoint is not None:
            return None
        return dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    def _records(self) -> tuple[int, int]:
        topics = self._places.topics
        servers, properties = topics.bootstrap_servers, topics.properties
        with kafka_client.reader(servers, properties, CannotCheck) as reader:
            spans = reader.ranges(topics.names)
        return sum(span.end - span.start for span in spans), len(spans)

    def _not_asked(self, problem: str | None) -> None:
        if problem is not None:
            _LOG.warning("%s", problem)
