"""A rollout as JSON, for programs: the same facts as text.py has for people."""

from __future__ import annotations

from typing import Any

from operations.rollout.ranges import BUCKETS, END, newest_names
from operations.rollout.rollout import Compared
from operations.rollout.serving import Decision


def decision(made: Decision) -> dict[str, Any]:
    """Returns which dataset is read for which offsets; an `end` of null is open."""
    return {
        "decided_at": made.decided_at.isoformat(),
        "newest": list(newest_names(made.served)),
        "served": [
            {
                "dataset": each.dataset,
                "topic": each.topic,
                "partition": each.partition,
                "start": each.start,
                "end": None if each.end == END else each.end,
                "share": (each.last - each.first) / BUCKETS,
            }
            for each in made.served
            if each.first < each.last
        ],
    }


def comparison(compared: Compared) -> dict[str, Any]:
    """Returns what was compared, and what differs."""
    result = compared.result
    return {
        "blue": compared.blue,
        "complete": result.complete,
        "alike": result.alike,
        "skipped": result.skipped,
        "reordered": result.reordered,
        "lost": result.lost,
        "invented": result.invented,
        "doubled": result.doubled,
        "parted": result.parted,
        "differing": [each._asdict() for each in result.differing],
    }
