"""Resumes a job whose state is lost, from what the tables hold and what Kafka still holds.

A lost job leaves some rows of its last seconds in the tables and others not. So first the records
between are counted, by a bounded run; then every partition is covered up to one offset, and the job
begins there (docs/decisions/0012).
"""

from __future__ import annotations

import dataclasses
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from apache_beam.io.filesystems import FileSystems

from operations.contract_decoder import decoder_of
from operations.errors import CannotStart
from pipeline.config import PipelineConfig
from pipeline.launch import arrival_check, start_offsets
from pipeline.launch.claim import Claim
from pipeline.launch.held_tables import Held, HeldTables, Partition
from pipeline.launch.recover import memory, topic_records
from pipeline.launch.recover.topic_records import TopicRecords, gaps
from pipeline.launch.recover.unread import in_no_table
from transforms.batch_by_shard import Shards
from transforms.payment.transaction import Transaction
from transforms.read_kafka import OffsetRange
from transforms.shard_memory import Memory

_LOG = logging.getLogger("pipeline")

# No other job may still be writing. One that lives shows a new row at each of its checkpoints, when
# there is traffic.
_QUIET_CHECKPOINTS = 2
_QUIET_SEC_MIN = 10.0


class Recovery:
    """Prepares a job to begin with what the tables hold.

    Args:
        claim: is told where the job begins to read.
        complete: runs a bounded job to its end.
    """

    def __init__(
        self, config: PipelineConfig, claim: Claim, complete: Callable[[PipelineConfig], None]
    ) -> None:
        self._config = config
        self._claim = claim
        self._complete = complete
        self._tables = HeldTables(config.sink, config.bigquery_endpoint)

    def prepare(self) -> PipelineConfig:
        """Returns the configuration of the job that resumes.

        Raises:
            CannotStart: another job writes, records are lost, or a service does not answer.
        """
        config = self._config
        self._wait_until_quiet()
        with topic_records.connected(config.source) as topic:
            now = topic.ranges()
            held = start_offsets.behind_markers(
                config.source, self._tables.held(config.source.topics), with_state=False
            )
            check_nothing_lost(now, held)
            tails = [_tail(span, held) for span in now]
            # What no table holds, below the place from which on no table holds anything.
            between = in_no_table(
                topic,
                gaps(_heads(now, tails), self._tables.covered(now)),
                self._tables.skipped(now),
                decoder_of(self._config.contract),
            )
            if config.preflight:
                arrival_check.check(topic.reader, [*between, *tails], config.source.arrival)
            _LOG.info(
                "the tables hold %d records; %d more below their ends, %d after them",
                sum(each.records for each in held.values()),
                sum(span.end - span.start for span in between),
                sum(span.end - span.start for span in tails),
            )
            self._claim.writes()
            self._tables.correct_totals(config.run_id, config.version)
            self._tables.drop_orphaned_indicators()
            unread = [*between, *tails]
            if config.bounded:
                return self._bounded(topic, unread, unread, "all")
            if between:
                # A run of its own: its panes must add to those of the job, not replace them.
                run = dataclasses.replace(
                    self._bounded(topic, between, unread, "between"),
                    runner="DirectRunner",
                    run_id=f"{config.run_id}-between",
                )
                self._complete(run)
            self._claim.require()
            start_offsets.commit(config.source, tails)
            self._claim.begins_at(tails)
            return dataclasses.replace(
                config.watching(now), memory=self._remember(topic, tails, tails, "tail")
            )

    def _bounded(
        self,
        topic: TopicRecords,
        ranges: Sequence[OffsetRange],
        unread: Sequence[OffsetRange],
        part: str,
    ) -> PipelineConfig:
        return dataclasses.replace(
            self._config,
            source=dataclasses.replace(self._config.source, ranges=tuple(ranges)),
            memory=self._remember(topic, ranges, unread, part),
        )

    def _remember(
        self,
        topic: TopicRecords,
        ranges: Sequence[OffsetRange],
        unread: Sequence[OffsetRange],
        part: str,
    ) -> Memory | None:
        """Writes down the ids that a record of `ranges`, or a later one, may repeat.

        Args:
            unread: all that is still to be read, by this run or the next.
        """
        first_us = topic.first_arrival_us(ranges)
        if first_us is None:
            first_us = self._tables.newest_arrival_us(self._config.source.topics)
        if first_us is None:
            return None  # neither records nor rows
        folder = FileSystems.join(
            str(self._config.start_from_tables),
            f"{self._config.run_id}-{secrets.token_hex(4)}-{part}",
        )
        FileSystems.mkdirs(folder)
        # Producers' times may fall: a record to come may be as much older than the first.
        since_us = first_us - self._config.horizon_us - self._config.source.arrival.slack_us
        policy, shards = self._config.dedup_policy, Shards(self._config.shard_keys)
        return memory.write(folder, policy, shards, self._accepted(topic, unread, since_us))

    def _accepted(
        self, topic: TopicRecords, unread: Sequence[OffsetRange], since_us: int
    ) -> Iterator[Transaction]:
        """Returns payments that are accepted: in their table, or named so by a copy in another.

        The latter may only be read by the next run; a copy that this one reads is a copy all the
        same.
        """
        yield from self._tables.payments(since_us)
        unwritten = [
            place for place in self._tables.named_as_first(since_us) if _within(place, unread)
        ]
        decoder = decoder_of(self._config.contract)
        for record in topic.at(unwritten):
            payments = decoder.decode([record]).transactions
            if not payments:
                raise CannotStart(
                    f"a copy names {record.topic}[{record.partition}] offset {record.offset} as "
                    "the payment that it repeats, but that record is no payment. Hint: are these "
                    "the tables of this topic?"
                )
            yield from payments

    def _wait_until_quiet(self) -> None:
        quiet_sec = max(_QUIET_SEC_MIN, _QUIET_CHECKPOINTS * self._config.checkpoint_sec)
        age_sec, rows = self._tables.newest_row()
        if age_sec >= quiet_sec:
            return
        _LOG.info(
            "the newest row is %.0f s old; does another job still write? Waiting for %.0f s",
            age_sec,
            quiet_sec - age_sec,
        )
        time.sleep(quiet_sec - age_sec)
        if self._tables.newest_row()[1] != rows:
            raise CannotStart(
                f"another job writes to {self._tables.name}: two would count everything twice. "
                "Hint: stop it, then start again."
            )


