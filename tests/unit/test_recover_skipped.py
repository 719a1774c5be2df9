"""A start from the tables reads again whatever has neither a row nor a range of its rule."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.launch.recover.topic_records import gaps
from pipeline.launch.recover.unread import in_no_table
from tests.support import contracts
from transforms.codecs.contract.decoder import Decoder
from transforms.payment.skipped import SkippedRange, ranges_of
from transforms.payment.transaction import KafkaRecord
from transforms.read_kafka import OffsetRange

DECODER = Decoder(
    contracts.contract(
        keep=[{"at": "state", "in": ["done"], "skip": ["open", "failed"]}], tombstones="skip"
    )
)


class FakeTopic:
    """Records by offset; an offset without one is a marker."""

    def __init__(self, records: dict[int, KafkaRecord]) -> None:
        self.by_offset = records

    def records(self, span: OffsetRange) -> Iterator[KafkaRecord]:
        return (self.by_offset[n] for n in range(span.start, span.end) if n in self.by_offset)

    def with_records(self, spans: Any) -> list[OffsetRange]:
        return [span for span in spans if any(True for _ in self.records(span))]


def history(chance: random.Random) -> dict[int, KafkaRecord]:
    """Returns forty offsets: payments, records of two rules, tombstones and markers."""
    records: dict[int, KafkaRecord] = {}
    for offset in range(40):
        state = chance.choice(["done", "done", "open", "failed", None, "marker"])
        payload = contracts.payload(id=f"tx-{offset}", state=state) if state else None
        if state != "marker":
            records[offset] = KafkaRecord("payments", 0, offset, offset, None, payload)
    return records


def overlaps(one: SkippedRange, others: list[tuple[int, int]]) -> bool:
    return any(first <= one.last_offset and one.first_offset <= last for first, last in others)


@pytest.mark.parametrize("seed", range(60))
def test_exactly_what_no_table_has_is_read(seed: int) -> None:
    chance = random.Random(seed)
    records = history(chance)
    rows: set[int] = set()
    held: set[int] = set()
    ranges: dict[str, list[tuple[int, int]]] = {}
    offsets = sorted(records)
    for batch in (offsets[n : n + 5] for n in range(0, len(offsets), 5)):
        decoded = DECODER.decode([records[n] for n in batch])
        if chance.random() < 0.8:  # rows of each table become visible for themselves
            rows |= {each.offset for each in decoded.records}
        if chance.random() < 0.8:
            held |= {each.offset for each, _ in decoded.skipped}
            for each in ranges_of(decoded.skipped):
                ranges.setdefault(each.rule, []).append((each.first_offset, each.last_offset))
    islands = [OffsetRange("payments", 0, n, n + 1) for n in sorted(rows)]
    topic: Any = FakeTopic(records)
    skipped = {("payments", 0): ranges} if ranges else {}

    found = in_no_table(topic, gaps([OffsetRange("payments", 0, 0, 40)], islands), skipped, DECODER)

    read = [each.offset for span in found for each in topic.records(span)]
    assert read == [n for n in offsets if n not in rows | held]
    # Their ranges must not reach over one that is there.
    for span in found:
        again = ranges_of(DECODER.decode(list(topic.records(span))).skipped)
        assert not any(overlaps(one, ranges.get(one.rule, [])) for one in again)


def test_without_ranges_kafka_is_asked_for_the_first_record_of_each_gap_alone() -> None:
    topic: Any = FakeTopic({3: KafkaRecord("payments", 0, 3, 3, None, None)})
    spans = [OffsetRange("payments", 0, 0, 2), OffsetRange("payments", 0, 3, 9)]

    assert in_no_table(topic, spans, {}, DECODER) == spans[1:]
