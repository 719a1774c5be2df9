"""The demo: payments through Kafka, Flink and BigQuery, a crash halfway, the books compared.

    python -m harness.demo --duration_sec=60 --rate=500

Exit code: 0 when every record was counted exactly once, 1 when not, 3 when a part failed.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from harness import contracts
from harness.e2e_run import E2ERun
from harness.exit_codes import exit_code
from harness.programs import Program
from harness.progress import Snapshot, Watch
from operations.reconcile.report import Report
from sandbox.component import TASK_MANAGERS
from sandbox.sandbox import Sandbox
from simulator import scenario
from simulator.traffic import UsageError

# A usual day, with something of every outcome.
USUAL_MIX = (
    "--duplicate_ratio=0.01",
    "--conflict_ratio=0.003",
    "--late_ratio=0.003",
    "--invalid_ratio=0.003",
)
_TICK_SEC = 2.0
_TAIL_SEC = 180.0  # how long to wait for the last record: many checkpoints, and a recovery


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the demonstration."""
    arguments = _parser().parse_args(argv)
    return exit_code(lambda: _tell(_run(arguments)))


def _tell(report: Report) -> int:
    print(report.text(), flush=True)
    return 0 if report.balanced else 1


def _run(arguments: argparse.Namespace) -> Report:
    sandbox = Sandbox(arguments.dir)
    kept: list[str] = []
    with _up(sandbox, keep=arguments.keep, kept=kept):
        e2e_run = _e2e_run(sandbox, arguments)
        e2e_run.prepare()
        kept += ready_commands(e2e_run, arguments.dir)
        if arguments.runner == "direct":
            _on_direct(e2e_run, arguments)
            return _compare(e2e_run)
        _say("submitting the pipeline to the Flink cluster")
        job = e2e_run.submit_to_flink()
        try:
            _on_flink(sandbox, e2e_run, job, arguments)
            return _compare(e2e_run)  # beside the job: totals by minute follow the rows
        finally:
            e2e_run.flink.cancel(job)


def _e2e_run(sandbox: Sandbox, arguments: argparse.Namespace) -> E2ERun:
    name, folder = f"demo_{time.strftime('%Y%m%d_%H%M%S')}", Path(arguments.dir) / "demo"
    run = E2ERun(name, sandbox.endpoints(), folder)
    if arguments.contract is None:
        return run
    return contracts.speaking(run, sandbox, arguments.contract, arguments.contract_sample)


def ready_commands(e2e_run: E2ERun, sandbox_dir: str) -> list[str]:
    """Returns what someone can run on a sandbox that is left up: each line as it is."""
    endpoints = e2e_run.endpoints
    dataset = f"--bigquery_dataset={endpoints['project']}.{e2e_run.name}"
    tables = f"{dataset} --bigquery_endpoint={endpoints['bigquery']}"
    topic = f"--kafka_bootstrap_servers={endpoints['kafka']} --kafka_topics={e2e_run.topic}"
    payments = f"{Path(sys.executable).parent / 'python'} -m payments"
    return [
        f"{payments} reconcile {topic} {tables} --ledger={e2e_run.ledger}",
        f"{payments} health {topic} {tables} {e2e_run.flink_flag}",
        f"{payments} dead-letters list {tables}",
        f"{payments} job list {e2e_run.flink_flag}",
        f"{payments} tables check {tables}",
        f"{Path(sys.executable).parent / 'python'} -m sandbox down --dir={sandbox_dir}",
    ]


def _compare(e2e_run: E2ERun) -> Report:
    _say("comparing topic, ledger and tables")
    return e2e_run.reconcile(_TAIL_SEC, _say)


