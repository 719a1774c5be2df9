"""Says which dataset is read for which records: every record belongs to exactly one.

A record lies at an offset of a partition, and in one of 256 buckets by its transaction_id:

    served_by("p.blue", …)               blue [0, END) × [0, 256)
    handed_over(…, "p.green", {…: 7}, 25)  blue [0, 7) × [0, 256)  blue  [7, END) × [64, 256)
                                                                 green [7, END) × [0, 64)
    taken_back(…, "p.green")             blue [0, END) × [0, 256)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from operations.errors import RolloutError

Partition = tuple[str, int]

# Beyond every offset: Kafka's and BigQuery's largest integer.
END = 2**63 - 1
BUCKETS = 256


class Served(NamedTuple):
    """Records of one partition that are read from one dataset.

    Attributes:
        dataset: PROJECT.DATASET.
        start, end: offsets, inclusive and exclusive.
        first, last: buckets, inclusive and exclusive. Empty when equal: such a range is kept to
            tell to whom its records go back.
    """

    dataset: str
    topic: str
    partition: int
    start: int
    end: int
    first: int = 0
    last: int = BUCKETS


def served_by(dataset: str, partitions: Iterable[Partition]) -> list[Served]:
    """Returns ranges by which one dataset is read alone."""
    return [Served(dataset, topic, number, 0, END) for topic, number in sorted(partitions)]


def handed_over(
    served: Iterable[Served], dataset: str, cuts: Mapping[Partition, int], percent: int
) -> list[Served]:
    """Returns the ranges with a share of the ids read from another dataset, from its cuts on.

    Args:
        served: of datasets of which one is the newest, see `newest_of`.
        cuts: the first offset to read from the other dataset, of every partition.
        percent: the share, rounded up to buckets.

    Raises:
        RolloutError: a partition has no cut, or one before the newest dataset began.
    """
    handed = math.ceil(BUCKETS * percent / 100)
    changed: list[Served] = []
    for each in served:
        if each.first == each.last:
            continue  # of the rollout before: what it handed over is not taken back any more
        if each.end != END:
            changed.append(each)
            continue
        partition = _partition(each)
        cut = cuts.get(partition)
        if cut is None:
            raise RolloutError(f"{_name(partition)} cannot be handed over without a cut")
        if cut > each.start:
            changed.append(each._replace(end=cut))
        changed.append(each._replace(start=cut, first=handed))
        changed.append(Served(dataset, *partition, cut, END, 0, handed))
    check(changed)
    return changed


def taken_back(served: Sequence[Served], dataset: str) -> list[Served]:
    """Returns the ranges as they were before the newest dataset was read.

    Raises:
        RolloutError: nobody else can be read for a partition.
    """
    changed: list[Served] = []
    for _, spans in groupby(sorted(served, key=_place), key=_partition):
        ours = list(spans)
        cuts = {span.start for span in ours if span.dataset == dataset}
        others = [
            span._replace(first=0) if span.start in cuts and span.end == END else span
            for span in ours
            if span.dataset != dataset
        ]
        changed += _joined(others)
    check(changed, partitions={each[1:3] for each in served})
    return changed


def newest_of(served: Iterable[Served]) -> str:
    """Returns the dataset from which new records are read.

    Raises:
        RolloutError: there are several, or none.
    """
    names = newest_names(served)
    if len(names) != 1:
        raise RolloutError(
            f"new records must be read from one dataset, found {', '.join(names) or 'none'}. "
            "Hint: finish the rollout that is under way, or `take-back`."
        )
    return names[0]


def newest_names(served: Iterable[Served]) -> list[str]:
    """Returns the datasets from which new records are read; two while one takes over."""
    return sorted({each.dataset for each in served if each.end == END and each.first < each.last})


def datasets_of(served: Iterable[Served]) -> list[str]:
    """Returns the datasets that are read, in order of their names."""
    return sorted({each.dataset for each in served})


def check(served: Iterable[Served], partitions: Iterable[Partition] = ()) -> None:
    """Returns when every record of every partition is read from exactly one dataset.

    Args:
        partitions: that must be among those of `served`.

    Raises:
        RolloutError: some would be read twice or never.
    """
    found = {}
    for partition, spans in groupby(sorted(served, key=_place), key=_partition):
        found[partition] = True
        whole = [span for span in spans if span.first < span.last and span.start < span.end]
        edges = sorted({0, END, *(edge for span in whole for edge in (span.start, span.end))})
        for start, end in pairwise(edges):
            _check_buckets(
                partition, start, [s for s in whole if s.start <= start and end <= s.end]
            )
    if missing := sorted(set(partitions) - found.keys()):
        raise RolloutError(f"nobody would read {_name(missing[0])} any more")


def _check_buckets(partition: Partition, start: int, spans: list[Served]) -> None:
    reached = 0
    for span in sorted(spans, key=lambda each: each.first):
        if span.first != reached:
            break
        reached = span.last
    else:
        if reached == BUCKETS:
            return
    told = ", ".join(f"{span.dataset} in buckets {span.first} to {span.last}" for span in spans)
    raise RolloutError(
        f"every record of {_name(partition)} from offset {start} on must be read from exactly one "
        f"dataset, got {told or 'none'}"
    )


def _joined(spans: Iterable[Served]) -> list[Served]:
    """Returns ranges in their order, those that only a cut had parted as one."""
    joined: list[Served] = []
    for span in spans:
        if joined and joined[-1] == span._replace(start=joined[-1].start, end=span.start):
            joined[-1] = joined[-1]._replace(end=span.end)
        else:
            joined.append(span)
    return joined


def _place(span: Served) -> tuple[str, int, int, int, int]:
    return span.topic, span.partition, span.start, span.end, span.first


def _partition(span: Served) -> Partition:
    return span.topic, span.partition


def _name(partition: Partition) -> str:
    return f"{partition[0]}[{partition[1]}]"
