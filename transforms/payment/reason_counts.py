"""Counts rejected records by reason, with the place of the first one."""

from __future__ import annotations

from collections.abc import Iterable

# Reason, count, and where the first of them lies: topic, partition, offset. A plain tuple, so that
# Beam's coders need no pickle.
ReasonCount = tuple[str, int, str, int, int]

_TOLD_MAX = 5


def together(one: ReasonCount, other: ReasonCount) -> ReasonCount:
    """Returns two counts of one reason as one, with the place that comes first."""
    topic, partition, offset = min(one[2:], other[2:])
    return one[0], one[1] + other[1], topic, partition, offset


def added(counts: Iterable[ReasonCount]) -> list[ReasonCount]:
    """Returns one count per reason, by name: the same whatever the order of `counts`.

    There are no more than reasons, which are a closed list.
    """
    found: dict[str, ReasonCount] = {}
    for each in counts:
        known = found.get(each[0])
        found[each[0]] = each if known is None else together(known, each)
    return sorted(found.values())


def told(counts: Iterable[ReasonCount]) -> str:
    """Returns the most frequent reasons in a line, each with its count and its first place."""
    ordered = sorted(counts, key=lambda each: (-each[1], each[0]))
    parts = [
        f"{count} {reason}, the first at {topic}[{partition}] offset {offset}"
        for reason, count, topic, partition, offset in ordered[:_TOLD_MAX]
    ]
    left = len(ordered) - _TOLD_MAX
    return "; ".join([*parts, f"{left} more reasons"] if left > 0 else parts)
