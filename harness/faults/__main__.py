"""The crash suite: injects faults into a job under load and compares the books after each.

    make faults                     every fault once, then the control
    make faults ONLY=zombie         one of them
    make faults SEED=7 ROUNDS=3     three rounds in another order, at other moments

A seed injects the same faults in the same order at the same moments again; what the machine
makes of them is its own. The control is the same kill with Beam's sink as it comes: it must double.

Exit code: 0 when nothing was lost or doubled and the control doubled, 1 when not (logs and data
are kept, and the seed is told), 2 for a mistake in the flags, 3 when a part failed.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.errors import HarnessError
from harness.faults import table
from harness.faults.catalogue import FAULTS, Fault
from harness.faults.suite import Result, Suite
from sandbox.errors import SandboxError
from sandbox.sandbox import Sandbox


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the suite."""
    arguments = _parser().parse_args(argv)
    try:
        return _run(arguments)
    except (HarnessError, SandboxError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _run(arguments: argparse.Namespace) -> int:
    sandbox = Sandbox(arguments.dir)
    was_up = sandbox.is_up()  # whoever brought it up before us takes it down
    sandbox.up(_say)
    suite = Suite(sandbox, Path(arguments.dir) / "faults", arguments.seed, _say)
    results: list[Result] = []
    good = False
    try:
        for result in suite.run(_schedule(arguments)):
            results.append(result)
            _say(
                f"{len(results)}. {result.fault}: recovered in {result.recovery_sec:.1f} s, "
                f"{result.lost} lost, {result.doubled} doubled"
            )
        _say("control: the sink as Beam makes it, and a kill")
        doubled = suite.control()
        good = table.passed(results, doubled)
        print(table.text(results, doubled), flush=True)
    finally:
        if good and not was_up:
            sandbox.down()
        elif not good:
            _say(f"seed {arguments.seed}; logs and data are kept in {arguments.dir}")
    return 0 if good else 1


def _schedule(arguments: argparse.Namespace) -> list[Fault]:
    """Returns the faults in their order: as listed in the first round, shuffled in the others."""
    chosen = [fault for fault in FAULTS if arguments.only in (None, fault.name)]
    schedule = list(chosen)
    rng = random.Random(f"{arguments.seed}:schedule")
    for _ in range(arguments.rounds - 1):
        schedule += rng.sample(chosen, len(chosen))
    return schedule


def _say(text: str) -> None:
    print(f"faults: {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    title, _, rest = (__doc__ or "").partition("\n\n")
    names = "\n".join(f"    {fault.name:<16}{fault.meaning}" for fault in FAULTS)
    parser = argparse.ArgumentParser(
        prog="python -m harness.faults",
        description=title,
        epilog=f"{rest}\nfaults:\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument("--rounds", type=_at_least_one, default=1, help="(default: %(default)s)")
    parser.add_argument("--only", choices=[fault.name for fault in FAULTS], metavar="FAULT")
    parser.add_argument("--dir", default=".sandbox", help="folder of the sandbox")
    return parser


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
