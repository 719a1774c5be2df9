"""Python unpacks the frames that the Java consumer packs; their bounds are as specified."""

from __future__ import annotations

import base64
import itertools
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import java_program
from tests.support.record_frames import pack
from transforms.codecs import record_frame
from transforms.kafka import message
from transforms.payment import arrival, replay
from transforms.payment.arrival import Arrival
from transforms.payment.ends_job import without_mark
from transforms.payment.transaction import KafkaRecord
from transforms.read_kafka import SLACK_SETTING

pytestmark = [pytest.mark.integration, java_program.needs_jars]
RECORDS_MAX, BYTES_MAX = 500, 64 * 1_024
START_US = 1_767_225_600_000_000
BOUNDED = Arrival(arrival.BOUNDED_CREATE, 60)


class Frame(NamedTuple):
    """The one record that stands for many, without its bytes, and the many."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    leader_epoch: int
    timestamp_type: str
    key_bytes: int
    headers: int
    records: list[KafkaRecord]


def record(
    offset: int, key=b"acc", payload=b"{}", header=None, *, topic="payments", partition=2
) -> KafkaRecord:
    time_us = START_US + offset * 7_000
    return KafkaRecord(topic, partition, offset, time_us, key, payload, header)


def framed(folder: Path, records: list[KafkaRecord], headers=None) -> list[Frame]:
    """Returns what Kafka's consumer would hand out; `headers` are other ones, by offset."""
    ended = packed(folder, records, headers)
    assert ended.returncode == 0, ended.stderr
    return [frame(line.split(" ")) for line in ended.stdout.splitlines()]


