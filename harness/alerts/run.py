"""One trial: its alerts arrive, nothing else critical does, and all resolve."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import NamedTuple

from harness.alerts.stage import AlertStage
from harness.alerts.trials import Trial
from harness.alerts.walk import walk
from harness.errors import HarnessError
from operations.alerts.catalogue import ALERTS

RESOLVE_SEC, QUIET_SEC = 240.0, 240.0
_POLL_SEC = 0.5


class Result(NamedTuple):
    """What became of one alert.

    Attributes:
        fired_sec: from the fault until the webhook heard of it; None when it never did.
        resolved_sec: from the end of the fault; None when it never did.
        others: critical alerts that the fault does not explain.
    """

    alert: str
    fault: str
    fired_sec: float | None
    resolved_sec: float | None
    others: tuple[str, ...]
    problem: str = ""

    @property
    def passed(self) -> bool:
        """Tells whether it fired, alone, and resolved."""
        fired = self.fired_sec is not None and self.resolved_sec is not None
        return fired and not self.others and not self.problem


def run(stage: AlertStage, trial: Trial) -> list[Result]:
    """Returns a result for each alert of the trial."""
    fired: dict[str, float] = {}
    resolved: dict[str, float] = {}
    problem = ""
    began_at = ended_at = stage.began_at
    try:
        if not trial.from_the_start:
            _wait_until_well(stage, trial)
            began_at = time.monotonic()
        with trial.act(stage):
            fired = _fired(stage, trial, began_at)
            problem = "; ".join(walk(stage, [name for name in trial.alerts if name in fired]))
        ended_at = time.monotonic()
        resolved = _resolved(stage, trial, began_at, fired.keys())
    except HarnessError as error:
        problem = str(error)
        stage.say(problem)
    others = _others(stage, trial, began_at)
    return [
        Result(
            name,
            trial.fault,
            fired[name] - began_at if name in fired else None,
            max(0.0, resolved[name] - ended_at) if name in resolved else None,
            others,
            problem,
        )
        for name in trial.alerts
    ]


def _wait_until_well(stage: AlertStage, trial: Trial) -> None:
    """Returns when nothing of an earlier trial fires: no alert of this one, and no critical one."""

    def unwell() -> set[str]:
        return {
            name
            for name in stage.webhook.firing()
            if name in trial.alerts or ALERTS[name].severity == "critical"
        }

    _wait(lambda: not unwell(), QUIET_SEC)
    if left := unwell():
        raise HarnessError(f"before the fault, {', '.join(sorted(left))} fired")


def _fired(stage: AlertStage, trial: Trial, since: float) -> dict[str, float]:
    """Returns when each alert was heard of, as soon as all were or the time is over."""
    found: dict[str, float] = {}

    def all_heard() -> bool:
        for told in stage.webhook.since(since):
            if told.firing and told.name in trial.alerts:
                found.setdefault(told.name, told.at)
        return found.keys() >= set(trial.alerts)

    _wait(all_heard, trial.fire_sec)
    for name in trial.alerts:
        after = f"fired after {found[name] - since:.0f} s" if name in found else "did not fire"
        stage.say(f"{trial.name}: {name} {after}")
    return found


def _resolved(
    stage: AlertStage, trial: Trial, since: float, fired: Collection[str]
) -> dict[str, float]:
    """Returns when each was heard to be over, as soon as all were or the time is over."""
    found: dict[str, float] = {}

    def all_heard() -> bool:
        firing = stage.webhook.firing()
        newest = {told.name: told.at for told in stage.webhook.since(since) if not told.firing}
        for name in fired:
            if name not in firing and name in newest:
                found.setdefault(name, newest[name])
        return found.keys() >= set(fired)

    _wait(all_heard, RESOLVE_SEC)
    stage.say(f"{trial.name}: over: {', '.join(sorted(found)) or '-'}")
    return found


def _others(stage: AlertStage, trial: Trial, since: float) -> tuple[str, ...]:
    told = {each.name for each in stage.webhook.since(since) if each.severity == "critical"}
    firing = {each.name for each in stage.webhook.since(since) if each.firing}
    explained = {*trial.alerts, *trial.beside}
    return tuple(sorted((told & firing) - explained))


def _wait(holds: Callable[[], bool], patience_sec: float) -> None:
    deadline = time.monotonic() + patience_sec
    while not holds() and time.monotonic() < deadline:
        time.sleep(_POLL_SEC)
