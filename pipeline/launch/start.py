"""Decides what a job begins with: nothing, a given state, or what the tables hold.

A new job remembers nothing. On tables that hold records of its topics it would count those again,
so it does not start: the message names the two ways to resume.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable

from operations.errors import CannotStart
from pipeline.config import PipelineConfig
from pipeline.launch import arrival_check, start_offsets
from pipeline.launch.claim import Claim
from pipeline.launch.door import Door
from pipeline.launch.held_tables import HeldTables, Partition
from pipeline.launch.recover import topic_records
from pipeline.launch.recover.recovery import Recovery, check_nothing_lost
from transforms.read_kafka import OffsetRange

_LOG = logging.getLogger("pipeline")


def claim(config: PipelineConfig) -> tuple[Claim, PipelineConfig]:
    """Returns the claim of the tables, and the configuration with what the runs before say.

    Raises:
        AlreadyRuns: this launch has been submitted before.
        CannotStart: another run holds the tables, or the launch contradicts the runs before.
    """
    if config.sink.claim_id is None:
        return Claim(), config
    if config.take_over and config.start_from_tables is None:
        # Before the other run is stopped for it.
        with topic_records.connected(config.source) as topic:
            _check_tables(config, topic.ranges())
    topic_ids = start_offsets.topic_ids(config.source)
    return Door(config.reading(topic_ids), topic_ids).claim()


def prepare(
    config: PipelineConfig, claim: Claim, complete: Callable[[PipelineConfig], None]
) -> PipelineConfig:
    """Returns the configuration with what the job begins with.

    Args:
        claim: is told where the job begins to read.
        complete: runs a bounded job to its end.

    Raises:
        CannotStart: the job would lose records or count some again, or cannot find out.
    """
    if config.start_from_tables is not None:
        return Recovery(config, claim, complete).prepare()
    if not config.preflight and not config.bounded:
        return config
    with topic_records.connected(config.source) as topic:
        now = topic.ranges()
        config.check_partitions(now)
        if config.preflight:
            _check_tables(config, now)
            if not config.continues:  # what lies before its state has been counted
                arrival_check.check(topic.reader, now, config.source.arrival)
    if config.bounded:
        _LOG.info(
            "DirectRunner reads what is there now and ends: %d offsets in %d partitions; no state "
            "outlives it",
            sum(span.end - span.start for span in now),
            len(now),
        )
        claim.begins_at(now)
        source = dataclasses.replace(config.source, ranges=tuple(now))
        return dataclasses.replace(config, source=source)
    if config.continues:
        return config.watching(now)
    claim.require()
    start_offsets.commit(config.source, now)
    claim.begins_at(now)
    _LOG.info("a new job, remembering in %d shards (--shards)", config.shards)
    return config.watching(now)


def _check_tables(config: PipelineConfig, now: list[OffsetRange]) -> None:
    held = HeldTables(config.sink, config.bigquery_endpoint).held(config.source.topics)
    if config.shadow and held:
        raise CannotStart(
            f"--shadow is for tables of its own; those of {config.sink.project}."
            f"{config.sink.dataset} hold records of {', '.join(config.source.topics)}, and a "
            "second job would write beside the one whose savepoint this is. Hint: `payments "
            "tables create` makes another dataset."
        )
    if config.continues:
        read = start_offsets.behind_markers(config.source, held, with_state=True)
        check_nothing_lost(now, read)
        start_offsets.check_partitions(config.source, now)
    elif held:
        _refuse(config, sum(each.records for each in held.values()))


def _refuse(config: PipelineConfig, records: int) -> None:
    others = "" if config.bounded else "--savepoint_path=URI goes on with the state of a job; "
    raise CannotStart(
        f"the tables of {config.sink.project}.{config.sink.dataset} hold {records} records of "
        f"{', '.join(config.source.topics)}, and a new job remembers none of them: it would count "
        f"them again. Hint: {others}--start_from_tables=FOLDER goes on with what the tables hold; "
        "to count everything once more, use an empty dataset."
    )


def note_end(config: PipelineConfig) -> None:
    """Notes where a bounded job's records end, so that markers behind them are not missed later."""
    if config.source.group is None:
        return
    try:
        held = HeldTables(config.sink, config.bigquery_endpoint).held(config.source.topics)
        ends: dict[Partition, OffsetRange] = {}
        for span in config.source.ranges or ():
            place = (span.topic, span.partition)
            if place not in ends or ends[place].end < span.end:
                ends[place] = span._replace(start=held[place].end) if place in held else span
        start_offsets.commit_end(config.source, list(ends.values()))
    except CannotStart as error:
        _LOG.warning("a later start may take markers of transactions for lost records: %s", error)
