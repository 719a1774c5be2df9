"""Compares what two datasets have skipped, however their ranges are cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from operations.rollout.ranges import Partition
from transforms.payment.tables import SKIPPED_RECORDS

# A range of skipped records names its ends, its rule and how many records there are, but not which:
# a record without a row lies in it, or is lost. So what lies inside counts as skipped, and that
# both have skipped as many besides is compared by their sums. Of a range that reaches beyond what
# is compared, as many records as it has offsets outside may lie there.
_SKIPPED = """
WITH spans AS ({spans}),
ranges AS ({ranges}),
inside AS (
  SELECT
    ranges.topic,
    ranges.number,
    in_blue,
    record_count,
    LEAST(last_offset + 1, end_offset) - GREATEST(first_offset, start_offset) AS offsets,
    last_offset + 1 - first_offset AS all_offsets
  FROM ranges
  JOIN spans ON spans.topic = ranges.topic AND spans.number = ranges.number
  WHERE last_offset >= start_offset AND first_offset < end_offset
)
SELECT
  topic,
  number,
  SUM(IF(in_blue, GREATEST(0, record_count - (all_offsets - offsets)), 0)) AS blue_least,
  SUM(IF(in_blue, LEAST(record_count, offsets), 0)) AS blue_most,
  SUM(IF(in_blue, 0, GREATEST(0, record_count - (all_offsets - offsets)))) AS green_least,
  SUM(IF(in_blue, 0, LEAST(record_count, offsets))) AS green_most
FROM inside
GROUP BY topic, number
"""
_RANGES = """
SELECT
  kafka_topic AS topic,
  kafka_partition AS number,
  {in_blue} AS in_blue,
  first_offset,
  last_offset,
  record_count
FROM `{dataset}.{table}`"""


class Skipped(NamedTuple):
    """How many records of a partition each side has skipped, at least and at most."""

    blue_least: int
    blue_most: int
    green_least: int
    green_most: int

    def without(self, by_blue: int, by_green: int) -> Skipped:
        """Returns the same without those that one side alone has skipped."""
        return Skipped(
            self.blue_least - by_blue,
            self.blue_most - by_blue,
            self.green_least - by_green,
            self.green_most - by_green,
        )

    @property
    def by_both(self) -> int:
        """Returns how many both can have skipped."""
        return max(0, min(self.blue_most, self.green_most))

    @property
    def lost(self) -> int:
        """Returns how many blue has skipped at least that green has not at most."""
        return max(0, self.blue_least - self.green_most)

    @property
    def invented(self) -> int:
        """Returns how many green has skipped at least that blue has not at most."""
        return max(0, self.green_least - self.blue_most)


class SkippedCounts(dict[Partition, Skipped]):
    """What was skipped of each partition."""

    @classmethod
    def of(cls, rows: Iterable[Sequence[Any]]) -> SkippedCounts:
        """Returns what the query of `sql` has found."""
        return cls({(topic, number): Skipped(*sums) for topic, number, *sums in rows})

    def each_without(
        self, by_blue: Mapping[Partition, int], by_green: Mapping[Partition, int]
    ) -> Iterator[Skipped]:
        """Yields what both have skipped of each partition.

        Args:
            by_blue: records that blue alone has skipped.
            by_green: records that green alone has skipped.
        """
        for pair in self.keys() | by_blue.keys() | by_green.keys():
            found = self.get(pair, Skipped(0, 0, 0, 0))
            yield found.without(by_blue.get(pair, 0), by_green.get(pair, 0))


def sql(blue: str, green: str, spans: Mapping[Partition, tuple[int, int]]) -> str:
    """Returns the query that counts what each dataset says it skipped, at least and at most."""
    return _SKIPPED.format(spans=listed(spans), ranges=ranges(blue, green))


def listed(spans: Mapping[Partition, tuple[int, int]]) -> str:
    """Returns the query that names what is compared."""
    return " UNION ALL ".join(
        f"SELECT '{topic}' AS topic, {number} AS number, {start} AS start_offset, "
        f"{end} AS end_offset"
        for (topic, number), (start, end) in spans.items()
    )


def ranges(blue: str, green: str) -> str:
    """Returns the query that gives the ranges of both datasets."""
    return " UNION ALL ".join(
        _RANGES.format(in_blue=in_blue, dataset=dataset, table=SKIPPED_RECORDS.name)
        for in_blue, dataset in (("TRUE", blue), ("FALSE", green))
    )
