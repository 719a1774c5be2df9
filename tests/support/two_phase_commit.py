"""A job that writes with the sink, is killed at any time, and resumes from its checkpoints.

What Flink does, and no more: a checkpoint holds how far the source was read, the state of the
append step, and the flushes that were put out and are not known to be done. Flushes are executed
when a checkpoint that contains them is complete, perhaps twice. An attempt that was given up may go
on as a zombie: it appends, but no checkpoint of its is ever complete, so its flushes are held.
"""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Callable, Iterable

import grpc

from tests.support.bigquery_parts import part
from tests.support.fake_bigquery import FakeBigQuery, FakeClient
from transforms.bigquery.append_connection import Problem, Storage
from transforms.bigquery.append_rows import Positions, decode, encode
from transforms.bigquery.arrow_rows import ENCODERS
from transforms.bigquery.sink import BigQuerySink
from transforms.bigquery.table_stream import Flush, Position, TableStream

Code = grpc.StatusCode
_TABLE = "transactions"
_PASSING = [
    Problem(Code.UNAVAILABLE, "told"),
    Problem(Code.DEADLINE_EXCEEDED, "told"),
    Problem(Code.RESOURCE_EXHAUSTED, "told"),
]
_ENDING = [
    Problem(Code.ALREADY_EXISTS, "told"),
    Problem(Code.NOT_FOUND, "told"),
    Problem(Code.FAILED_PRECONDITION, "told"),
    Problem(Code.INVALID_ARGUMENT, "told", Storage.INVALID_STREAM_STATE),
]


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """What a restore resumes from.

    Attributes:
        read: how many ids of each partition the source had given out.
        state: of the append step, as it rests.
        held: flushes that were put out before.
    """

    read: tuple[int, int] = (0, 0)
    state: bytes | None = None
    held: tuple[Flush, ...] = ()


class Attempt:
    """One run of the job, from a checkpoint on. No two read partitions in the same order."""

    def __init__(
        self,
        client: FakeClient,
        lanes: list[list[str]],
        begin: Checkpoint,
        stream_type: type[TableStream],
    ) -> None:
        self._client, self._lanes, self._type = client, lanes, stream_type
        self.read = list(begin.read)
        self._state = begin.state
        self.held = list(begin.held)
        self._connections: dict = {}

    def append(self, sizes: Iterable[tuple[int, int]]) -> list[Flush]:
        """Appends the next ids as parts (partition, size); returns what to flush in time."""
        known: Positions = decode(self._state)
        parts = []
        for lane, size in sizes:
            if ids := self._lanes[lane][self.read[lane] : self.read[lane] + size]:
                parts.append(part(*ids))
                self.read[lane] += len(ids)
        stream = self._type(self._client, _TABLE, ENCODERS[_TABLE].schema, self._connections)
        stream.append(known.get(_TABLE, Position()), parts)
        self._state = encode({_TABLE: stream.position})
        self.held += stream.flushes
        return stream.flushes

    def checkpoint(self) -> Checkpoint:
        """Returns what would be saved now."""
        return Checkpoint((self.read[0], self.read[1]), self._state, tuple(self.held))


class Job:
    """Runs attempts until every id was read, and all is flushed.

    Args:
        seed: decides what happens.
        dataset: a name of its own.
        stream_type: the sink's, or one without a safeguard.
        flush_at_once: a safeguard left out: rows are visible before a checkpoint covers them.
    """

    def __init__(
        self,
        seed: int,
        dataset: str,
        stream_type: type[TableStream] = TableStream,
        flush_at_once: bool = False,
    ) -> None:
        self._random = random.Random(seed)
        self._bigquery = FakeBigQuery(dataset)
        self._client = FakeClient(BigQuerySink("p", dataset))
        self._type = stream_type
        self._flush_at_once = flush_at_once
        self.ids = [f"id-{number}" for number in range(self._random.randint(5, 40))]
        self._lanes = [self.ids[0::2], self.ids[1::2]]
        self._saved = Checkpoint()
        self._zombies: list[Attempt] = []
        self._attempt = self._restored()

    def run(self) -> Counter[str]:
        """Returns how often each id is visible at the end."""
        steps: list[tuple[Callable[[], None], int]] = [
            (self._append, 6),
            (self._complete_checkpoint, 3),
            (self._fail_checkpoint, 1),
            (self._kill, 2),
            (self._append_as_zombie, 3),
            (self._trouble, 3),
            (self._end_a_stream, 1),
        ]
        doings, weights = zip(*steps, strict=True)
        for _ in range(60):
            self._random.choices(doings, weights)[0]()
        self._bigquery.problems, self._bigquery.lost_answers = [], []
        while sum(self._attempt.read) < len(self.ids):
            self._append()
            self._append_as_zombie()
        self._complete_checkpoint()
        rows = self._bigquery.rows().get(_TABLE, [])
        return Counter(row.transaction_id for row in rows)

    def _restored(self) -> Attempt:
        return Attempt(self._client, self._lanes, self._saved, self._type)

    def _append(self, attempt: Attempt | None = None) -> None:
        attempt = attempt or self._attempt
        sizes = [
            (self._random.randrange(2), self._random.randint(1, 3))
            for _ in range(self._random.randint(1, 4))
        ]
        flushes = attempt.append(sizes)
        if self._flush_at_once:
            self._flush(flushes)

    def _append_as_zombie(self) -> None:
        if self._zombies:
            self._append(self._random.choice(self._zombies))

    def _complete_checkpoint(self) -> None:
        self._saved = self._attempt.checkpoint()
        # Killed before they are done, or before that is known: they are done again.
        done = self._random.choice(["none", "some", "all", "all"])
        held = list(self._saved.held)
        self._random.shuffle(held)
        if done == "some":
            held = held[: len(held) // 2]
        if done != "none":
            self._flush(held)
        if done == "all":
            self._attempt.held = []
        elif self._random.random() < 0.5:
            self._kill()
        if sum(self._attempt.read) == len(self.ids):
            self._flush(self._saved.held)

    def _fail_checkpoint(self) -> None:
        self._attempt.checkpoint()  # never complete: nothing follows from it

    def _kill(self) -> None:
        self._zombies = [*self._zombies[-2:], self._attempt]
        self._attempt = self._restored()
        # A restore does again what the checkpoint held.
        self._flush(self._saved.held)

    def _flush(self, flushes: Iterable[Flush]) -> None:
        for stream, end in flushes:
            self._client.flush(stream, end)

    def _trouble(self) -> None:
        count = self._random.randint(1, 3)
        kind = self._random.choice(["passing", "ending", "lost"])
        if kind == "lost":
            self._bigquery.lost_answers = self._random.choices(_PASSING, k=count)
        else:
            from_list = _PASSING if kind == "passing" else _ENDING
            self._bigquery.problems = self._random.choices(from_list, k=count)

    def _end_a_stream(self) -> None:
        """BigQuery removes a stream of which nobody is to flush anything any more."""
        held = {flush.stream for flush in (*self._saved.held, *self._attempt.held)}
        for zombie in self._zombies:
            held |= {flush.stream for flush in zombie.held} if self._flush_at_once else set()
        known = [s for s in self._bigquery.streams if s not in held]
        if known:
            self._bigquery.removed.add(self._random.choice(known))
