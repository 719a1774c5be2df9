"""The crash suite: injects faults into a job under load and compares the books after each.

    make faults                     every fault once, then the controls
    make faults SHORT=1             the same with less load around each, for CI
    make faults ONLY=zombie,broker  these of them
    make faults SEED=7 ROUNDS=3     every fault once, then two rounds of three at a time
    make faults SEEDS=10 MIXED=1    seeds 1 to 10, three faults at a time from the start
    make faults SHARE=40 PICK=TEXT  40 percent of them; the text, such as a commit, says which
    make faults CONTRACT=stripe     the same with records of a contract, a file or a shipped one

A seed injects the same faults in the same order at the same moments again; what the machine
makes of them is its own. The controls are kills of a job whose flush does not wait for checkpoints,
and lost answers to a sink that appends without offsets: both must double.

With a contract that skips records, each fault must have met some. A mix without --contract has the
jobs that faults have for themselves read by a shipped one that skips; seed and pick say which.

Exit code: 0 when nothing was lost or doubled, no process crashed by itself and the controls
doubled, 1 when not, 2 for a mistake in the flags, 3 when a part failed. Unless it was up before,
the sandbox is taken down at the end; logs, data and results as JSON are kept in its folder.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness import command_line
from harness import contracts as harness_contracts
from harness.exit_codes import exit_code
from harness.faults import contracts, pace, registry, schedule, table
from harness.faults.catalogue import FAULTS, Fault
from harness.faults.suite import Controls, Course, Result, Suite
from sandbox.crash_reports import Crashes
from sandbox.sandbox import Sandbox

_ALL = (*FAULTS, *registry.WITH_REGISTRY)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the suite."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if set(arguments.only or ()) - {fault.name for fault in registry.offered(arguments.contract)}:
        parser.error(f"--only={','.join(arguments.only)} needs a --contract with a schema registry")
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    sandbox = Sandbox(arguments.dir)
    was_up = sandbox.is_up()  # whoever brought it up before us takes it down
    sandbox.up(_say)
    folder = Path(arguments.dir) / "faults"
    its_pace = pace.SHORT if arguments.short else pace.FULL
    results: list[Result] = []
    controls: Controls | None = None
    crashes = Crashes(sandbox.layout)
    seed = arguments.seed
    try:
        faults = _faults(arguments)
        _say(f"{len(faults)} of {len(_ALL)} faults: {', '.join(each.name for each in faults)}")
        for seed in _seeds(arguments):
            by = contracts.chosen(arguments.contract, arguments.mixed, seed, arguments.pick)
            _say(
                f"seed {seed}: records by {by.shared or 'native'}, in jobs of a fault's own by "
                f"{by.own or 'native'}"
            )
            suite = Suite(sandbox, folder, Course(seed, its_pace, by), _say)
            groups = schedule.of(seed, arguments.rounds, faults, arguments.mixed)
            for number, result in enumerate(suite.run(groups), start=1):
                results.append(result)
                _say(
                    f"seed {seed}, {number} of {len(groups)}. {result.name}: recovered in "
                    f"{result.recovery_sec:.1f} s, {result.lost} lost, {result.doubled} doubled"
                )
                for told in crashes.new():
                    _say(f"a process has crashed, {told}")
        _say("controls: kills without stable input; lost answers to appends without offsets")
        controls = suite.controls()
    finally:
        document = table.document(results, controls, arguments.short, crashes.all())
        _write(document, arguments, folder, seed)
        print(table.text(results, controls, crashes.all()), flush=True)
        if not was_up:
            sandbox.down()
    return 0 if document["passed"] else 1


def _faults(arguments: argparse.Namespace) -> list[Fault]:
    offered = registry.offered(arguments.contract)
    if arguments.only is not None:
        return [fault for fault in offered if fault.name in arguments.only]
    return schedule.picked(arguments.share, arguments.pick, offered)


def _seeds(arguments: argparse.Namespace) -> range:
    return range(arguments.seed, arguments.seed + arguments.seeds)


def _write(
    document: dict[str, Any], arguments: argparse.Namespace, folder: Path, seed: int
) -> None:
    seeds = "_".join(str(seed) for seed in sorted({_seeds(arguments)[0], _seeds(arguments)[-1]}))
    file = folder / f"results_{seeds}.json"
    file.write_text(json.dumps(document, indent=2) + "\n")
    if not document["passed"]:
        _say(
            f"seed {seed}; logs are in {arguments.dir}/logs and {folder}/logs, data and ledgers "
            f"beside them, the results in {file}"
        )


def _say(text: str) -> None:
    print(f"faults: {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    meanings = {fault.name: fault.meaning for fault in _ALL}
    parser = command_line.parser("python -m harness.faults", __doc__, "faults", meanings)
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument(
        "--seeds", type=_at_least_one, default=1, help="so many in a row (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=_at_least_one, default=1, help="(default: %(default)s)")
    parser.add_argument("--only", type=_names, metavar="FAULT,…")
    parser.add_argument(
        "--share", type=_percent, default=100, metavar="PERCENT", help="(default: %(default)s)"
    )
    parser.add_argument("--pick", default="", metavar="TEXT", help="says which share")
    parser.add_argument("--mixed", action="store_true", help="mix from the first round on")
    parser.add_argument(
        "--contract",
        type=harness_contracts.flag,
        metavar="FILE|NAME",
        help="the shape of all payments: a contract file, or the name of one that comes along",
    )
    parser.add_argument("--short", action="store_true", help="less load around each fault")
    parser.add_argument("--dir", default=".sandbox", help="folder of the sandbox")
    return parser


def _percent(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"must be from 1 to 100, got {text!r}")
    return int(text)


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if unknown := set(names) - {fault.name for fault in _ALL}:
        raise argparse.ArgumentTypeError(
            f"must be names of faults, got {', '.join(map(repr, sorted(unknown)))}"
        )
    return names


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
