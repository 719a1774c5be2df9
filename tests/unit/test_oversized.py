"""A huge record costs little time, little memory and one row."""

import hashlib
import time
import tracemalloc

import pytest

from tests.support.payments import START_US, payload, record
from transforms.codecs import wire_format
from transforms.codecs.wire_format import PAYLOAD_BYTES_MAX
from transforms.payment import replay
from transforms.payment.dead_letter import (
    DETAIL_CHARS_MAX,
    KEPT_BYTES_MAX,
    DeadLetter,
    Reason,
    Rejected,
)
from transforms.payment.transaction import ReplayOf

MIB = 1 << 20
# Of CPU time, and far above what is measured (30 ms): a machine may be slow, but not quadratic.
CPU_SEC_MAX = 1.0


def rejected_by(raw: bytes) -> Rejected:
    """Returns why the payload is rejected; fails when that took long or much memory."""
    tracemalloc.start()
    started_at = time.process_time()
    try:
        with pytest.raises(Rejected) as told:
            wire_format.decode(record(raw))
        assert time.process_time() - started_at < CPU_SEC_MAX
        assert tracemalloc.get_traced_memory()[1] < 32 * MIB
    finally:
        tracemalloc.stop()
    return told.value


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"note":"' + b"x" * 100 * MIB + b'"}', id="text of 100 MiB"),
        pytest.param(b"[" * 1_000_000 + b"]" * 1_000_000, id="a million arrays deep"),
        pytest.param(b'{"a":' * 1_000_000 + b"1" + b"}" * 1_000_000, id="a million objects deep"),
        pytest.param(b'{"amount_minor":' + b"9" * 10 * MIB + b"}", id="number of 10 MiB"),
    ],
)
def test_what_is_too_large_is_not_even_parsed(raw: bytes) -> None:
    assert rejected_by(raw).reason is Reason.TOO_LARGE


def filled(before: bytes, unit: bytes, after: bytes = b"") -> bytes:
    """Returns the largest payload that is parsed."""
    room = PAYLOAD_BYTES_MAX - len(before) - len(after)
    return before + unit * (room // len(unit)) + after


# Seven thousand names, and only the last two are the same.
MANY_NAMES = b"{" + b"".join(b'"%x":0,' % n for n in range(7_200)) + b'"z":0,"z":0}'


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (filled(b"", b"["), Reason.NOT_JSON),
        (filled(b"", b'{"":'), Reason.NOT_JSON),
        (filled(b'{"amount_minor":', b"9", b"}"), Reason.NOT_JSON),
        (filled(b'{"amount_minor":1e', b"9", b"}"), Reason.NOT_JSON),
        (filled(b'{"a":[', b"0,", b"0]}"), Reason.MISSING_FIELD),
        (filled(b'{"a":[', b"{},", b"0] }"), Reason.MISSING_FIELD),
        (filled(b"{", b'"":0,', b'"":0}'), Reason.REPEATED_FIELD),
        (filled(b'{"a":"', rb"\u0061", b'"}'), Reason.MISSING_FIELD),
        (MANY_NAMES, Reason.REPEATED_FIELD),
    ],
)
def test_largest_payload_that_is_parsed_is_bounded_too(raw: bytes, reason: Reason) -> None:
    assert rejected_by(raw).reason is reason


def test_letter_keeps_what_fits_a_row_and_tells_of_the_rest() -> None:
    raw = b"\xff" * (12 * MIB)
    huge = record(raw)._replace(key=raw)

    letter = DeadLetter.of(huge, Rejected(Reason.TOO_LARGE, "y" * 9_000), "step")

    assert letter.payload == letter.key == raw[:KEPT_BYTES_MAX]
    assert len(letter.detail) == DETAIL_CHARS_MAX
    digest = hashlib.sha256(raw).hexdigest()
    for part in ("key", "payload"):
        told = f"; {part}: the first {KEPT_BYTES_MAX} of {len(raw)} bytes, sha256 {digest}"
        assert told in letter.detail
    assert not letter.holds_record()


def test_letter_of_a_message_that_brokers_take_by_default_is_whole() -> None:
    letter = DeadLetter.of(record(b"x" * 1_048_588), Rejected(Reason.TOO_LARGE, "large"), "step")

    assert letter.payload == b"x" * 1_048_588
    assert letter.detail == "large"
    assert letter.holds_record()


@pytest.mark.parametrize(
    "changes",
    [
        {"offset": 2**63},  # in JSON, but in no column: it would stop the job for ever
        {"offset": -1},
        {"partition": 2**31},
        {"partition": -1},
        {"topic": ""},
        {"topic": "x" * 250},
        {"topic": "not a topic"},
        {"topic": "x" * 5_000},
    ],
)
def test_replay_header_that_kafka_could_not_have_is_rejected(changes: dict[str, object]) -> None:
    header = replay.encode(ReplayOf("payments", 0, 1, START_US)._replace(**changes))

    with pytest.raises(Rejected) as told:
        wire_format.decode(record(payload())._replace(replay_header=header))

    assert told.value.reason is Reason.BAD_REPLAY_HEADER
