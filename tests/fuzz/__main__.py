"""Fuzzes the decoder of our own JSON, then contracts and the decoders of the shipped ones.

    make fuzz                     a million inputs each
    make fuzz SEED=7 COUNT=1000   the same seed sends the same inputs

Exit code: 0 when every input was counted or rejected with a reason, 1 at the first that was not;
it is saved then.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

from tests.fuzz import campaign, contracts
from transforms.payment.dead_letter import Reason


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1_000_000, help="inputs of each kind")
    parser.add_argument("--folder", type=Path, default=Path(".fuzz"), help="for what is found")
    flags = parser.parse_args()
    try:
        _our_own(flags)
        _by_contract(flags)
    except (campaign.Finding, contracts.Finding) as finding:
        traceback.print_exception(finding.__cause__)
        print(f"fuzz: FAILED, seed {flags.seed}: {finding}; saved in {save(finding, flags.folder)}")
        return 1
    return 0


def _our_own(flags: argparse.Namespace) -> None:
    pace = _Pace(flags.count)
    tally = campaign.run(flags.seed, flags.count, progress=pace.tell)
    _show(tally.outcomes)
    print(
        f"fuzz: {tally.inputs} inputs, seed {flags.seed}, 0 crashes, 0 hangs, "
        f"{len(tally.outcomes) - 1} reasons (never: {_never(tally.outcomes)}), "
        f"slowest {tally.slowest_sec * 1_000:.0f} ms, {pace.per_sec(tally):,.0f} inputs/s",
        flush=True,
    )


def _by_contract(flags: argparse.Namespace) -> None:
    pace = _Pace(flags.count)
    tally = contracts.run(flags.seed, flags.count, progress=pace.tell)
    _show(tally.records)
    _show(Counter({f"contract {name}": count for name, count in tally.contracts.items()}))
    print(
        f"fuzz of contracts: {tally.inputs} inputs, seed {flags.seed}, 0 crashes, 0 hangs, "
        f"{tally.contracts.total()} of them contracts, {len(tally.records)} ends of records "
        f"(never: {_never(tally.records)}), {pace.per_sec(tally):,.0f} inputs/s",
        flush=True,
    )


class _Pace:
    """Tells how far a campaign is, and how fast."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._started_at = time.monotonic()

    def per_sec(self, tally: campaign.Tally | contracts.Tally) -> float:
        return tally.inputs / (time.monotonic() - self._started_at)

    def tell(self, tally: campaign.Tally | contracts.Tally) -> None:
        said = f"{tally.inputs} of {self._count} inputs, {self.per_sec(tally):,.0f}/s"
        print(said, file=sys.stderr, flush=True)


def _show(ends: Counter[str]) -> None:
    for name, count in ends.most_common():
        print(f"{name:<52}{count:>10}")


def _never(ends: Counter[str]) -> str:
    return ", ".join(sorted({reason.value for reason in Reason} - set(ends)))


def save(finding: campaign.Finding | contracts.Finding, folder: Path) -> Path:
    """Writes the payload, and the header beside it, if there is one; of contracts what was said."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(finding, contracts.Finding):
        path = folder / "contracts.txt"
        path.write_text(f"{finding}\n")
        return path
    path = folder / f"input-{finding.record.offset}.payload"
    path.write_bytes(finding.record.payload or b"")
    if finding.record.replay_header is not None:
        path.with_suffix(".header").write_bytes(finding.record.replay_header)
    return path


if __name__ == "__main__":
    sys.exit(main())
