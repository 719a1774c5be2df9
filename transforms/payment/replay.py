"""The Kafka header by which a record says that it is a dead letter sent again.

    payments-replay-of: {"topic": "payments", "partition": 2, "offset": 4711,
                         "original_time_us": 1767225600000000}

`topic`, `partition` and `offset` name the dead letter; `original_time_us` is the arrival of the
first record of the chain, when a dead letter of a dead letter is sent again.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from transforms.payment.dead_letter import Reason, Rejected
from transforms.payment.transaction import KafkaRecord, ReplayOf

HEADER = "payments-replay-of"
_TYPES = {"topic": str, "partition": int, "offset": int, "original_time_us": int}
# The longest topic's name and three numbers take 350; what is parsed must have a bound.
_HEADER_BYTES_MAX = 1_024
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}", re.ASCII)
# Kafka's own: what is beyond would fit no column either, and stop the job at this record for ever.
_PARTITION_MAX = 2**31 - 1
_OFFSET_MAX = 2**63 - 1


def encode(replay_of: ReplayOf) -> bytes:
    """Returns the header's value."""
    return orjson.dumps(replay_of._asdict())


def decode(record: KafkaRecord) -> ReplayOf | None:
    """Returns which dead letter the record sends again, None when it is no replay.

    Raises:
        Rejected: the header is not as written above, or claims to come from the future.
    """
    if record.replay_header is None:
        return None
    fields = _parse(record.replay_header)
    if not isinstance(fields, dict) or fields.keys() != _TYPES.keys():
        raise _rejected(f"an object of {', '.join(_TYPES)} is required")
    for name, wanted in _TYPES.items():
        if type(fields[name]) is not wanted:
            raise _rejected(f"{name} must be of type {wanted.__name__}")
    replay_of = ReplayOf(**fields)
    if not (
        _TOPIC.fullmatch(replay_of.topic)
        and 0 <= replay_of.partition <= _PARTITION_MAX
        and 0 <= replay_of.offset <= _OFFSET_MAX
    ):
        raise _rejected("topic, partition and offset must be such as Kafka has")
    # An arrival after its own replay would make a late payment look early.
    if not 0 <= replay_of.original_time_us <= record.broker_time_us:
        raise _rejected("original_time_us must not be after the arrival of the replay")
    return replay_of


def _parse(header: bytes) -> Any:
    if len(header) > _HEADER_BYTES_MAX:
        raise _rejected(f"at most {_HEADER_BYTES_MAX} bytes are allowed, got {len(header)}")
    try:
        return orjson.loads(header)
    except orjson.JSONDecodeError as error:
        raise _rejected(str(error)) from None


def replay_of_or_none(record: KafkaRecord) -> ReplayOf | None:
    """Returns what `decode` does, and None for a header that cannot be read."""
    try:
        return decode(record)
    except Rejected:
        return None


def header_of(headers: Any) -> bytes | None:
    """Returns the value of our header among (key, value) pairs, the last one if repeated."""
    value = None
    for key, each in headers or ():
        if key == HEADER:
            value = each
    return value


def _rejected(detail: str) -> Rejected:
    return Rejected(Reason.BAD_REPLAY_HEADER, f"header {HEADER}: {detail}")
