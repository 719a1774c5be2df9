"""How does a job begin? With nothing, with a state that it is given, or with what the tables hold.

A new job remembers nothing. On tables that hold records of its topics it would count those again,
so it does not start: the message names the two ways to go on.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable

from pipeline import start_offsets
from pipeline.config import PipelineConfig
from pipeline.takeover import held_topic
from pipeline.takeover.errors import CannotStart
from pipeline.takeover.held_tables import HeldTables
from pipeline.takeover.take_over import TakeOver, check_nothing_lost
from transforms.read_kafka import OffsetRange

_LOG = logging.getLogger("pipeline")


def prepare(config: PipelineConfig, complete: Callable[[PipelineConfig], None]) -> PipelineConfig:
    """Returns the configuration with what the job begins with.

    Args:
        complete: runs a bounded job to its end.

    Raises:
        CannotStart: the job would lose records or count some again, or cannot find out.
    """
    if config.start_from_tables is not None:
        return TakeOver(config, complete).prepare()
    if not config.preflight and not config.bounded:
        return config
    with held_topic.connected(config.source) as topic:
        now = topic.ranges()
    config.check_partitions(now)
    if config.preflight:
        _check_tables(config, now)
    if config.bounded:
        _LOG.info(
            "DirectRunner reads what is there now and ends: %d offsets in %d partitions; no state "
            "outlives it",
            sum(span.end - span.start for span in now),
            len(now),
        )
        source = dataclasses.replace(config.source, ranges=tuple(now))
        return dataclasses.replace(config, source=source)
    if config.continues:
        return _with_shards_of_state(config).watching(now)
    start_offsets.commit(config.source, now, config.shards)
    _LOG.info("a new job, remembering in %d shards (--shards)", config.shards)
    return config.watching(now)


def _with_shards_of_state(config: PipelineConfig) -> PipelineConfig:
    """Returns the configuration with the number of shards that the state was kept in."""
    if config.shadow:
        return config  # Kafka knows that of blue's group alone; a flag says it
    known = start_offsets.shards_of_state(config.source)
    if known is None and not config.shards_asked_for:
        _LOG.warning(
            "Kafka no longer tells in how many shards this state lies; going on with %d. Should "
            "Flink refuse it (Cannot map … state), give --shards=N: the job's graph names 'Batch "
            "for N shards'",
            config.shards,
        )
    if known is None or known == config.shards:
        return config
    if config.shards_asked_for:
        # A start from tables that failed may have left the other number: the flag is right then.
        _LOG.warning(
            "the last start was with %d shards, --shards=%d asks for others: Flink refuses the "
            "state unless it lies in as many",
            known,
            config.shards,
        )
        return config
    return dataclasses.replace(config, shards=known)


def _check_tables(config: PipelineConfig, now: list[OffsetRange]) -> None:
    held = HeldTables(config.sink, config.bigquery_endpoint).held(config.source.topics)
    if config.shadow and held:
        raise CannotStart(
            f"--shadow is for tables of its own; those of {config.sink.project}."
            f"{config.sink.dataset} hold records of {', '.join(config.source.topics)}, and a "
            "second job would write beside the one whose savepoint this is. Hint: `python -m "
            "pipeline.tables create` makes another dataset."
        )
    if config.continues:
        check_nothing_lost(now, held)
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
