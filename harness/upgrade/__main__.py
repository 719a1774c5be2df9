"""The upgrade run: a stop at a savepoint under load, another start, the books compared.

    make upgrade-test                   all of them
    make upgrade-test ONLY=rescale      one of them

Exit code: 0 when nothing was lost or doubled, the changed version wrote what it should and the
controls were refused; 1 when not (logs and data are kept), 2 for a mistake in the flags, 3 when a
part failed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from harness import command_line
from harness.exit_codes import exit_code
from harness.upgrade import blue_green, scenarios, table
from harness.upgrade.run import Result, Stage
from sandbox.sandbox import Sandbox

SCENARIOS = {
    "change": scenarios.change,
    "column": scenarios.column,
    "rename": scenarios.rename,
    "rescale": scenarios.rescale,
    "blue-green": blue_green.blue_green,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the scenarios."""
    arguments = _parser().parse_args(argv)
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    sandbox = Sandbox(arguments.dir)
    was_up = sandbox.is_up()  # whoever brought it up before us takes it down
    sandbox.up(_say)
    stage = Stage(sandbox, Path(arguments.dir) / "upgrade", arguments.rate, arguments.seed, _say)
    good = False
    try:
        names = [arguments.only] if arguments.only else list(SCENARIOS)
        results: list[Result] = [SCENARIOS[name](stage) for name in names]
        good = table.passed(results)
        print(table.text(results), flush=True)
    finally:
        if good and not was_up:
            sandbox.down()
        elif not good:
            _say(f"seed {arguments.seed}; logs and data are kept in {arguments.dir}")
    return 0 if good else 1


def _say(text: str) -> None:
    print(f"upgrade: {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    meanings = {name: each.__doc__ or "" for name, each in SCENARIOS.items()}
    parser = command_line.parser("python -m harness.upgrade", __doc__, "scenarios", meanings)
    parser.add_argument("--only", choices=list(SCENARIOS), metavar="SCENARIO")
    parser.add_argument("--rate", type=float, default=100, help="records/s (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument("--dir", default=".sandbox", help="folder of the sandbox")
    return parser


if __name__ == "__main__":
    sys.exit(main())
