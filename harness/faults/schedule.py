"""Which faults come when? Each alone in the first round, mixed at random in all others."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from harness.faults.catalogue import FAULTS, Fault

Group = Sequence[Fault]  # what is injected into the same load


def of(seed: int, rounds: int, only: str | None = None, mixed: bool = False) -> list[Group]:
    """Returns the groups in their order; a seed gives the same again.

    Every round injects every fault once. With `mixed` the first one mixes them as well; with
    `only` there is no other fault.
    """
    alone: list[Group] = [[fault] for fault in FAULTS]
    if only is not None:
        return [group for group in alone if group[0].name == only] * rounds
    rng = random.Random(f"{seed}:schedule")
    groups = [] if mixed else alone
    for _ in range(rounds if mixed else rounds - 1):
        groups += _mixed(rng.sample(FAULTS, len(FAULTS)), rng)
    return groups


def _mixed(faults: Sequence[Fault], rng: random.Random) -> Iterator[Group]:
    """Yields every fault once: two or three together, unless one must be alone."""
    left = list(faults)
    while left:
        group = [left.pop(0)]
        size = 1 if group[0].alone else rng.choice((2, 3))
        for fault in list(left):
            if len(group) < size and all(_fit(fault, other) for other in group):
                left.remove(fault)
                group.append(fault)
        yield group


def _fit(one: Fault, other: Fault) -> bool:
    return not (one.alone or other.alone or set(one.touches) & set(other.touches))
