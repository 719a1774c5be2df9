"""Says in SQL of a row, or of a range of skipped records, how far a check reaches it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from operations.reconcile.truth import OffsetRange, Reach


def of_row(spans: Sequence[OffsetRange]) -> str:
    """Returns an expression that says of a row what Truth.reach says of its place."""
    return _cases(
        spans,
        lambda span: (
            f"CASE WHEN kafka_offset < {span.start} THEN '{Reach.EXPIRED.value}' "
            f"WHEN kafka_offset < {span.end} THEN '{Reach.CHECKED.value}' "
            f"ELSE '{Reach.NEWER.value}' END"
        ),
        _elsewhere(spans),
    )


def of_range(spans: Sequence[OffsetRange]) -> str:
    """Returns an expression that says it of a range: CHECKED where any offset of it is."""
    return _cases(
        spans,
        lambda span: (
            f"CASE WHEN GREATEST(first_offset, last_offset) < {span.start} "
            f"THEN '{Reach.EXPIRED.value}' "
            f"WHEN first_offset < {span.end} THEN '{Reach.CHECKED.value}' "
            f"ELSE '{Reach.NEWER.value}' END"
        ),
        _elsewhere(spans),
    )


def least_records(spans: Sequence[OffsetRange]) -> str:
    """Returns an expression for how many records of a range are within the check at least.

    Of one that reaches beyond it, as many as there are offsets may lie outside.
    """
    return _cases(
        spans,
        lambda span: (
            f"CASE WHEN first_offset >= {span.start} AND last_offset < {span.end} "
            f"OR last_offset < {span.start} OR first_offset >= {span.end} THEN record_count "
            f"ELSE GREATEST(0, record_count - GREATEST(0, {span.start} - first_offset) "
            f"- GREATEST(0, last_offset + 1 - {span.end})) END"
        ),
        "record_count",
    )


def _elsewhere(spans: Sequence[OffsetRange]) -> str:
    topics = ", ".join(f"'{topic}'" for topic in sorted({span.topic for span in spans}))
    return (
        f"CASE WHEN kafka_topic IN ({topics}) THEN '{Reach.NOWHERE.value}' "
        f"ELSE '{Reach.OTHER_TOPIC.value}' END"
    )


def _cases(spans: Sequence[OffsetRange], then: Callable[[OffsetRange], str], otherwise: str) -> str:
    """Topics are checked names (flag_types.py): letters, digits, dot, underscore, hyphen."""
    cases = [
        f"WHEN kafka_topic = '{span.topic}' AND kafka_partition = {span.partition} "
        f"THEN {then(span)}"
        for span in spans
    ]
    return f"CASE {' '.join(cases)} ELSE {otherwise} END" if cases else otherwise
