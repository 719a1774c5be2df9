"""A frame gives back the records that were packed, and what is no frame is refused."""

import pytest

from tests.support.record_frames import pack
from transforms.codecs.record_frame import unpack
from transforms.payment.arrival import BOUNDED_CREATE, Arrival, NoArrivalTime
from transforms.payment.transaction import KafkaRecord

START_US = 1_767_225_600_000_000


def record(offset: int, key=b"acc", payload=b"{}", replay_header=None) -> KafkaRecord:
    time_us = START_US + offset * 1_000
    return KafkaRecord("payments", 2, offset, time_us, key, payload, replay_header)


FRAMES = {
    "payments": [record(each, payload=b"%d" % each) for each in range(500)],
    "one record": [record(2**40)],
    "gaps between offsets": [record(4), record(90), record(91)],
    "tombstone": [record(0), record(1, payload=None), record(2)],
    "tombstones alone": [record(0, payload=None), record(1, payload=None)],
    "null key": [record(0, key=None), record(1), record(2, key=None)],
    "neither key nor value": [record(0, key=None, payload=None)],
    "empty key": [record(0, key=b""), record(1, key=None), record(2, key=b"k")],
    "empty value": [record(0, payload=b""), record(1, payload=None)],
    "replay header": [record(0), record(1, replay_header=b'{"topic":"t"}'), record(2)],
    "empty replay header": [record(0, replay_header=b""), record(1)],
    "all at once": [record(0, None, b"a", b"b"), record(1, b"c", None), record(2, b"", b"", b"")],
}


@pytest.mark.parametrize("records", FRAMES.values(), ids=FRAMES.keys())
def test_frame_gives_back_its_records(records) -> None:
    unpacked = unpack(pack(records))

    assert unpacked == records
    assert {type(each) for each in unpacked} == {KafkaRecord}
    assert {len(each) for each in unpacked} == {len(KafkaRecord._fields)}


ASKED = ("ce_id", "ce_typé", "x")


def test_headers_that_are_asked_for_come_back_in_their_order() -> None:
    records = [
        record(0)._replace(headers=(("x", b"1"), ("ce_id", None), ("x", b""))),
        record(1),
        record(2, replay_header=b"{}")._replace(headers=(("ce_typé", b"paid"),)),
    ]

    assert unpack(pack(records, asked=ASKED), ASKED) == records
    assert unpack(pack([record(5)], asked=ASKED), ASKED) == [record(5)]


def test_frame_without_the_headers_that_are_asked_for_is_refused() -> None:
    """And the other way round: what a frame holds depends on what its packer was asked for."""
    with pytest.raises(ValueError, match="no frame of version 3"):
        unpack(pack([record(0)]), ASKED)
    with pytest.raises(ValueError, match="no frame of version 2"):
        unpack(pack([record(0)], asked=ASKED))


def test_each_mode_refuses_the_other_times() -> None:
    bounded = Arrival(BOUNDED_CREATE, 60)

    assert unpack(pack([record(7)], 0), required=bounded) == [record(7)]
    with pytest.raises(
        NoArrivalTime, match=r"offset 7 carries the broker's time \(LogAppendTime\)"
    ):
        unpack(pack([record(7)], 1), required=bounded)


def test_numbers_are_pythons_own() -> None:
    (unpacked,) = unpack(pack([record(7)]))

    assert type(unpacked.offset) is type(unpacked.broker_time_us) is int
    assert type(unpacked.partition) is int


def test_largest_offset() -> None:
    records = [record(0)._replace(offset=2**63 - 1, partition=2**31 - 1)]

    assert unpack(pack(records)) == records


def test_topic_of_other_letters() -> None:
    records = [record(0)._replace(topic="zahlungen-ü")]

    assert unpack(pack(records)) == records


@pytest.mark.parametrize("version", [0, 1, 255])
def test_unknown_version_is_refused(version: int) -> None:
    with pytest.raises(ValueError, match="no frame of version 2"):
        unpack(bytes([version]) + pack([record(0)])[1:])


@pytest.mark.parametrize("timestamp_type", [0, 255])
def test_records_without_arrival_time_are_refused(timestamp_type: int) -> None:
    with pytest.raises(NoArrivalTime, match=r"payments\[2\] offset 7 carries its producer's time"):
        unpack(pack([record(7), record(8)], timestamp_type))


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"transaction_id": "t-1", "amount": "1.00"}'])
def test_payment_that_came_unpacked_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="no frame"):
        unpack(payload)


@pytest.mark.parametrize("cut", [1, 2, 3, 30])
def test_frame_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(ValueError):
        unpack(pack([record(0), record(1)])[:-cut])


def test_frame_with_more_behind_is_refused() -> None:
    with pytest.raises(ValueError, match="bytes has"):
        unpack(pack([record(0)]) + b"x")
