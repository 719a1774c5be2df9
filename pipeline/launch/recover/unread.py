"""Finds what of a topic is in no table, where the tables hold ranges of skipped records as well.

A range says how many records its rule skips between two, and not which. What Kafka holds there says
it: the records are decoded once more, each partition from its first gap to its last.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Mapping, Sequence

from pipeline.launch.held_tables import Partition, RangesByRule
from pipeline.launch.recover.topic_records import TopicRecords
from transforms.codecs.contract.decoder import Decoder
from transforms.kafka.reader import OffsetRange


def in_no_table(
    topic: TopicRecords,
    gaps: Sequence[OffsetRange],
    skipped: Mapping[Partition, RangesByRule],
    decoder: Decoder,
) -> list[OffsetRange]:
    """Returns which of the gaps between rows hold a record that no table has, as ranges of these.

    Args:
        gaps: offsets without a row, in order.
        skipped: the ranges of each partition, by rule and in order.
    """
    found: list[OffsetRange] = []
    for pair, of_pair in itertools.groupby(gaps, key=lambda span: (span.topic, span.partition)):
        if pair in skipped:
            found += _unread(topic, list(of_pair), skipped[pair], decoder)
        else:
            found += topic.with_records(of_pair)
    return found


def _unread(
    topic: TopicRecords, gaps: Sequence[OffsetRange], skipped: RangesByRule, decoder: Decoder
) -> Iterator[OffsetRange]:
    ends = [span.end for span in gaps]
    open_: tuple[int, OffsetRange] | None = None  # which gap, and what of it is unread so far
    for record in topic.records(gaps[0]._replace(end=ends[-1])):
        number = bisect.bisect_right(ends, record.offset)
        if record.offset < gaps[number].start:
            continue  # it has a row
        decoded = decoder.decode([record])
        if any(_holds(skipped.get(rule, ()), record.offset) for _, rule in decoded.skipped):
            if open_ is not None:
                yield open_[1]
                open_ = None
        elif open_ is not None and open_[0] == number:
            open_ = number, open_[1]._replace(end=record.offset + 1)
        else:
            if open_ is not None:
                yield open_[1]
            open_ = number, gaps[number]._replace(start=record.offset, end=record.offset + 1)
    if open_ is not None:
        yield open_[1]


def _holds(ranges: Sequence[tuple[int, int]], offset: int) -> bool:
    """Returns whether one of the ranges, in order and without overlap, has the offset."""
    number = bisect.bisect_right(ranges, offset, key=lambda each: each[0]) - 1
    return number >= 0 and ranges[number][1] >= offset
