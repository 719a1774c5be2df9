"""Computes where the bottleneck of a larger job lies, from costs measured on two cores.

    python -m benchmarks.scale                            1 to 512 subtasks, and what rates need
    python -m benchmarks.scale --subtasks=8,24            only these
    python -m benchmarks.scale --partitions=16            a topic with so many, always
    python -m benchmarks.scale --shards=32 --keys=numbered    shards as they were: the cliff
    python -m benchmarks.scale --bundle_records=512       bundles as small as they were seen
    python -m benchmarks.scale --measure                  measures the steps' own work here

Nothing is started: it is arithmetic on figures that benchmarks/scale_costs.py holds, each with the
command or file that measured it. How keys spread is no estimate: it is Flink's own hash
(pipeline/flink_keys.py). How to read the columns:

    shards, fullest   how many there are, and how many the fullest subtask has: it sets the pace;
                      partitions alike
    bundle            records of a bundle where they are read (--max_bundle_time_mills, _size)
    batch             of these, what goes to one shard: few make a record dear
    us a record       core time of the fullest subtask, for a record of its own
    appends           requests a second for `transactions`, and their MB; 10 MB is the limit
    32 shards from 0  records/s as it was before keys were chosen by Flink's hash

The bottleneck is one of: cores (all alike, and busy), partitions (some subtasks read less, or
nothing), shards (one subtask has more, or batches are small), streams (too few subtasks append),
BigQuery (a quota). Exit code: 0, or 2 for a mistake in the flags.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from benchmarks import scale_costs as costs
from benchmarks import scale_report
from benchmarks.scale_measure import Measurements, measure
from benchmarks.scale_model import Layout, estimate
from benchmarks.scale_needs import needs
from harness import command_line
from pipeline import flink_keys

SUBTASKS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512)
RATES = (10_000, 100_000, 1_000_000)
_OLD_SHARDS = 32


def main(argv: Sequence[str] | None = None) -> int:
    """Prints what the model says."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.keys == "even" and arguments.shards and not _power(arguments.shards):
        parser.error(
            f"--shards must be a power of two, got {arguments.shards}. Hint: --keys=numbered takes "
            "any number."
        )
    layouts = [_layout(arguments, subtasks) for subtasks in arguments.subtasks]
    estimates = [estimate(each) for each in layouts]
    before = [
        estimate(_layout(arguments, each.subtasks, _OLD_SHARDS, "numbered")) for each in layouts
    ]
    found = [needs(rate, _layout(arguments, 1)) for rate in arguments.rates]
    measured = measure(arguments.ids) if arguments.measure else None
    if arguments.json:
        document = scale_report.document(estimates, before, found, measured)
        print(json.dumps({"flags": vars(arguments), **document}, indent=2))
        return 0
    end_to_end: float = arguments.end_to_end
    print(scale_report.subtasks_table(estimates, before), end="\n\n")
    print(scale_report.needs_table(found, end_to_end), end="\n\n")
    _print_costs(measured)
    print(scale_report.notes(end_to_end))
    return 0


def _print_costs(measured: Measurements | None) -> None:
    if measured is not None:
        print(scale_report.costs_table(measured))
        print(f"(`decide` with {measured.ids:,} ids in its shard)", end="\n\n")


def _layout(
    arguments: argparse.Namespace,
    subtasks: int,
    shards: int | None = None,
    keys: str | None = None,
) -> Layout:
    return Layout(
        subtasks,
        partitions=arguments.partitions,
        shards=shards or arguments.shards,
        keys="numbered" if (keys or arguments.keys) == "numbered" else "even",
        streams=arguments.bigquery_streams,
        bundle_ms=arguments.max_bundle_time_mills,
        bundle_elements=arguments.max_bundle_size,
        bundle_records=arguments.bundle_records,
        location=arguments.location,
        end_to_end_us=arguments.end_to_end,
    )


def _power(count: int) -> bool:
    return count & (count - 1) == 0


def _from_1(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {text!r}")
    return value


def _up_to_512(text: str) -> int:
    value = _from_1(text)
    if value > flink_keys.COUNT_MAX:
        raise argparse.ArgumentTypeError(f"must be from 1 to {flink_keys.COUNT_MAX}, got {text!r}")
    return value


def _bundle_elements(text: str) -> int:
    value = _from_1(text)
    if value > costs.BUNDLE_ELEMENTS:
        raise argparse.ArgumentTypeError(
            f"must be from 1 to {costs.BUNDLE_ELEMENTS}, as the pipeline demands, got {text!r}"
        )
    return value


def _several_subtasks(text: str) -> list[int]:
    return [_up_to_512(part) for part in text.split(",")]


def _rates(text: str) -> list[float]:
    return [float(_from_1(part)) for part in text.split(",")]


def _cpu_sec(text: str) -> float:
    value = float(text)
    if not costs.APPEND_US < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be above {costs.APPEND_US}, got {text!r}")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = command_line.parser("python -m benchmarks.scale", __doc__)
    job = parser.add_argument_group("the job")
    job.add_argument(
        "--subtasks",
        type=_several_subtasks,
        default=list(SUBTASKS),
        metavar="N[,N]",
        help="1 to 512 (default: the powers of two, and some between)",
    )
    job.add_argument("--partitions", type=_from_1, metavar="N", help="(default: two a subtask)")
    job.add_argument(
        "--shards", type=_up_to_512, metavar="N", help="(default: four a subtask, 8 to 512)"
    )
    job.add_argument(
        "--keys",
        choices=("even", "numbered"),
        default="even",
        help="of shards: chosen by Flink's hash, or numbered from 0 (default: %(default)s)",
    )
    job.add_argument(
        "--bigquery_streams",
        type=_up_to_512,
        metavar="N",
        help="a table (default: one a subtask, within the quota; the pipeline has at least 2)",
    )
    job.add_argument("--max_bundle_time_mills", type=_from_1, default=costs.BUNDLE_MS, metavar="MS")
    job.add_argument(
        "--max_bundle_size", type=_bundle_elements, default=costs.BUNDLE_ELEMENTS, metavar="N"
    )
    job.add_argument(
        "--bundle_records",
        type=_from_1,
        metavar="N",
        help=f"bundles end at so many records; about {costs.SEEN_BUNDLE_RECORDS} were seen "
        "(default: as the flags allow)",
    )
    parser.add_argument(
        "--location",
        choices=sorted(costs.QUOTAS),
        default="region",
        help="of the dataset: quotas of multi-regions are ten times larger (default: %(default)s)",
    )
    parser.add_argument(
        "--rates",
        type=_rates,
        default=[float(rate) for rate in RATES],
        metavar="N[,N]",
        help="records/s to tell the needs of (default: 10000,100000,1000000)",
    )
    parser.add_argument(
        "--end_to_end",
        type=_cpu_sec,
        default=costs.END_TO_END_CPU_SEC_PER_MILLION,
        metavar="SEC",
        help="CPU seconds a million records, all in all (default: %(default)s)",
    )
    parser.add_argument("--measure", action="store_true", help="measure the steps' own work")
    parser.add_argument(
        "--ids",
        type=_from_1,
        default=costs.DECIDE_FEW_IDS,
        metavar="N",
        help="that the shard remembers while --measure decides (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="the same for programs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
