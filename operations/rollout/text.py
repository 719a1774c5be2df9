"""Reports a rollout: tables for whoever runs it, and a line that says what it means."""

from __future__ import annotations

from tabulate import tabulate

from operations.rollout.ranges import BUCKETS, END, newest_names
from operations.rollout.rollout import Compared
from operations.rollout.serving import Decision


def decision(made: Decision) -> str:
    """Returns which dataset is read for which offsets."""
    rows = [
        (
            each.dataset,
            f"{each.topic}[{each.partition}]",
            each.start,
            _end(each.end),
            f"{(each.last - each.first) / BUCKETS:.0%}",
        )
        for each in made.served
        if each.first < each.last
    ]
    headers = ("read from", "records of", "from offset", "to", "of ids")
    newest = newest_names(made.served)
    return (
        f"{tabulate(rows, headers=headers)}\n\n"
        f"rollout: new records are read from {' and '.join(newest)}, as decided at "
        f"{made.decided_at:%Y-%m-%d %H:%M:%S} UTC"
    )


def comparison(compared: Compared) -> str:
    """Returns what was compared, and what differs."""
    result = compared.result
    rows = [
        ("alike", result.alike),
        ("skipped by both", result.skipped),
        ("alike, another copy first", result.reordered),
        ("lost", result.lost),
        ("invented", result.invented),
        ("doubled", result.doubled),
        ("judged otherwise", sum(each.records for each in result.differing)),
    ]
    parts = [tabulate(rows, headers=(f"as in {compared.blue}", "records"))]
    if result.differing:
        headers = ("blue says", "green says", "records", "for example")
        parts.append(tabulate(result.differing, headers=headers))
    if result.parted:
        parts.append(
            f"{result.parted} of them have no id in one of the two: no share can part them"
        )
    return "\n\n".join((*parts, f"rollout: {_verdict(compared)}"))


def _verdict(compared: Compared) -> str:
    if not compared.result.complete:
        return "green does NOT hold the records that blue holds, each once"
    if compared.result.differing:
        return "green holds every record that blue holds since it began, and judges some otherwise"
    return "green holds every record that blue holds since it began, each once"


def _end(offset: int) -> str:
    return "…" if offset == END else str(offset)