def check_nothing_lost(now: Iterable[OffsetRange], held: dict[Partition, Held]) -> None:
    """Raises CannotStart when Kafka no longer holds what must be read next, or another topic."""
    for span in now:
        known = held.get((span.topic, span.partition))
        if known is None:
            continue
        end = known.end
        if end < span.start:
            raise CannotStart(
                f"lost: {span.topic}[{span.partition}] offsets {end} to {span.start - 1} "
                f"({span.start - end}) are in no table, and Kafka's retention has removed them: it "
                f"begins at {span.start}. Hint: restore them from a backup of the topic into a "
                "topic of its own; then start with empty tables, or accept the loss in writing "
                "and start into a new dataset."
            )
        if end > span.end:
            raise CannotStart(
                f"the tables hold {span.topic}[{span.partition}] up to offset {end - 1}, but the "
                f"topic ends at {span.end}: it has been made anew. Hint: another topic needs other "
                "tables."
            )


def _tail(span: OffsetRange, held: dict[Partition, Held]) -> OffsetRange:
    """Returns what of a partition lies behind all that the tables hold."""
    known = held.get((span.topic, span.partition))
    return span if known is None else span._replace(start=known.end)


def _heads(now: Iterable[OffsetRange], tails: Iterable[OffsetRange]) -> list[OffsetRange]:
    return [span._replace(end=tail.start) for span, tail in zip(now, tails, strict=True)]


def _within(place: tuple[str, int, int], ranges: Iterable[OffsetRange]) -> bool:
    topic, partition, offset = place
    return any(
        (span.topic, span.partition) == (topic, partition) and span.start <= offset < span.end
        for span in ranges
    )
