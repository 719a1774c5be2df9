"""A job without state that begins with a memory decides as the job would that was lost.

Engine: DirectRunner's streaming engine, with the watermark moved by hand.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pvalue import TaggedOutput
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.test_stream import TestStream
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from pipeline.launch.recover import memory
from tests.support.lists import Each, InLists
from tests.support.payments import SECOND_US, transaction
from tests.support.shards import SHARDS
from transforms import Deduplicate, shard_memory
from transforms.payment.dedup_policy import DedupPolicy, RepeatedRecord
from transforms.payment.transaction import Transaction
from transforms.shard_memory import Memory
from transforms.sharded_dedup import KeepFirstOfShard
from transforms.state import packed

POLICY = DedupPolicy(60 * SECOND_US)


def payment(second: int, name: str, **changes: object) -> Transaction:
    return transaction(name, arrival_us=second * SECOND_US, offset=second, **changes)


def arriving(*payments: Transaction) -> list[TimestampedValue]:
    return [TimestampedValue(each, Timestamp(micros=each.broker_time_us)) for each in payments]


def check(
    begins_with: Memory | None,
    stream: TestStream,
    accepted: Sequence[int] = (),
    duplicates: Sequence[int] = (),
    conflicts: Sequence[int] = (),
) -> None:
    """Compares the offsets (= seconds) in all three ends."""
    with TestPipeline(options=PipelineOptions(streaming=True)) as root:
        arrivals = root | stream | InLists()
        result = arrivals | Deduplicate(POLICY, SHARDS, memory=begins_with)
        for name, offsets, expected in (
            (
                "a",
                result.accepted | "A" >> Each() | "a" >> beam.Map(lambda it: it.offset),
                accepted,
            ),
            ("d", result.duplicates | "D" >> Each() | "d" >> beam.Map(_offset_of_copy), duplicates),
            ("c", result.conflicts | "C" >> Each() | "c" >> beam.Map(_offset_of_copy), conflicts),
        ):
            assert_that(offsets, equal_to(list(expected)), f"check {name}")


def _offset_of_copy(copy: RepeatedRecord) -> int:
    return copy.transaction.offset


def stream(*payments: Transaction) -> TestStream:
    begin = TestStream().advance_watermark_to(0)
    return begin.add_elements(arriving(*payments)).advance_watermark_to_infinity()


def test_copies_of_what_the_lost_job_accepted_are_set_aside(tmp_path: Path) -> None:
    before = [payment(0, "A"), payment(1, "B"), payment(2, "C")]
    begins_with = memory.write(str(tmp_path), POLICY, SHARDS, before)

    after = stream(payment(50, "A"), payment(51, "B", amount_minor=9), payment(52, "D"))
    check(begins_with, after, accepted=[52], duplicates=[50], conflicts=[51])


def test_control_without_the_memory_they_are_accepted_again() -> None:
    after = stream(payment(50, "A"), payment(51, "B", amount_minor=9))
    check(None, after, accepted=[50, 51])


def test_ids_beyond_their_horizon_are_forgotten(tmp_path: Path) -> None:
    begins_with = memory.write(str(tmp_path), POLICY, SHARDS, [payment(0, "A"), payment(30, "B")])

    after = stream(payment(61, "A"), payment(62, "B"))
    check(begins_with, after, accepted=[61], duplicates=[62])


def test_record_that_is_remembered_itself_is_accepted(tmp_path: Path) -> None:
    """It had been accepted, a copy that names it was written, its own row was not."""
    begins_with = memory.write(str(tmp_path), POLICY, SHARDS, [payment(10, "A")])

    after = stream(payment(9, "A"), payment(10, "A"), payment(11, "A"))
    check(begins_with, after, accepted=[10], duplicates=[9, 11])


def test_every_shard_takes_its_memory_at_once_even_without_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begins_with = memory.write(str(tmp_path), POLICY, SHARDS, [payment(0, "A")])
    read: list[int] = []
    original = shard_memory.read
    monkeypatch.setattr(
        shard_memory, "read", lambda folder, shard: read.append(shard) or original(folder, shard)
    )

    check(begins_with, stream())

    assert sorted(read) == list(range(len(SHARDS)))


class Cell:
    """A cell of state outside a runner."""

    def __init__(self) -> None:
        self.content: list[bytes] = []

    def read(self) -> Any:
        return list(self.content)

    def add(self, blob: bytes) -> None:
        self.content.append(blob)


class Value(Cell):
    def read(self) -> Any:
        return self.content[0] if self.content else None

    def write(self, blob: bytes) -> None:
        self.content = [blob]


class Timer:
    def set(self, moment: Timestamp) -> None: ...


def test_partition_that_is_far_ahead_does_not_cost_the_memory(tmp_path: Path) -> None:
    """Its batch may be the first: what another partition repeats is remembered all the same."""
    begins_with = memory.write(str(tmp_path), POLICY, SHARDS, [payment(0, "A")])
    shard = SHARDS.of("A")
    [ahead] = [each for each in map(str, range(1_000)) if SHARDS.of(each) == shard][:1]
    step = KeepFirstOfShard(POLICY, ("duplicates", "conflicts"), len(SHARDS), begins_with)
    state = (Value(), *(Cell() for _ in range(6)), Timer())

    def ends(*payments: Transaction) -> list[object]:
        return list(step.process((shard, packed.pack(list(payments))), *state))

    assert ends(payment(500, ahead)) == [[payment(500, ahead)]]
    [copy] = ends(payment(50, "A"))
    assert isinstance(copy, TaggedOutput)
    assert copy.tag == "duplicates"


def test_missing_file_fails_instead_of_forgetting(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="shard-"):
        check(Memory(str(tmp_path)), stream(payment(1, "A")))


def test_no_payments_make_no_memory(tmp_path: Path) -> None:
    assert memory.write(str(tmp_path), POLICY, SHARDS, []) is None
    assert not list(tmp_path.iterdir())


def test_file_holds_what_was_written(tmp_path: Path) -> None:
    accepted = [payment(second, f"tx-{second}") for second in range(100)]

    memory.write(str(tmp_path), POLICY, SHARDS, accepted)

    files = [shard_memory.read(str(tmp_path), shard) for shard in range(len(SHARDS))]
    assert sum(sum(each.catalogue.counts.values()) for each in files) == len(accepted)


def test_useless_memory_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard that has forgotten all keeps that it has begun."""
    begins_with = memory.write(str(tmp_path), POLICY, SHARDS, [payment(0, "A")])
    read: list[int] = []
    original = shard_memory.read
    monkeypatch.setattr(
        shard_memory, "read", lambda folder, shard: read.append(shard) or original(folder, shard)
    )
    long_after = (
        TestStream()
        .advance_watermark_to(0)
        .add_elements(arriving(payment(1, "A")))
        .advance_watermark_to(500)
        .add_elements(arriving(payment(501, "A")))
        .advance_watermark_to_infinity()
    )

    check(begins_with, long_after, accepted=[501], duplicates=[1])
    assert len(read) == len(SHARDS)
