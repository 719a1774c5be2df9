"""The comparison: one topic of real payments, read by each contestant to its end.

    make bench                          a million records, all contestants
    make bench RECORDS=200000           fewer
    make bench ONLY=sharded             one of them

Rates are records per second from the first fifth to the last record; each contestant must keep
exactly the ids that the sender's ledger names. Exit code: 0 when all did, 1 when not, 2 for a
mistake in the flags, 3 when a part failed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import results, table, traffic
from benchmarks.contestants import CONTESTANTS
from benchmarks.stage import Measured, Stage, own_sandbox
from harness import command_line
from harness.e2e_run import E2ERun
from harness.exit_codes import exit_code


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the comparison."""
    arguments = _parser().parse_args(argv)
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    folder = Path(arguments.dir) / "bench"
    measured: list[Measured] = []
    try:
        _measure(arguments, folder, measured)
    finally:
        # Also when it was interrupted or a part failed: what was measured took minutes.
        if measured:
            print(table.text(measured), flush=True)
            _say(f"results in {results.write('bench', table.document(measured))}")
    return 0 if all(each.exact for each in measured) else 1


def _measure(arguments: argparse.Namespace, folder: Path, measured: list[Measured]) -> None:
    """Adds what each contestant did to `measured`, one after the other."""
    with own_sandbox(arguments.dir, _say) as sandbox:
        _say(f"sending {arguments.records} records")
        topic = E2ERun(f"bench_{time.strftime('%H%M%S')}", sandbox.endpoints(), folder)
        filled = traffic.fill(topic, arguments.records, arguments.seed)
        for contestant in CONTESTANTS:
            if arguments.only in (None, contestant.name):
                _say(f"{contestant.name}: {contestant.meaning}")
                stage = Stage(sandbox, folder, filled, _say, tuple(arguments.pipeline_flags))
                measured.append(contestant.run(stage))
                _say(table.line(measured[-1]))


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    meanings = {each.name: each.meaning for each in CONTESTANTS}
    parser = command_line.parser("python -m benchmarks", __doc__, "contestants", meanings)
    parser.add_argument("--records", type=int, default=1_000_000, help="(default: %(default)s)")
    parser.add_argument("--only", choices=[each.name for each in CONTESTANTS], metavar="NAME")
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument("--dir", default=".bench", help="folder of a sandbox of its own")
    command_line.add_pipeline_flags(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
