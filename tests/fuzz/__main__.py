"""Fuzzes the decoder: `make fuzz`. The same seed sends the same inputs.

Exit code: 0 when every input was counted or rejected with a reason, 1 at the first that was not;
its payload and header are saved then.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from pathlib import Path

from tests.fuzz import campaign
from tests.fuzz.campaign import Finding, Tally
from transforms.payment.dead_letter import Reason


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path(".fuzz"), help="for what is found")
    flags = parser.parse_args()
    started_at = time.monotonic()

    def progress(tally: Tally) -> None:
        rate = tally.inputs / (time.monotonic() - started_at)
        print(f"{tally.inputs} of {flags.count} inputs, {rate:,.0f}/s", file=sys.stderr, flush=True)

    try:
        tally = campaign.run(flags.seed, flags.count, progress=progress)
    except Finding as finding:
        traceback.print_exception(finding.__cause__)
        print(f"fuzz: FAILED, seed {flags.seed}: {finding}; saved in {save(finding, flags.folder)}")
        return 1
    for name, count in tally.outcomes.most_common():
        print(f"{name:<22}{count:>10}")
    never = sorted({reason.value for reason in Reason} - set(tally.outcomes))
    rate = tally.inputs / (time.monotonic() - started_at)
    print(
        f"fuzz: {tally.inputs} inputs, seed {flags.seed}, 0 crashes, 0 hangs, "
        f"{len(tally.outcomes) - 1} reasons (never: {', '.join(never)}), "
        f"slowest {tally.slowest_sec * 1_000:.0f} ms, {rate:,.0f} inputs/s"
    )
    return 0


def save(finding: Finding, folder: Path) -> Path:
    """Writes the payload, and the header beside it, if there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"input-{finding.record.offset}.payload"
    path.write_bytes(finding.record.payload or b"")
    if finding.record.replay_header is not None:
        path.with_suffix(".header").write_bytes(finding.record.replay_header)
    return path


if __name__ == "__main__":
    sys.exit(main())
