"""Starts, watches and stops a sandbox: what the commands, the demo and the tests call."""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from sandbox import (
    beam_jars,
    beam_services,
    bigquery_standin,
    certificates,
    endpoints,
    flink_cluster,
    kafka_broker,
    kafka_login,
    monitoring,
    ports,
    preflight,
    processes,
    readiness,
    zookeeper,
)
from sandbox.component import MONITORING, NAMES, TASK_MANAGERS, Component, Plan
from sandbox.endpoints import DEFAULT_DIR, Endpoints
from sandbox.errors import SandboxError
from sandbox.layout import Layout
from sandbox.readiness import START_TIMEOUT_SEC, Report
from sandbox.supervision import ProcessState, Supervisor


def _silent(_: str) -> None:
    return


class Sandbox:
    """One sandbox: a folder with data, settings and logs, and the processes that use it.

    `peak` is for benchmarks: Java that is fast after some minutes rather than at once.
    `parts` says what each component runs; harness/images runs the images' own files.
    """

    def __init__(
        self,
        directory: Path | str = DEFAULT_DIR,
        project: str = "sandbox",
        peak: bool = False,
        parts: Callable[[Plan], list[Component]] | None = None,
    ) -> None:
        self.layout = Layout.of(directory)
        self._parts = parts or components
        self._peak = peak
        self._project = project
        self._supervisor = Supervisor(self.layout)

    # --- All of it ------------------------------------------------------------------------------

    def up(
        self,
        on_progress: Report = _silent,
        asked_ports: Mapping[str, int] | None = None,
        monitored: bool = False,
    ) -> Endpoints:
        """Starts what is not up yet and returns when every component answers.

        Data of an earlier sandbox in the folder is kept and used. Raises SandboxError when a
        component dies or does not answer in time; nothing is left running then.
        """
        preflight.check(self.layout)
        if monitored:
            monitoring.require_tools()
        with self._lock():
            if self._supervisor.alive():
                on_progress("already up")
                if monitored and not self.is_monitored():
                    self._add_monitoring(on_progress)
                return self.refresh()
            self._sweep()
            plan = self._plan(asked_ports or {})
            try:
                self._start(plan, on_progress)
                if monitored:
                    self._add_monitoring(on_progress)
            except BaseException:  # Ctrl-C as well: half a sandbox helps nobody
                on_progress("taking everything down")
                self._take_down()
                raise
            return self.refresh()

    def down(self, wipe: bool = False) -> None:
        """Stops everything and makes sure of it; `wipe` deletes the data as well."""
        if not self.layout.root.exists():
            return
        with self._lock():
            self._take_down()
        if wipe:
            shutil.rmtree(self.layout.root)

    def cut_power(self) -> int:
        """Kills every process at once with SIGKILL and returns how many; only the disk is left.

        `up` starts it all again, without any job: Sandbox.up begins with an empty ZooKeeper.
        """
        self._require_up()
        supervisor = self._supervisor.pid()
        victims = processes.of_sandbox(self.layout)
        # The supervisor first, or it would start what dies before it. The kernel kills its children
        # with it (pdeathsig.py); the others are killed one by one.
        victims.sort(key=lambda process: process.pid != supervisor)
        processes.end(victims)
        return len(victims)

    def is_up(self) -> bool:
        """Tells whether a supervisor runs here, whatever the state of its components."""
        return self._supervisor.alive()

    # --- One component --------------------------------------------------------------------------

    def kill(self, name: str, restart: bool = True) -> int:
        """Kills a component and its children with SIGKILL and returns the process id it had.

        The supervisor starts it again at once, unless `restart` is False.
        """
        self._require(name)
        killed = self._supervisor.kill(name) if restart else self._supervisor.kill_for_good(name)
        self.refresh()
        return killed

    def restart(self, name: str, timeout_sec: float = START_TIMEOUT_SEC) -> None:
        """Stops a component politely, or finds it down, and starts it; returns when it answers."""
        self._require(name)
        self._supervisor.stop(name)
        self._supervisor.start_component(name)
        self.wait_ready(name, timeout_sec)
        self.refresh()

    def wait_ready(self, name: str, timeout_sec: float = START_TIMEOUT_SEC) -> None:
        """Waits until a component answers, through as many restarts as it takes."""
        self._require(name)
        readiness.wait_for_one(self._supervisor, self._stored_plan(), name, timeout_sec)

    def watch(self, topic: str, dataset: str, window_sec: int = 600) -> None:
        """Has the exporter tell of another topic and its tables; returns when it answers."""
        self._require("exporter")
        plan = self._stored_plan()
        self._supervisor.change(
            monitoring.exporter(plan, topic, f"{plan.project}.{dataset}", window_sec)
        )
        self.restart("exporter")

    # --- Looking at it --------------------------------------------------------------------------

    def states(self) -> dict[str, ProcessState]:
        """Returns the state of every component, in their order."""
        self._require_up()
        states = self._supervisor.states()
        return {name: states[name] for name in (*NAMES, *MONITORING) if name in states}

    def is_monitored(self) -> bool:
        """Tells whether Prometheus and Alertmanager are components of it."""
        return set(MONITORING) <= self.states().keys()

    def pids(self) -> dict[str, int]:
        """Returns the process ids of what runs at this moment: a restart changes them."""
        return {name: state.pid for name, state in self.states().items() if state.pid}

    def ports(self) -> dict[str, int]:
        """Returns the port of every component that has one."""
        stored, there = self._stored_plan().ports, self.states()
        return {
            component: stored[name]
            for component, name in ports.MAIN_PORTS.items()
            if component in there
        }

    def endpoints(self) -> Endpoints:
        """Returns the addresses, with the process ids of this moment."""
        self._require_up()
        return self.refresh()

    def refresh(self) -> Endpoints:
        """Writes endpoints.json anew and returns it."""
        current = endpoints.of(self._stored_plan(), self.pids(), kafka_broker.TOPIC)
        endpoints.save(current)
        return current

    # --- Starting -------------------------------------------------------------------------------

    def _plan(self, asked: Mapping[str, int]) -> Plan:
        chosen = ports.choose(self.layout.root, ports.load(self.layout.ports), asked)
        self.layout.ports.write_text(json.dumps(chosen, indent=2) + "\n")
        return Plan(self.layout, chosen, self._project, self._peak)

    def _stored_plan(self) -> Plan:
        return Plan(self.layout, ports.load(self.layout.ports), self._project)

    def _start(self, plan: Plan, on_progress: Report) -> None:
        certificates.make(self.layout)
        beam_jars.make(self.layout)
        shutil.rmtree(self.layout.zookeeper, ignore_errors=True)  # see zookeeper.py
        self._supervisor.start(self._parts(plan))
        readiness.wait_for_all(self._supervisor, plan, on_progress)
        kafka_broker.create_topic(plan.address("kafka"))
        kafka_login.create(self.layout, plan.address("kafka"))

    def _add_monitoring(self, on_progress: Report) -> None:
        self._supervisor.add(monitoring.components(self._stored_plan()))
        for name in MONITORING:
            self.wait_ready(name)
            on_progress(f"{name} ready")

    # --- Stopping -------------------------------------------------------------------------------

    def _take_down(self) -> None:
        if self._supervisor.alive():
            pid = self._supervisor.pid()
            self._supervisor.shut_down()
            processes.wait_for_end(pid, START_TIMEOUT_SEC)
        self._sweep()
        for leftover in (self.layout.socket, self.layout.supervisor_pid, self.layout.endpoints):
            leftover.unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Ends processes that a killed supervisor, or a worker's child, has left behind."""
        left = processes.end(processes.of_sandbox(self.layout))
        if left:
            names = ", ".join(f"{process.pid} ({process.name()})" for process in left)
            raise SandboxError(f"could not end: {names}", "end them by hand: kill -9 PID")

    # --- Guards ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """Keeps two commands from starting or stopping the same sandbox at once."""
        with self.layout.lock.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SandboxError(
                    "another `up` or `down` is at work here", "wait for it, or interrupt it"
                ) from None
            yield

    def _require_up(self) -> None:
        if not self._supervisor.alive():
            raise SandboxError(f"no sandbox is up in {self.layout.root}", "python -m sandbox up")

    def _require(self, name: str) -> None:
        if name not in (*NAMES, *MONITORING):
            raise SandboxError(f"no component {name!r}", f"one of: {', '.join(NAMES)}")
        self._require_up()
        if name in MONITORING and not self.is_monitored():
            raise SandboxError(f"{name} is not up here", "python -m sandbox up --monitoring")


def components(plan: Plan) -> list[Component]:
    """Returns every component of the sandbox, writing the settings files they read."""
    return [
        kafka_broker.component(plan),
        bigquery_standin.component(plan),
        zookeeper.component(plan),
        flink_cluster.jobmanager(plan),
        *(flink_cluster.taskmanager(plan, name) for name in TASK_MANAGERS),
        beam_services.job_server(plan),
        beam_services.expansion(plan),
        beam_services.python_workers(plan),
        beam_services.watchdog(plan),
    ]
