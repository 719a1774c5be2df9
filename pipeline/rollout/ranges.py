"""Which dataset is read for which offsets? Every offset of a partition belongs to exactly one.

served_by("p.blue", …)        blue  [0, end)
handed_over(…, "p.green", 7)  blue  [0, 7)   green [7, end)
taken_back(…, "p.green")      blue  [0, end)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from pipeline.rollout.errors import RolloutError

Partition = tuple[str, int]

# Beyond every offset: Kafka's and BigQuery's largest integer.
END = 2**63 - 1


class Served(NamedTuple):
    """The records of one partition, `start` (inclusive) to `end` (exclusive), of one dataset."""

    dataset: str  # PROJECT.DATASET
    topic: str
    partition: int
    start: int
    end: int


def served_by(dataset: str, partitions: Iterable[Partition]) -> list[Served]:
    """Returns ranges by which one dataset is read alone."""
    return [Served(dataset, topic, number, 0, END) for topic, number in sorted(partitions)]


def handed_over(
    served: Sequence[Served], dataset: str, cuts: Mapping[Partition, int]
) -> list[Served]:
    """Returns the ranges with those partitions read from another dataset, from an offset on.

    Raises:
        RolloutError: a partition is not read yet, or an offset is before the current dataset's.
    """
    unread = cuts.keys() - {each[1:3] for each in served}
    if unread:
        raise RolloutError(f"partitions that nobody reads cannot be handed over: {sorted(unread)}")
    changed = []
    for each in served:
        cut = cuts.get(each[1:3]) if each.end == END else None
        if cut is None:
            changed.append(each)
        else:
            # Kept though it may be empty: it tells to whom the partition goes back.
            changed.append(each._replace(end=cut))
            changed.append(Served(dataset, each.topic, each.partition, cut, END))
    check(changed)
    return changed


def taken_back(served: Iterable[Served], dataset: str) -> list[Served]:
    """Returns the ranges as they were before the newest dataset was read.

    Raises:
        RolloutError: nobody else reads a partition, or `dataset` is not the newest.
    """
    changed = []
    for (topic, number), spans in groupby(sorted(served, key=_place), key=lambda each: each[1:3]):
        others = [span for span in spans if span.dataset != dataset]
        if not others:
            raise RolloutError(f"nobody but {dataset} reads {topic}[{number}]")
        changed += [*others[:-1], others[-1]._replace(end=END)]
    check(changed)
    return changed


def newest_of(served: Sequence[Served]) -> str:
    """Returns the dataset from which new records are read.

    Raises:
        RolloutError: there are several, or none.
    """
    names = sorted({each.dataset for each in served if each.end == END})
    if len(names) != 1:
        raise RolloutError(
            f"one dataset must be read at the end of every partition, found {names or 'none'}. "
            "Hint: finish the rollout that is under way, or `take-back`."
        )
    return names[0]


def datasets_of(served: Iterable[Served]) -> list[str]:
    """Returns the datasets that are read, in order of their names."""
    return sorted({each.dataset for each in served})


def share_of(partitions: Iterable[Partition], percent: int) -> list[Partition]:
    """Returns so many percent of the partitions, rounded up; a larger share holds a smaller."""
    ordered = sorted(partitions)
    return ordered[: math.ceil(len(ordered) * percent / 100)]


def check(served: Iterable[Served]) -> None:
    """Returns when every partition is read from 0 to its end, without a gap and without overlap.

    Raises:
        RolloutError: one is not; reading it so would lose or double records.
    """
    for (topic, number), spans in groupby(sorted(served, key=_place), key=lambda each: each[1:3]):
        reached = 0
        for span in spans:
            if span.start != reached or span.end < span.start:
                raise RolloutError(
                    f"{topic}[{number}] must be read on from offset {reached}, got {span.start} to "
                    f"{span.end} of {span.dataset}"
                )
            reached = span.end
        if reached != END:
            raise RolloutError(f"nobody reads {topic}[{number}] from offset {reached} on")


def _place(span: Served) -> tuple[str, int, int, int]:
    return span.topic, span.partition, span.start, span.end
