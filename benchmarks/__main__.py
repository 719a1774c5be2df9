"""The comparison: one topic of real payments, read by each contestant to its end.

    make bench                          a million records, all contestants
    make bench RECORDS=200000           fewer
    make bench ONLY=sharded             one of them
    make bench ONLY="decode alone"      how fast records of 1.5 KB are decoded, by format
    make bench ONLY="by contract"       the whole pipeline by our own contract and three others
    make bench ONLY=stripe              by our own and one of them

Rates are records per second from the first fifth to the last record; each contestant must keep
exactly the ids that the sender's ledger names. Exit code: 0 when all did and decoding is as fast as
it must be, 1 when not, 2 for a mistake in the flags, 3 when a part failed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import by_contract, decode, results, table, traffic
from benchmarks.contestants import CONTESTANTS, Contestant
from benchmarks.stage import Measured, Stage, own_sandbox
from harness import command_line
from harness.e2e_run import E2ERun
from harness.exit_codes import exit_code
from sandbox.sandbox import Sandbox

DECODE = "decode alone"
BY_CONTRACT = "by contract"
_MORE = {
    DECODE: "records of 1.5 KB by format, without Kafka and Beam",
    BY_CONTRACT: "the whole pipeline by our own contract and by those below",
    **dict.fromkeys(by_contract.OTHERS, "the whole pipeline by our own contract and by this one"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the comparison."""
    arguments = _parser().parse_args(argv)
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    found = _Found([], [], [])
    try:
        _measure(arguments, Path(arguments.dir) / "bench", found)
    finally:
        # Also when it was interrupted or a part failed: what was measured took minutes.
        if any(found):
            _tell(found)
    exact = [*found.contestants, *(each.measured for each in found.by_contract)]
    return 0 if all(e.exact for e in exact) and not any(e.missed for e in found.decoded) else 1


class _Found(NamedTuple):
    decoded: list[decode.Decoded]
    contestants: list[Measured]
    by_contract: list[by_contract.ByContract]


def _tell(found: _Found) -> None:
    if found.contestants:
        print(table.text(found.contestants), flush=True)
    if found.by_contract:
        print(by_contract.text(found.by_contract), flush=True)
    document = {
        **table.document(found.contestants),
        **decode.document(found.decoded),
        "by_contract": by_contract.document(found.by_contract),
    }
    _say(f"results in {results.write('bench', document)}")


def _measure(arguments: argparse.Namespace, folder: Path, found: _Found) -> None:
    """Adds what was measured to `found`, one after the other."""
    only = arguments.only
    if only in (None, DECODE):
        # First, while nothing of ours runs beside it.
        found.decoded.extend(decode.measure())
        print(decode.text(found.decoded), flush=True)
    if only == DECODE:
        return
    with own_sandbox(arguments.dir, _say) as sandbox:
        contestants = [each for each in CONTESTANTS if only in (None, each.name)]
        if contestants:
            _compare(arguments, folder, sandbox, contestants, found)
        if only in (None, BY_CONTRACT, *by_contract.OTHERS):
            for each in by_contract.measure(arguments, sandbox, folder, _say):
                found.by_contract.append(each)
                _say(table.line(each.measured))


def _compare(
    arguments: argparse.Namespace,
    folder: Path,
    sandbox: Sandbox,
    contestants: Sequence[Contestant],
    found: _Found,
) -> None:
    """Adds what each contestant did."""
    _say(f"sending {arguments.records} records")
    topic = E2ERun(f"bench_{time.strftime('%H%M%S')}", sandbox.endpoints(), folder)
    filled = traffic.fill(topic, arguments.records, arguments.seed)
    for contestant in contestants:
        _say(f"{contestant.name}: {contestant.meaning}")
        stage = Stage(sandbox, folder, filled, _say, tuple(arguments.pipeline_flags))
        found.contestants.append(contestant.run(stage))
        _say(table.line(found.contestants[-1]))


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    meanings = {each.name: each.meaning for each in CONTESTANTS} | _MORE
    parser = command_line.parser("python -m benchmarks", __doc__, "contestants", meanings)
    parser.add_argument("--records", type=int, default=1_000_000, help="(default: %(default)s)")
    parser.add_argument("--only", choices=list(meanings), metavar="NAME")
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument("--dir", default=".bench", help="folder of a sandbox of its own")
    command_line.add_pipeline_flags(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
