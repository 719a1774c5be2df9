"""Measures how fast records are decoded by format: our own JSON, and others by a contract.

    python -m benchmarks.decode                 1.5 KB records, rates and their ratio to ours
    python -m benchmarks.decode --rounds=100 --json

Decoding only: no Kafka, no Beam, one process, its CPU time. Each format is measured beside our own
JSON, in turns, and the ratio is the middle one of all rounds: a busy machine slows both sides.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tabulate import tabulate

from benchmarks import decode_records
from benchmarks.decode_records import Contestant
from transforms import worker_memory
from transforms.codecs.contract.decoder import Decoder
from transforms.payment.transaction import KafkaRecord

NATIVE = "native"
# Few enough that payloads lie in a cache, as those that have just come do.
RECORDS = 2_000
ROUNDS = 25
# Of our own rate, for records of the same size.
GOALS = {"foreign JSON": 0.5, "Avro": 0.7}
OTHERS: dict[str, Callable[[int], Contestant]] = {
    "foreign JSON": decode_records.foreign_json,
    "Avro": decode_records.avro,
    "Protobuf": decode_records.protobuf,
    "native, as users send it": decode_records.small_native,
}
# As many as a worker has in one batch when it is busy.
_BATCH = 500


class Decoded(NamedTuple):
    """How fast one format is decoded.

    Attributes:
        rate_per_sec: records per second of CPU.
        ratio: to our own JSON, of the middle round.
    """

    name: str
    record_bytes: int
    rate_per_sec: float
    ratio: float

    @property
    def missed(self) -> bool:
        """Returns whether it is slower than it must be."""
        return self.ratio < GOALS.get(self.name, 0.0)


def main(argv: Sequence[str] | None = None) -> int:
    """Measures; returns 0 when the goals are met, 1 when not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decode", allow_abbrev=False)
    parser.add_argument("--records", type=int, default=RECORDS, help="(default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="(default: %(default)s)")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args(argv)
    found = measure(arguments.records, arguments.rounds)
    print(json.dumps(document(found), indent=2) if arguments.json else text(found))
    return 1 if any(each.missed for each in found) else 0


def measure(records: int = RECORDS, rounds: int = ROUNDS) -> list[Decoded]:
    """Decodes as many records of each format, as often, and returns our own first."""
    worker_memory.collect_seldom()  # as in a worker
    ours = decode_records.native(records)
    found, rates = [], []
    for name, make in OTHERS.items():
        theirs = make(records)
        pairs = [_pair(ours, theirs, theirs_first=bool(place % 2)) for place in range(rounds)]
        rates += [first for first, _ in pairs]
        ratio = statistics.median(second / first for first, second in pairs)
        rate = statistics.median(second for _, second in pairs)
        found.append(Decoded(name, _mean_bytes(theirs), rate, ratio))
    return [Decoded(NATIVE, _mean_bytes(ours), statistics.median(rates), 1.0), *found]


def text(found: Sequence[Decoded]) -> str:
    """Returns the table."""
    rows = [
        (
            each.name,
            each.record_bytes,
            f"{each.rate_per_sec:,.0f}",
            f"{each.ratio:.2f}",
            f"{GOALS[each.name]:.2f}" if each.name in GOALS else "-",
            "missed" if each.missed else "",
        )
        for each in found
    ]
    headers = ("decode alone", "bytes", "records/s of CPU", "of native", "goal", "")
    return tabulate(rows, headers=headers, disable_numparse=True, stralign="right")


def document(found: Sequence[Decoded]) -> dict[str, Any]:
    """Returns everything for programs."""
    return {"decode_alone": [{**each._asdict(), "missed": each.missed} for each in found]}


def _pair(ours: Contestant, theirs: Contestant, theirs_first: bool) -> tuple[float, float]:
    """Returns both rates, measured one after the other."""
    if theirs_first:
        second = _rate(*theirs)
        return _rate(*ours), second
    return _rate(*ours), _rate(*theirs)


def _rate(decoder: Decoder, records: Sequence[KafkaRecord]) -> float:
    batches = [records[at : at + _BATCH] for at in range(0, len(records), _BATCH)]
    began = time.process_time()
    counted = sum(len(decoder.decode(batch).transactions) for batch in batches)
    took = time.process_time() - began
    assert counted == len(records), f"{counted} of {len(records)} were decoded"
    return counted / took


def _mean_bytes(contestant: Contestant) -> int:
    records = contestant[1]
    return sum(len(each.payload or b"") for each in records) // len(records)


if __name__ == "__main__":
    sys.exit(main())