def packed(
    folder: Path, records: list[KafkaRecord], headers=None, created=(), settings=()
) -> subprocess.CompletedProcess[str]:
    """Returns how packing ended; the offsets `created` carry the producer's time."""
    lines = []
    for each in records:
        ours = [] if each.replay_header is None else [(replay.HEADER, each.replay_header)]
        kept = (headers or {}).get(each.offset, ours)
        time = f"{each.broker_time_us // 1_000}{'c' if each.offset in created else ''}"
        words = [each.topic, each.partition, each.offset, time]
        words += [each.offset // 100, word(each.key), word(each.payload)]
        words += [f"{name}={word(value)}" for name, value in kept]
        lines.append(" ".join(map(str, words)))
    polled = folder / "polled"
    polled.write_text("\n".join(lines))
    return java_program.run("PackFrames", record_frame.INTERCEPTOR, str(polled), *settings)


def test_headers_that_are_asked_for_are_carried(tmp_path) -> None:
    asked = ("ce_id", "a,b+%ü")
    headers = {
        0: [("other", b"a"), ("a,b+%ü", b"1"), ("ce_id", None), ("ce_id", b"")],
        1: [("other", b"a")],
        2: [(replay.HEADER, b"r"), ("ce_id", bytes(range(256)))],
    }
    settings = [f"{name}={value}" for name, value in record_frame.settings(asked).items()]

    ended = packed(tmp_path, [record(each) for each in headers], headers, (), settings)
    [line] = ended.stdout.splitlines()
    frame = base64.b64decode(line.split(" ")[-1])
    records = record_frame.unpack(frame, asked)

    assert [each.headers for each in records] == [
        message.carried(each, asked) for each in headers.values()
    ]
    assert frame == pack(records, asked=asked)
    assert records[2].replay_header == b"r"


def test_producers_times_are_packed_where_they_are_asked_for(tmp_path) -> None:
    times = [record(each) for each in range(4)]
    times[2] = times[2]._replace(broker_time_us=START_US - 5_000)  # behind those before it
    settings = (f"{SLACK_SETTING}=60000",)

    ended = packed(tmp_path, times, created={0, 1, 2}, settings=settings)

    first, *_ = ended.stdout.splitlines()
    words = first.split(" ")
    frame = record_frame.unpack(base64.b64decode(words[-1]), (), BOUNDED)
    assert frame == times[:3]
    assert int(words[3]) == min(each.broker_time_us for each in frame) // 1_000
    told = without_mark(str(BOUNDED.refusal("payments", 2, 3, 1)))
    assert f"NoArrivalTime: {told}\n" in ended.stderr


def test_record_without_a_time_is_refused_beside_producers_times(tmp_path) -> None:
    records = [record(0), record(1)._replace(broker_time_us=-1_000)]

    ended = packed(tmp_path, records, created={0, 1}, settings=(f"{SLACK_SETTING}=60000",))

    told = without_mark(str(BOUNDED.refusal("payments", 2, 1, 0, -1)))
    assert f"NoArrivalTime: {told}\n" in ended.stderr


def word(content: bytes | None) -> str:
    return "null" if content is None else f":{base64.b64encode(content).decode()}"


def frame(words: list[str]) -> Frame:
    topic, partition, offset, timestamp_ms, epoch, timestamp_type, key_bytes, headers, packed = (
        words
    )
    content = base64.b64decode(packed)
    records = record_frame.unpack(content)
    assert content == pack(records)  # what unit tests unpack is what Java packs
    numbers = map(int, (partition, offset, timestamp_ms, epoch))
    return Frame(topic, *numbers, timestamp_type, int(key_bytes), int(headers), records)


def content_bytes(each: KafkaRecord) -> int:
    return sum(len(field or b"") for field in (each.key, each.payload, each.replay_header))


def test_every_kind_of_record_comes_through(tmp_path) -> None:
    records = [
        record(0),
        record(1, payload=None),
        record(2, key=None),
        record(3, key=b""),
        record(4, payload=b""),
        record(5, None, None),
        record(9, header=b'{"topic":"payments"}'),
        record(10, header=b""),
        record(11, payload=bytes(range(256))),
    ]

    (only,) = framed(tmp_path, records)

    assert only.records == records


def test_header_is_the_one_that_replay_takes(tmp_path) -> None:
    ours, other = replay.HEADER, "traceparent"
    headers = {
        0: [(other, b"a")],
        1: [(ours, b"first"), (other, b"a"), (ours, b"last")],
        2: [(ours, b"first"), (ours, None)],
        3: [(ours, None)],
        4: [(ours, b"")],
        5: [(ours, None), (ours, b"last"), (other, None)],
        6: [(ours.upper(), b"a")],
    }

    (only,) = framed(tmp_path, [record(each) for each in headers], headers)

    assert [each.replay_header for each in only.records] == [
        replay.header_of(each) for each in headers.values()
    ]


def test_frame_stands_where_its_last_record_stood(tmp_path) -> None:
    records = [record(each) for each in (70, 71, 90, 340)]

    (only,) = framed(tmp_path, records)

    first_ms = records[0].broker_time_us // 1_000
    assert only == ("payments", 2, 340, first_ms, 3, "LogAppendTime", 0, 0, records)


def test_five_hundred_records_fill_a_frame(tmp_path) -> None:
    records = [record(each) for each in range(2 * RECORDS_MAX + 1)]

    frames = framed(tmp_path, records)

    assert [len(each.records) for each in frames] == [RECORDS_MAX, RECORDS_MAX, 1]
    assert [each.offset for each in frames] == [499, 999, 1000]
    assert list(itertools.chain.from_iterable(each.records for each in frames)) == records


def test_bytes_fill_a_frame_and_a_larger_record_is_alone(tmp_path) -> None:
    small, half, exact = b"s", bytes(BYTES_MAX // 2), bytes(BYTES_MAX)
    records = [
        record(each, None, payload, header)
        for each, (payload, header) in enumerate(
            [
                (half, None),
                (half, None),  # the limit itself
                (small, None),
                (bytes(BYTES_MAX + 1), None),  # alone
                (small, None),
                (half, half),  # full with its header, but not with the one before
                (exact, None),
                (bytes(3 * BYTES_MAX), small),  # alone
                (bytes(2 * BYTES_MAX), None),  # alone, of two in a row
            ]
        )
    ]

    frames = framed(tmp_path, records)

    assert [[each.offset for each in one.records] for one in frames] == [
        *([0, 1], [2], [3], [4], [5], [6], [7], [8])
    ]
    assert list(itertools.chain.from_iterable(each.records for each in frames)) == records
    for each in frames:
        assert len(each.records) == 1 or sum(map(content_bytes, each.records)) <= BYTES_MAX


def test_record_without_arrival_time_fails_who_reads_it_and_none_before_it(tmp_path) -> None:
    records = [record(each) for each in range(6)]

    ended = packed(tmp_path, records, created={3, 4})

    [line] = ended.stdout.splitlines()
    assert frame(line.split(" ")).records == records[:3]
    # In the words of Python, by which the launcher knows it.
    told = without_mark(str(arrival.BY_BROKER.refusal("payments", 2, 3, 0)))
    assert f"NoArrivalTime: {told}\n" in ended.stderr


def test_partitions_keep_apart(tmp_path) -> None:
    places = [("payments", 0), ("payments", 11), ("refunds-é", 0)]
    records = [
        record(offset, key=b"%d" % offset, topic=topic, partition=partition)
        for offset in range(700)
        for topic, partition in places
    ]

    frames = framed(tmp_path, records)

    assert [(each.topic, each.partition, each.offset) for each in frames] == [
        (*place, last) for place in places for last in (499, 699)
    ]
    for place in places:
        here = [each for each in frames if (each.topic, each.partition) == place]
        unpacked = itertools.chain.from_iterable(each.records for each in here)
        assert list(unpacked) == [each for each in records if each[:2] == place]


def test_poll_without_records_has_no_frame(tmp_path) -> None:
    assert framed(tmp_path, []) == []
