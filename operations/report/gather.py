"""Asks Kafka and the tables for all that a report tells."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from operations.reconcile.kafka_side import KafkaSide
from operations.reconcile.progress import Tell
from operations.reconcile.settings import Dataset
from operations.reconcile.truth import Limits, OffsetRange, Partition, Place
from operations.report import conservation, skipped, topic_side
from operations.report.conservation import PartitionLine
from operations.report.day import Cell, Day
from operations.report.queries import Chosen
from operations.report.skipped import Laid
from operations.report.tables_side import TablesSide
from operations.report.topic_side import Read
from operations.runs import limits
from operations.runs.run import Run
from operations.runs.runs_table import RunsTable
from transforms.payment.outcome import Outcome

_HOUR_SEC, _DAY_SEC = 3_600, 86_400
# Rows follow their records by seconds; a range that ends sooner may not be complete.
_SETTLED_SEC = 600


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a report is asked for."""

    dataset: Dataset
    topics: tuple[str, ...]
    since: dt.datetime
    until: dt.datetime
    now: dt.datetime

    @property
    def name(self) -> str:
        """Returns PROJECT.DATASET."""
        return f"{self.dataset.project}.{self.dataset.name}"

    def chosen(self, ranges: Sequence[OffsetRange] | None) -> Chosen:
        """Returns which rows are reported."""
        return Chosen(self.name, self.topics, ranges, _micros(self.since), _micros(self.until))


def cost(asked: Asked, kafka: KafkaSide | None, tell: Tell) -> int | None:
    """Returns what BigQuery would read, in bytes; None where it does not tell.

    Raises:
        CannotCheck: Kafka or BigQuery does not answer.
    """
    ranges = None
    if kafka is not None:
        ranges = topic_side.ranges_of(kafka, _micros(asked.since), _micros(asked.until)).ranges
    return TablesSide(asked.dataset, asked.chosen(ranges), tell).read_bytes()


def day(asked: Asked, kafka: KafkaSide | None, tell: Tell) -> Day:
    """Returns all that is told.

    Args:
        kafka: None asks the tables alone.

    Raises:
        CannotCheck: Kafka or BigQuery does not answer.
        CannotStart: the table runs is damaged.
    """
    limit = Limits.of(limits.of_runs(asked.name, asked.dataset.endpoint, None, None, tell))
    read = None
    if kafka is not None:
        scope = topic_side.ranges_of(kafka, _micros(asked.since), _micros(asked.until))
        # A table that is missing should be told before a million records are read.
        TablesSide(asked.dataset, asked.chosen(scope.ranges), tell).read_bytes()
        read = topic_side.read(kafka, scope, limit.decoder, tell)
    chosen = asked.chosen(None if read is None else read.ranges)
    tables = TablesSide(asked.dataset, chosen, tell)
    read_bytes = tables.read_bytes()
    tell(f"BigQuery will read {bytes_text(read_bytes)}")
    cells = tables.cells()
    ranges = tables.skipped()
    laid = skipped.told_alone(ranges)
    if read is not None:
        laid = skipped.laid(ranges, read.skipped, read.ranges)
    partitions = _partitions(read, tables, cells, laid)
    held = {
        (line.topic, line.partition): (line.start or 0, line.end or 0)
        for line in partitions
        if line.end is not None
    }

    def inside(place: Place) -> bool:
        start, end = held.get((place.topic, place.partition), (0, 0))
        return start <= place.offset < end

    surplus = tables.surplus()
    runs = _held_between(RunsTable(asked.name, asked.dataset.endpoint).rows_if_any(), asked)
    expired = tables.expired()
    return Day(
        dataset=asked.name,
        topics=asked.topics,
        since=asked.since,
        until=asked.until,
        made_at=asked.now,
        bucket_sec=_HOUR_SEC if chosen.bucket == "HOUR" else _DAY_SEC,
        cells=(*cells, *_skipped_cells(laid)),
        partitions=tuple(partitions),
        surplus=tuple(f"{place}: {told}" for place, told in surplus.items()),
        twice=tables.twice(limit.horizon_us, inside, surplus),
        conflicts=tuple(tables.conflicts()),
        repeaters=tuple(tables.repeaters()),
        lateness=tuple(tables.lateness()),
        reasons=tuple(tables.reasons()),
        rules=tuple(skipped.by_rule(ranges)),
        indicators=tuple(tables.indicators()),
        accounts=tuple(tables.accounts()),
        verdicts=tuple(tables.verdicts(held)),
        runs=tuple(runs),
        notes=tuple(_notes(asked, read, expired)),
        expired=expired,
        read_bytes=read_bytes,
    )


def bytes_text(read_bytes: int | None) -> str:
    """Returns an amount of bytes for people."""
    if read_bytes is None:
        return "an amount that is not told (the stand-in counts none)"
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if read_bytes >= size:
            return f"{read_bytes / size:,.1f} {unit}"
    return f"{read_bytes:,} bytes"


def _partitions(
    read: Read | None, tables: TablesSide, cells: Sequence[Cell], laid: Mapping[Partition, Laid]
) -> list[PartitionLine]:
    rows: dict[Partition, Counter[Outcome]] = defaultdict(Counter)
    for cell in cells:
        rows[cell.topic, cell.partition][cell.outcome] += cell.rows
    counted: Mapping[Partition, Mapping[Outcome, int]] = rows
    if read is None:
        return conservation.lines(None, None, tables.offsets(), counted, laid)
    return conservation.lines(read.ranges, read.records, tables.offsets(), counted, laid)


def _skipped_cells(laid: Mapping[Partition, Laid]) -> Iterator[Cell]:
    for (topic, partition), found in laid.items():
        for bucket_us, records in found.counted.items():
            yield Cell(Outcome.SKIPPED, topic, partition, None, bucket_us, records, None)


def _held_between(chain: Sequence[Run], asked: Asked) -> Iterator[Run]:
    """Yields the runs that held the tables at some time of the range."""
    for number, run in enumerate(chain):
        ends = [run.ended_at] if run.ended_at is not None else []
        ends += [after.started_at for after in chain[number + 1 : number + 2]]
        still = not ends or min(ends) > asked.since
        if not run.is_root and run.started_at < asked.until and still:
            yield run


def _notes(asked: Asked, read: Read | None, expired: int) -> Iterator[str]:
    if (asked.now - asked.until).total_seconds() < _SETTLED_SEC:
        yield (
            "The range has only just ended, or has not: rows follow their records by seconds, and "
            "what is missing may still come."
        )
    if read is None:
        yield (
            "Kafka was not asked: how many records there were is not known, and rows count by the "
            "arrival that they name."
        )
        return
    if expired:
        yield (
            f"{expired:,} rows of this time are of records that Kafka no longer holds. They are "
            "not in these figures; --tables_only reports them."
        )
    elif read.from_earliest:
        names = ", ".join(f"{topic}[{partition}]" for topic, partition in read.from_earliest)
        yield f"Of {names} the range begins with the first record that Kafka still holds."


def _micros(moment: dt.datetime) -> int:
    return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
