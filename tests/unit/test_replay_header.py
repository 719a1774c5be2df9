"""A dead letter sent again says which one it is, and is judged by its first arrival."""

import pytest

from tests.support.payments import SECOND_US, START_US, payload, record
from transforms.codecs import wire_format
from transforms.payment import replay, rules
from transforms.payment.dead_letter import Reason, Rejected
from transforms.payment.transaction import KafkaRecord, ReplayOf, judged_at_us

DAY_US = 86_400 * SECOND_US
REPLAY_OF = ReplayOf("payments", 2, 4711, START_US)


def replayed(header: bytes | None, arrival_us: int = START_US + DAY_US) -> KafkaRecord:
    return record(payload(), arrival_us=arrival_us)._replace(replay_header=header)


def test_header_comes_back_as_it_went() -> None:
    assert replay.decode(replayed(replay.encode(REPLAY_OF))) == REPLAY_OF


def test_record_without_the_header_is_no_replay() -> None:
    assert replay.decode(replayed(None)) is None


def test_replay_is_judged_by_its_first_arrival() -> None:
    corrected = wire_format.decode(replayed(replay.encode(REPLAY_OF)))
    unmarked = wire_format.decode(replayed(None))

    assert judged_at_us(corrected) == START_US
    assert not rules.is_late(corrected, 3_600 * SECOND_US)
    assert rules.is_late(unmarked, 3_600 * SECOND_US)


def test_event_after_the_first_arrival_is_in_the_future_even_if_the_replay_is_not() -> None:
    late_event = wire_format.decode(
        replayed(replay.encode(REPLAY_OF._replace(original_time_us=START_US - DAY_US)))
    )

    with pytest.raises(Rejected) as rejected:
        rules.Rules(300 * SECOND_US).check(late_event)

    assert rejected.value.reason is Reason.EVENT_TIME_IN_FUTURE


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"not json",
        b"[]",
        b'{"topic": "payments"}',
        b'{"topic": 1, "partition": 2, "offset": 3, "original_time_us": 4}',
        b'{"topic": "p", "partition": 2, "offset": true, "original_time_us": 4}',
        b'{"topic": "p", "partition": 2, "offset": 3, "original_time_us": -1}',
        replay.encode(REPLAY_OF._replace(original_time_us=START_US + 2 * DAY_US)),
    ],
)
def test_header_that_cannot_be_trusted_makes_the_record_invalid(header: bytes) -> None:
    with pytest.raises(Rejected) as rejected:
        wire_format.decode(replayed(header))

    assert rejected.value.reason is Reason.BAD_REPLAY_HEADER
    assert replay.replay_of_or_none(replayed(header)) is None


def test_last_of_repeated_headers_counts_and_others_are_ignored() -> None:
    headers = [("trace", b"1"), (replay.HEADER, b"2"), (replay.HEADER, b"3")]

    assert replay.header_of(headers) == b"3"
    assert replay.header_of([("trace", b"1")]) is None
    assert replay.header_of(None) is None
