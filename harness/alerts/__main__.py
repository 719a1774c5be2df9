"""Provokes each alert on the sandbox, with real Prometheus and Alertmanager, and hears it arrive.

    make alerts                     each alert that the sandbox can provoke
    make alerts ONLY=PaymentsNotFresh,PaymentsUnobserved
    python -m harness.alerts --only=PaymentsNoRecords --without_fault --fire_sec=60

The rules are those that ship, with every wait and window a twentieth (20 s at least) and some
limits lower: harness/alerts/stage.py lists them. An alert passes when a webhook hears of it, the
two commands of its page in the runbook end as the page says, no other critical one is heard that
the fault does not explain, and it is heard to be over.

--without_fault is the control: it waits for alerts that nothing provokes, and must fail.

Exit code: 0 when each passed, 1 when one did not, 2 for a mistake in the flags, 3 when a part
failed. Unless it was up before, the sandbox is taken down at the end.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from harness import command_line
from harness.alerts import table
from harness.alerts.run import Result, run
from harness.alerts.stage import AlertStage
from harness.alerts.trials import FIRE_SEC, TRIALS, Trial, without_fault
from harness.alerts.webhook import Webhook
from harness.exit_codes import exit_code
from sandbox.sandbox import Sandbox


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the trials."""
    arguments = _parser().parse_args(argv)
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    sandbox = Sandbox(arguments.dir)
    was_up = sandbox.is_up()  # whoever brought it up before us takes it down
    _forget_alerts(sandbox, was_up)
    sandbox.up(_say, monitored=True)
    try:
        trials = [trial._replace(fire_sec=arguments.fire_sec) for trial in arguments.only]
        if arguments.without_fault:
            trials = [without_fault(trial) for trial in trials]
        folder = Path(arguments.dir) / "alerts"
        results = run_all(sandbox, folder, trials, _say)
    finally:
        if not was_up:
            sandbox.down()
    document = table.document(results)
    file = Path(arguments.dir) / "alerts/results.json"
    file.write_text(json.dumps(document, indent=2) + "\n")
    print(table.text(results), flush=True)
    return 0 if document["passed"] else 1


def _forget_alerts(sandbox: Sandbox, is_up: bool) -> None:
    """Deletes what Prometheus and Alertmanager remember.

    Alertmanager tells nobody again what it has told an earlier webhook.
    """
    if is_up:
        sandbox.stop_monitoring()
    shutil.rmtree(sandbox.layout.monitoring, ignore_errors=True)


def run_all(
    sandbox: Sandbox, folder: Path, trials: Sequence[Trial], say: Callable[[str], None]
) -> list[Result]:
    """Runs trials one after the other on a monitored sandbox."""
    webhook = Webhook()
    webhook.start()
    stage = AlertStage(sandbox, folder, webhook, say)
    results: list[Result] = []
    try:
        stage.begin()
        for number, trial in enumerate(trials, start=1):
            say(f"{number} of {len(trials)}. {trial.name}: {trial.fault}")
            if not trial.from_the_start:
                stage.make_usual()
            found = run(stage, trial)
            results += found
            say(table.text(found))
    finally:
        stage.end()
        webhook.stop()
    return results


def _trials(text: str) -> list[Trial]:
    """Returns the trials of the alerts that are named."""
    known = {alert: trial for trial in TRIALS for alert in trial.alerts}
    names = text.split(",")
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(
            f"no trial for {', '.join(unknown)}; there are {', '.join(known)}"
        )
    return [trial for trial in TRIALS if not set(names).isdisjoint(trial.alerts)]


def _say(text: str) -> None:
    print(f"alerts: {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    meanings = {alert: trial.fault for trial in TRIALS for alert in trial.alerts}
    parser = command_line.parser("python -m harness.alerts", __doc__, "alerts", meanings)
    parser.add_argument(
        "--only", type=_trials, default=list(TRIALS), metavar="ALERT,…", help="only these"
    )
    parser.add_argument(
        "--without_fault", action="store_true", help="inject nothing: the control, which must fail"
    )
    parser.add_argument(
        "--fire_sec",
        type=float,
        default=FIRE_SEC,
        metavar="SEC",
        help="how long to wait for an alert (default: %(default).0f)",
    )
    parser.add_argument("--dir", default=".sandbox", help="the sandbox's folder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
