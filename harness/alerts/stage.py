"""A monitored sandbox with a job under traffic, and the rules in a shape that is fast."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from harness import programs
from harness.alerts.webhook import Webhook
from harness.e2e_run import E2ERun
from harness.errors import HarnessError
from harness.faults import pace
from harness.faults.contracts import Contracts
from harness.faults.fault_context import FaultContext, Stage
from harness.programs import Program
from operations import bigquery_client
from operations.alerts import routes, rule_files
from operations.alerts.rule import Shape
from operations.tables import bigquery_views, sql_files
from sandbox.sandbox import Sandbox

# A twentieth of every wait. Windows hold three looks of the sandbox's exporter at least.
PACE, SHORTEST_SEC = 0.05, 20
_EVALUATED_SEC = 2
_WINDOW_SEC = 30
# What nothing on this sandbox reaches within minutes.
CHANGED = {
    "failed_checkpoints": 1,  # each takes a minute to fail, and the window is half of one
    "restarts": 2,  # a restart takes twenty seconds here, and the window is 45
    "lag_records": 30_000,
}
USUAL = ("--rate_per_sec=100", "--duplicate_ratio=0.01", "--duration_sec=7200")


class AlertStage:
    """What trials act on."""

    def __init__(
        self, sandbox: Sandbox, folder: Path, webhook: Webhook, say: Callable[[str], None]
    ) -> None:
        self.sandbox = sandbox
        self.webhook = webhook
        self.say = say
        self.folder = folder
        self.changed: dict[str, float] = {**CHANGED}
        self._senders = 0
        self._usual: Program | None = None
        self._reconciled = False
        self.e2e_run = E2ERun(f"alerts_{time.strftime('%H%M%S')}", sandbox.endpoints(), folder)
        self.began_at = time.monotonic()
        self.context: FaultContext

    def begin(self) -> None:
        """Starts the job, and what watches it."""
        self.began_at = time.monotonic()
        self.e2e_run.prepare()
        endpoints = self.e2e_run.endpoints
        client = bigquery_client.connect(endpoints["project"], endpoints["bigquery"])
        bigquery_views.create(client, self.e2e_run.name, sql_files.views())
        self.write_rules()
        self._write("alertmanager.yaml", routes.config(self.webhook.urls(routes.RECEIVERS), PACE))
        self.sandbox.watch(self.e2e_run.name, self.e2e_run.name, _WINDOW_SEC)
        job = self.e2e_run.submit_to_flink(timeout_sec=300)
        stage = Stage(self.sandbox, self.e2e_run, job, pace.SHORT, self.say, Contracts())
        self.context = FaultContext(stage, 1, random.Random(1))
        self._reload()

    def wait_until_old(self, seconds: float) -> None:
        """Returns once the stage has been there for so long; an earlier trial's time counts."""
        time.sleep(max(0.0, self.began_at + seconds - time.monotonic()))

    def end(self) -> None:
        """Stops the traffic and the job."""
        self.stop_usual()
        for job in self.e2e_run.flink.live_jobs():
            self.e2e_run.flink.cancel(job)

    # --- Rules ----------------------------------------------------------------------------------

    def write_rules(self, **changed: float) -> None:
        """Writes the fast rules, with other limits, and has Prometheus read them."""
        self.changed = {**CHANGED, **changed}
        shape = Shape(PACE, SHORTEST_SEC, self.changed)
        self._write("rules.yaml", rule_files.groups(shape, evaluated_sec=_EVALUATED_SEC))
        self._reload()

    def _write(self, name: str, content: object) -> None:
        (self.sandbox.layout.monitoring / name).write_text(yaml.safe_dump(content))

    def _reload(self) -> None:
        pids = self.sandbox.pids()
        for name in ("prometheus", "alertmanager"):
            os.kill(pids[name], signal.SIGHUP)

    # --- Traffic --------------------------------------------------------------------------------

    def start_usual(self) -> None:
        """Sends what no alert is about, until it is stopped."""
        if self._usual is None:
            self._usual = self.send(USUAL)

    def make_usual(self) -> None:
        """Sends it. The books are reconciled once before: what fires then, a fault has caused."""
        if not self._reconciled:
            self.reconcile(0)
        self.start_usual()

    def stop_usual(self) -> None:
        """Ends it."""
        if self._usual is not None:
            self._usual.stop()
            self._usual = None

    def send(self, flags: Sequence[str]) -> Program:
        """Starts one more simulator; no two send the same payments."""
        self._senders += 1
        seeded = [*flags, f"--seed={self._senders}"]
        return self.e2e_run.simulate(seeded, part=f".{self._senders}")

    # --- Books ----------------------------------------------------------------------------------

    def reconcile(self, code: int, wait_sec: int = 60) -> None:
        """Runs `payments reconcile`, as its CronJob does; it must end with the code."""
        arguments = ["reconcile", *self.e2e_run.flags(), f"--wait_sec={wait_sec}"]
        log = self.folder / "logs" / "reconcile.log"
        program = programs.start("payments", arguments, log)
        found = program.process.wait(180)
        if found != code:
            raise HarnessError(
                f"reconcile ended with {found}, {code} was expected:\n{programs.tail(log)}"
            )
        self._reconciled = True
