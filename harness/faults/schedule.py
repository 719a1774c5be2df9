"""Orders the faults: each alone in the first round, mixed at random in all others."""

from __future__ import annotations

import random
from collections.abc import Sequence

from harness.faults.catalogue import FAULTS, Fault

Group = Sequence[Fault]  # what is injected into the same load
_TOGETHER_MAX = 3


def picked(share_percent: int, pick: str, faults: Sequence[Fault] = FAULTS) -> list[Fault]:
    """Returns a share of all faults, at least one, in their order; the same text picks the same."""
    count = max(1, round(len(faults) * share_percent / 100))
    chosen = random.Random(f"{pick}:share").sample(faults, count)
    return [fault for fault in faults if fault in chosen]


def of(
    seed: int, rounds: int, faults: Sequence[Fault] = FAULTS, mixed: bool = False
) -> list[Group]:
    """Returns the groups in their order; a seed gives the same again.

    Every round injects every one of `faults` once, those that need a job of their own before all
    others. With `mixed` the first round mixes them as well.
    """
    alone: list[Group] = [[fault] for fault in faults]
    if len(faults) == 1:
        return alone * rounds
    rng = random.Random(f"{seed}:schedule")
    groups = [] if mixed else alone
    for _ in range(rounds if mixed else rounds - 1):
        groups += _mixed(rng.sample(faults, len(faults)), rng)
    # Jobs of their own come before the one that all others share: else two would recover at once.
    return sorted(groups, key=lambda group: not group[0].young_job)


def _mixed(faults: Sequence[Fault], rng: random.Random) -> list[Group]:
    """Returns every fault once, in as few groups as they fit into."""
    groups: list[list[Fault]] = []
    # Those that fit with the fewest first: each founds a group, and the others fill these.
    for fault in sorted(faults, key=lambda fault: sum(_fit(fault, other) for other in faults)):
        fitting = [
            group
            for group in groups
            if len(group) < _TOGETHER_MAX and all(_fit(fault, other) for other in group)
        ]
        if fitting:
            min(fitting, key=len).append(fault)
        else:
            groups.append([fault])
    return rng.sample(groups, len(groups))


def _fit(one: Fault, other: Fault) -> bool:
    return not (one.alone or other.alone or set(one.touches) & set(other.touches))
