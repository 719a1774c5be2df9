"""Refuses a start from which the job would read records that do not say when they arrived.

A topic that was altered keeps what it held before with the other kind of time. Some
records of each partition are looked at, and where the last of them is not clean, the offset from
which the partition is clean is found by halving: 30 fetches for a billion records. What lies hidden
between two clean ones, in a topic altered more than once, stops the job when it is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from operations.errors import CannotStart
from transforms.kafka.reader import KafkaReader, OffsetRange
from transforms.payment.arrival import Arrival

# Besides the first: a topic may have been altered to and fro.
_PARTS = 4
_NAMED_MAX = 3


def check(reader: KafkaReader, ranges: Iterable[OffsetRange], required: Arrival) -> None:
    """Raises CannotStart when a record of `ranges` does not carry the time that is required."""
    clean_from: dict[tuple[str, int], int] = {}
    for span in ranges:
        start = _clean_from(reader, span, required)
        if start > span.start:
            clean_from[span[:2]] = max(start, clean_from.get(span[:2], 0))
    if not clean_from:
        return
    places = [
        f"{topic}[{number}] from offset {start}" for (topic, number), start in clean_from.items()
    ]
    left = len(places) - _NAMED_MAX
    more = [f"{left} more partitions"] if left > 0 else []
    carried = (
        "records carry the broker's time (LogAppendTime) or none, and this job goes by producers'"
        if required.is_bounded
        else "records carry their producer's time (CreateTime), so nobody knows when they arrived"
    )
    raise CannotStart(
        f"{carried}; clean are {', '.join([*places[:_NAMED_MAX], *more])}. Hint: "
        + required.hint(next(iter(clean_from))[0])
    )


def _clean_from(reader: KafkaReader, span: OffsetRange, required: Arrival) -> int:
    """Returns behind the last record of the range that was found to be unclean; else its start."""
    unclean, clean = span.start - 1, span.end
    for offset in _samples(span):
        found = _first_unclean(reader, span._replace(start=offset), required)
        if found is not None:
            unclean, clean = found, span.end
        elif unclean >= span.start:
            clean = min(clean, offset)
    while clean - unclean > 1 and unclean >= span.start:
        middle = (unclean + clean) // 2
        found = _first_unclean(reader, span._replace(start=middle, end=clean), required)
        unclean, clean = (unclean, middle) if found is None else (found, clean)
    return unclean + 1


def _samples(span: OffsetRange) -> Iterator[int]:
    count = span.end - span.start
    yield from sorted({span.start + count * part // _PARTS for part in range(_PARTS)})
    yield max(span.start, span.end - 1)


def _first_unclean(reader: KafkaReader, span: OffsetRange, required: Arrival) -> int | None:
    """Returns the offset of the range's first record if it is unclean, None otherwise."""
    message = reader.first(span)
    if message is None or required.fits(message):
        return None
    return int(message.offset)
