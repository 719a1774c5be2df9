"""Hands reading over from blue to green by shares of the ids, from where green began, and back."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from operations import bigquery_client, polling
from operations.errors import RolloutError
from operations.reconcile import kafka_side
from operations.reconcile.settings import Topics
from operations.rollout import comparison, ranges
from operations.rollout.comparison import Comparison
from operations.rollout.flink_jobs import FlinkJobs, state_left_behind
from operations.rollout.ranges import Partition, Served
from operations.rollout.serving import Decision, LiveDataset


class Compared(NamedTuple):
    """What a comparison found, and where it looked.

    Attributes:
        blue: PROJECT.DATASET that new records are read from.
        cuts: the first offset that green holds of each partition.
        quiet: partitions that hold records, none of which green has read: nobody knows yet where
            it began there.
    """

    blue: str
    result: Comparison
    cuts: Mapping[Partition, int]
    quiet: tuple[Partition, ...]


class Rollout:
    """The datasets beside each other, and the one of views that stands before them.

    Every method raises RolloutError for the user's mistakes, and CannotCheck when a service
    does not answer.

    Args:
        topics: what both jobs read.
        live: PROJECT.DATASET of the views.
        endpoint: host:port of a BigQuery stand-in, None for Google's service.
    """

    def __init__(self, topics: Topics, live: str, endpoint: str | None) -> None:
        self._topics = topics
        self._where = live
        self._endpoint = endpoint
        with self._errors(live):
            self._client = bigquery_client.connect(live.rpartition(".")[0], endpoint)
        self._live = LiveDataset(self._client, live)

    def serve(self, dataset: str, dry_run: bool = False) -> Decision:
        """Makes the views, and lets the first dataset be read through them.

        Called again it adds the partitions that there are now and were not then.
        A dry run returns what would be decided, here and below, and changes nothing.
        """
        with self._errors(dataset):
            if not dry_run:
                self._live.create()
            try:
                known = list(self._live.decision().served)
            except RolloutError:
                known = []
            if known and ranges.newest_of(known) != dataset:
                raise RolloutError(
                    f"{self._where} reads {ranges.newest_of(known)} already, not {dataset}. Hint: "
                    "`ramp` lets another dataset take over."
                )
            new = self._ends().keys() - {each[1:3] for each in known}
            if dry_run:
                return _undecided([*known, *ranges.served_by(dataset, new)])
            self._live.show({dataset, *ranges.datasets_of(known)})
            if new:
                self._live.decide([*known, *ranges.served_by(dataset, new)])
            return self._live.decision()

    def decision(self) -> Decision:
        """Returns who is read."""
        with self._errors(self._where):
            return self._live.decision()

    def compare(
        self, green: str, wait_sec: float, progress: Callable[[str], None] = lambda text: None
    ) -> Compared:
        """Compares what both have counted of the records that the topics hold now.

        Waits until both have flushed them, and the copies that settle which one was first, for
        `wait_sec` at most; what is missing then is lost.
        """
        with self._errors(green):
            ends = self._ends()
            blue = ranges.newest_of(ranges.taken_back(self._live.decision().served, green))
            until = time.monotonic() + wait_sec
            while True:
                began_at = time.monotonic()
                cuts = self._cuts(green)
                spans = {each: (cut, ends.get(each, 0)) for each, cut in cuts.items()}
                quiet = [each for each, end in ends.items() if end and each not in cuts]
                if any(start < end for start, end in spans.values()):
                    result = comparison.compare(self._client, blue, green, spans)
                    settled = result.complete and not result.unsettled
                    if settled or time.monotonic() > until:
                        return Compared(blue, result, cuts, tuple(sorted(quiet)))
                    progress(
                        f"records missing: {result.lost} in {green}, {result.invented} in {blue}; "
                        f"{result.unsettled} may have a copy that is not flushed yet"
                    )
                elif time.monotonic() > until:
                    raise RolloutError(
                        f"{green} holds no record yet. Hint: does its job run, with --shadow and "
                        "the savepoint?"
                    )
                now = time.monotonic()
                time.sleep(polling.pause_sec(now - began_at, until - now))

    def ramp(self, green: str, percent: int, compared: Compared, dry_run: bool = False) -> Decision:
        """Lets green be read for a share of the ids, 1 to 100 percent; 100 is the switch.

        Args:
            compared: what was found just now.
        """
        with self._errors(green):
            base = ranges.taken_back(self._live.decision().served, green)
            _check_parted(compared, percent)
            cuts = {each[1:3]: _cut(each[1:3], compared) for each in base}
            wanted = ranges.handed_over(base, green, cuts, percent)
            if dry_run:
                return _undecided(wanted)
            self._live.show([*ranges.datasets_of(base), green])
            self._live.decide(wanted)
            return self._live.decision()

    def take_back(self, green: str, dry_run: bool = False) -> Decision:
        """Lets what was read before green be read for everything again."""
        with self._errors(green):
            wanted = ranges.taken_back(self._live.decision().served, green)
            if dry_run:
                return _undecided(wanted)
            self._live.decide(wanted)
            return self._live.decision()

    def check_state(self, flink: FlinkJobs, blue_job: str, green_job: str) -> None:
        """Returns when green's job took over all that blue's remembers."""
        left = state_left_behind(flink.stages_with_state(blue_job), flink.stages(green_job))
        if left:
            raise RolloutError(
                f"{green_job} began without what {blue_job} remembers in: {'; '.join(left)}. It "
                "would count copies again. Hint: stop it; a step or a state was renamed "
                "(docs/upgrade.md)."
            )

    def stop(self, flink: FlinkJobs, job: str, timeout_sec: float) -> None:
        """Ends the job that is no longer read, once its rows are flushed."""
        self.check_stop(flink, job)
        flink.stop(job, timeout_sec)

    def check_stop(self, flink: FlinkJobs, job: str) -> None:
        """Returns when the job writes to nothing that is read as the newest."""
        newest = ranges.newest_of(self.decision().served)
        writes_to = f" to {newest}/"
        if any(writes_to in name for name in flink.stages(job).values()):
            raise RolloutError(
                f"{job} writes to {newest}, which is what is read. Hint: stop the other job."
            )

    def _cuts(self, green: str) -> dict[Partition, int]:
        """Returns where green began: as decided before, else as its tables say."""
        decided = {
            each[1:3]: each.start for each in self._live.decision().served if each.dataset == green
        }
        return {**comparison.cuts(self._client, green), **decided}

    def _ends(self) -> dict[Partition, int]:
        with kafka_side.connected(self._topics) as kafka:
            return {(span.topic, span.partition): span.end for span in kafka.ranges()}

    def _errors(self, where: str) -> contextlib.AbstractContextManager[None]:
        return bigquery_client.errors(RolloutError, where, self._endpoint)


def _undecided(served: Iterable[Served]) -> Decision:
    return Decision(dt.datetime.now(dt.UTC), tuple(served))


def _cut(partition: Partition, compared: Compared) -> int:
    if partition in compared.quiet:
        topic, number = partition
        raise RolloutError(
            f"nobody knows where green began in {topic}[{number}]: it has read no record there "
            "since the savepoint. Hint: try again when one has arrived."
        )
    # A partition without any record: whoever reads it reads it whole.
    return compared.cuts.get(partition, 0)


def _check_parted(compared: Compared, percent: int) -> None:
    if percent < 100 and compared.result.parted:
        raise RolloutError(
            f"{compared.result.parted} records cannot be told apart by their id: one version "
            "accepts them, and the other found no id in them. With a share they would be read "
            "twice or never. Hint: --share=100 switches all at once, and is exact."
        )
