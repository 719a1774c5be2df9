"""Waits for components side by side, and no longer than they live."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Callable, Mapping

from sandbox import health
from sandbox.component import Plan
from sandbox.errors import SandboxError
from sandbox.layout import Layout
from sandbox.supervision import ProcessState, Supervisor

START_TIMEOUT_SEC = 240  # 20 s are enough on an idle machine, but some are not
_POLL_SEC = 0.2
_LOG_LINES_SHOWN = 20
_LOG_LINE_CHARS_MAX = 300  # Flink prints a class path of 170 jars in one

Report = Callable[[str], None]


def wait_for_all(supervisor: Supervisor, plan: Plan, on_progress: Report) -> None:
    """Returns when every component has answered. Raises SandboxError when one dies first."""
    started_at = time.monotonic()
    given_up = threading.Event()

    def ask(name: str, check: health.Check) -> None:
        while not given_up.is_set() and not ready(check, supervisor.states()[name]):
            given_up.wait(_POLL_SEC)

    present = supervisor.states()
    table = {name: check for name, check in health.checks(plan).items() if name in present}
    first_pids: dict[str, int] = {}
    with concurrent.futures.ThreadPoolExecutor(len(table)) as pool:
        waiting = {pool.submit(ask, name, check): name for name, check in table.items()}
        try:
            while waiting:
                _fail_on_dead(plan.layout, supervisor.states(), first_pids)
                done, _ = concurrent.futures.wait(
                    waiting, _POLL_SEC, concurrent.futures.FIRST_COMPLETED
                )
                after_sec = time.monotonic() - started_at
                for answer in done:
                    answer.result()
                    on_progress(f"{waiting.pop(answer)} ready after {after_sec:.1f} s")
                if waiting and after_sec > START_TIMEOUT_SEC:
                    raise _too_late(plan.layout, sorted(waiting.values()))
        finally:
            given_up.set()


def wait_for_one(supervisor: Supervisor, plan: Plan, name: str, timeout_sec: float) -> None:
    """Returns when a component answers, through as many restarts as it takes."""
    check = health.checks(plan)[name]
    deadline = time.monotonic() + timeout_sec
    while not ready(check, supervisor.states()[name]):
        if time.monotonic() > deadline:
            raise _too_late(plan.layout, [name])
        time.sleep(_POLL_SEC)


def ready(check: health.Check, state: ProcessState) -> bool:
    """Tells whether a component answers; one that is not there does not."""
    if not state.pid:
        return False
    try:
        return check(state.pid)
    except Exception:  # noqa: BLE001 - every client has errors of its own for "nobody there yet"
        return False


def _fail_on_dead(
    layout: Layout, states: Mapping[str, ProcessState], first_pids: dict[str, int]
) -> None:
    """Raises SandboxError when a component has ended, even if it has been started again."""
    for state in states.values():
        if state.pid:
            first_pids.setdefault(state.name, state.pid)
        started_again = first_pids.get(state.name, state.pid) != state.pid
        if state.failed or started_again:
            problem = f"{state.name} died while starting ({state.ended or state.state})"
            raise SandboxError(problem + _end_of_log(layout, state.name))


def _too_late(layout: Layout, names: list[str]) -> SandboxError:
    return SandboxError(f"no answer from {', '.join(names)}" + _end_of_log(layout, names[0]))


def _end_of_log(layout: Layout, name: str) -> str:
    """Returns what the component printed last, as the end of a message."""
    log = layout.log(name)
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    shown = "\n".join(f"    {line[:_LOG_LINE_CHARS_MAX]}" for line in lines[-_LOG_LINES_SHOWN:])
    return f"; the end of {log}:\n{shown or '    (nothing)'}"
