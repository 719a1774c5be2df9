"""Starts a sandbox, a job and some traffic, and the page that shows them, until Ctrl-C.

    python -m harness.live --rate=20

It prints the page's address, with its token. With --control the pipeline runs whose rows do not
wait for a checkpoint: there the same kill counts payments twice. Everything is taken down at the
end, but for a sandbox that was up before.

Exit code: 130 after Ctrl-C, 0 after SIGTERM, 3 when a part failed.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from harness import contracts, programs
from harness.demo import USUAL_MIX
from harness.e2e_run import E2ERun
from harness.errors import HarnessError
from harness.exit_codes import exit_code
from harness.programs import Program
from harness.waits import SELDOM_CHECKPOINTS
from operations import bigquery_client
from operations.tables import bigquery_views, sql_files
from payments import exit_codes
from sandbox.sandbox import Sandbox

_HOST = "127.0.0.1"
_START_SEC = 60.0
# Every hour of traffic needs a new simulator: none is asked for more.
_TRAFFIC_SEC = 24 * 3_600
_CONTROL = "harness.without_stable_input"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the page; returns the exit code (module docstring)."""
    arguments = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _ended)
    return exit_code(lambda: _run(arguments))


def _ended(*_: object) -> NoReturn:
    raise SystemExit(exit_codes.WELL)


def _run(arguments: argparse.Namespace) -> int:
    _check_port(arguments.port)  # before a sandbox is started for nothing
    sandbox = Sandbox(arguments.dir)
    with _up(sandbox), contextlib.ExitStack() as stack:
        name = f"live_{time.strftime('%Y%m%d_%H%M%S')}"
        e2e_run = E2ERun(name, sandbox.endpoints(), Path(arguments.dir) / "live")
        if arguments.contract is not None:
            e2e_run = contracts.speaking(e2e_run, sandbox, arguments.contract)
        e2e_run.prepare()
        client = bigquery_client.connect(
            e2e_run.endpoints["project"], e2e_run.endpoints["bigquery"]
        )
        bigquery_views.create(client, e2e_run.name, sql_files.views())
        page = start_page(e2e_run, arguments)
        stack.callback(page.stop)
        _say(f"open {address_of(page)}")
        _say("the job starts: rows appear after its first checkpoint")
        job = _submit(e2e_run, arguments.control)
        stack.callback(e2e_run.flink.cancel, job)
        simulator = e2e_run.simulate(traffic(arguments))
        stack.callback(simulator.stop)
        _say(f"it runs, with {arguments.rate:g} records a second; Ctrl-C takes everything down")
        page.process.wait()
        raise HarnessError(f"the page ended; its log ends:\n{programs.tail(page.log)}")


def _submit(e2e_run: E2ERun, control: bool) -> str:
    if control:
        return e2e_run.submit_to_flink(SELDOM_CHECKPOINTS, module=_CONTROL)
    return e2e_run.submit_to_flink()


def start_page(e2e_run: E2ERun, arguments: argparse.Namespace) -> Program:
    """Starts `payments live` as a user would."""
    flags = [
        "live",
        *e2e_run.flags(),
        e2e_run.flink_flag,
        f"--sandbox={arguments.dir}",
        f"--listen={arguments.port}",
        *(["--control"] if arguments.control else []),
        *e2e_run.speaks,
    ]
    return programs.start("payments", flags, e2e_run.folder / "logs" / f"{e2e_run.name}.page.log")


def address_of(page: Program, timeout_sec: float = _START_SEC) -> str:
    """Returns the address that the page prints, with its token.

    Raises:
        HarnessError: it has not come up.
    """
    deadline = time.monotonic() + timeout_sec
    while time.monotonic() < deadline and page.running():
        for line in page.log.read_text(errors="replace").splitlines():
            if line.startswith("http://"):
                return line
        time.sleep(0.1)
    page.stop()
    raise HarnessError(f"the page did not come up; its log ends:\n{programs.tail(page.log)}")


def traffic(arguments: argparse.Namespace) -> list[str]:
    """Returns the simulator's flags."""
    return [
        f"--rate_per_sec={arguments.rate}",
        f"--duration_sec={_TRAFFIC_SEC}",
        f"--seed={arguments.seed}",
        *USUAL_MIX,
    ]


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise HarnessError(
                f"cannot listen on {_HOST}:{port}: {error.strerror or error}. Hint: another PORT, "
                "or none"
            ) from None


@contextlib.contextmanager
def _up(sandbox: Sandbox) -> Iterator[None]:
    keep = sandbox.is_up()  # whoever brought it up before us takes it down
    sandbox.up(_say)
    try:
        yield
    finally:
        if not keep:
            _say("taking everything down")
            sandbox.down()


def _say(text: str) -> None:
    print(f"live: {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m harness.live",
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--contract",
        type=contracts.flag,
        metavar="FILE|NAME",
        help="the shape of the payments: a contract file, or the name of one that comes along",
    )
    parser.add_argument("--rate", type=float, default=20, help="records per second")
    parser.add_argument("--port", type=int, default=0, help="of the page; 0 is one that is free")
    parser.add_argument("--control", action="store_true", help="run the control, which must double")
    parser.add_argument("--seed", type=int, default=1, help="the same seed sends the same payments")
    parser.add_argument("--dir", default=".sandbox", help="folder of the sandbox")
    return parser


if __name__ == "__main__":
    sys.exit(main())