def _on_flink(sandbox: Sandbox, e2e_run: E2ERun, job: str, arguments: argparse.Namespace) -> None:
    _say(f"the job runs and checkpoints; sending {arguments.rate:g} records/s")
    simulator = e2e_run.simulate(_traffic(arguments))
    watch = Watch(e2e_run, job)
    try:
        half_sec = arguments.duration_sec / 2
        # Not before rows are out: what was flushed must not come again.
        _follow(simulator, watch, lambda now: now.elapsed_sec >= half_sec and now.queryable > 0)
        pid = sandbox.kill(arguments.kill)
        _say(
            f"KILLED {arguments.kill} (process {pid}) with SIGKILL; nothing may be lost or doubled"
        )
        _follow(simulator, watch)
        simulator.wait(60)
        _say("all sent; waiting until all is queryable")
        _drain(watch, _sent(e2e_run))
    finally:
        watch.close()
        simulator.stop()


def _on_direct(e2e_run: E2ERun, arguments: argparse.Namespace) -> None:
    _say(f"sending {arguments.rate:g} records/s")
    simulator = e2e_run.simulate(_traffic(arguments))
    watch = Watch(e2e_run, None)
    try:
        _follow(simulator, watch)
        simulator.wait(60)
        _say("DirectRunner reads what is there, writes, ends")
        e2e_run.run_direct()
        _say(watch.look().line())
    finally:
        watch.close()
        simulator.stop()


def _follow(
    simulator: Program, watch: Watch, enough: Callable[[Snapshot], bool] = lambda now: False
) -> None:
    """Shows progress until it is enough, or the simulator has ended."""
    while simulator.running():
        snapshot = watch.look()
        _say(snapshot.line())
        if enough(snapshot):
            return
        time.sleep(_TICK_SEC)


def _sent(e2e_run: E2ERun) -> int:
    """Returns how many records the ledgers hold: markers of transactions are none."""
    return sum(ledger.read_bytes().count(b"\n") for ledger in e2e_run.ledgers)


def _drain(watch: Watch, records: int) -> None:
    """Shows progress until every record has a row, or until it is time to ask what is missing."""
    deadline = time.monotonic() + _TAIL_SEC
    while time.monotonic() < deadline:
        snapshot = watch.look()
        _say(snapshot.line())
        if snapshot.queryable >= records:
            return
        time.sleep(_TICK_SEC)


def _traffic(arguments: argparse.Namespace) -> list[str]:
    flags = [
        f"--rate_per_sec={arguments.rate}",
        f"--duration_sec={arguments.duration_sec}",
        f"--seed={arguments.seed}",
    ]
    if arguments.scenario:
        return [*flags, f"--scenario={arguments.scenario}"]
    return [*flags, *USUAL_MIX]


@contextlib.contextmanager
def _up(sandbox: Sandbox, keep: bool, kept: Sequence[str]) -> Iterator[None]:
    keep = keep or sandbox.is_up()  # whoever brought it up before us takes it down
    sandbox.up(_say)
    try:
        yield
    finally:
        if keep:
            _say("the sandbox is still up; what was run can be looked at:")
            for line in kept:
                print(f"    {line}", file=sys.stderr, flush=True)
        else:
            sandbox.down()
            _say("the sandbox is down")


def _say(text: str) -> None:
    print(f"demo: {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m harness.demo",
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--duration_sec", type=float, default=60, help="how long to send payments")
    parser.add_argument("--rate", type=float, default=500, help="records per second")
    parser.add_argument("--runner", choices=("flink", "direct"), default="flink")
    parser.add_argument(
        "--scenario", type=_scenario, help="a scenario of the simulator instead of the usual mix"
    )
    parser.add_argument(
        "--contract",
        type=contracts.flag,
        metavar="FILE|NAME",
        help="the shape of the payments: a contract file, or the name of one that comes along",
    )
    parser.add_argument(
        "--contract_sample", metavar="FILE", help="a record of it, for a contract file of your own"
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed sends the same payments")
    parser.add_argument("--kill", choices=TASK_MANAGERS, default=TASK_MANAGERS[0])
    parser.add_argument("--keep", action="store_true", help="leave the sandbox up at the end")
    parser.add_argument("--dir", default=".sandbox", help="folder of the sandbox")
    return parser


def _scenario(text: str) -> str:
    """Returns a scenario that there is: a mistake must not cost a sandbox and a job."""
    try:
        scenario.read(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


if __name__ == "__main__":
    sys.exit(main())
