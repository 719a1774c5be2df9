"""Sends payments to Kafka, some twice, late, contradicted or broken, and writes down the truth.

  500 payments a second for a minute, 1 % of them twice:
    payments simulate --kafka_bootstrap_servers=127.0.0.1:9092 --duration_sec=60 --ledger=run.jsonl
  every fault at once, as fast as possible:
    payments simulate --kafka_bootstrap_servers=127.0.0.1:9092 --rate_per_sec=0 --count=100000 \\
      --duplicate_ratio=0.02 --late_ratio=0.01 --conflict_ratio=0.01 --invalid_ratio=0.01 \\
      --seed=7 --ledger=run.jsonl
  more than 1,000 ways of sending a payment again, at a rate of your own:
    payments simulate --kafka_bootstrap_servers=127.0.0.1:9092 --scenario=duplicate_storm \\
      --rate_per_sec=2000 --ledger=storm.jsonl

  events as Stripe sends them, with those among them that are not the payment:
    payments simulate --kafka_bootstrap_servers=127.0.0.1:9092 --contract=stripe --count=10000 \\
      --ledger=stripe.jsonl

The ledger says of each record how it must end: a pipeline is measured against it.

The same seed and traffic flags give the same payments, whatever the clock and the number of
partitions: ids, amounts, accounts, order and faults. Only event times differ, for they are the
planned moment of sending; with --start_time they are the same, too, and payloads are equal byte
for byte. Two runs with one seed on one topic send the same ids twice: give the second another.

Exit code: 0 all sent and acknowledged, 1 not delivered, 2 a mistake in the flags, 130 or 143 ended
by Ctrl-C or SIGTERM: what is under way is completed, copies planned for later are not sent.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import gc
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from payments import exit_codes
from payments.parser import Parser, of_document
from simulator import contract_flags, destination, duplicate_shapes, scenario
from simulator.contracts import find, not_payments
from simulator.contracts.encoder import Encoder
from simulator.produce import ProduceError
from simulator.run import Job, run
from simulator.traffic import Traffic, UsageError
from transforms.kafka import causes as kafka_causes

_HELP = {
    "rate_per_sec": "records per second, copies included; 0: as fast as possible",
    "count": "records in all, copies included; without it and --duration_sec: until stopped",
    "duration_sec": "length of the run, instead of --count",
    "duplicate_ratio": "share of the records that repeat an accepted payment",
    "duplicate_kinds": f"comma-separated, of: {', '.join(duplicate_shapes.KINDS)}",
    "late_ratio": "share of the records that come 61 to 180 minutes after their event time",
    "late_burst_size": "how many late payments come in one go",
    "conflict_ratio": "share of the records with the id of a payment and another fact",
    "invalid_ratio": "share of the records that cannot be counted, of all kinds in turn",
    "reorder_ratio": "share of the payments that come after later ones, yet in time",
    "skipped_ratio": "share of the records that are not the payment, as --contract says "
    "(default: a quarter, where it skips any)",
    "transaction_records": "records of each Kafka transaction; 0: the producer has none",
    "abort_ratio": "share of the transactions that are aborted first, then sent once more",
    "open_transaction_sec": "how long a transaction is left open at the start, then aborted: what "
    "follows it in its partition waits",
    "clock_off_sec": "how far the producer's clock is ahead, behind when below 0; for a topic with "
    "producers' times",
    "accounts": "how many accounts pay",
    "seed": "the same seed gives the same payments and faults",
}
# Of hyperswitch it is ten times the payments; a demo wants to see payments.
_SKIPPED_RATIO = 0.25
# A start time must keep every planned age off the limits of 1 h (late) and 5 min (future): either
# it is about this moment, or so long ago that every payment is late.
_START_AHEAD_SEC_MAX = 30
_START_RECENT_SEC_MAX = 240
_START_LONG_AGO_SEC_MIN = 3 * 3_600


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    kafka_causes.keep_to_ourselves()
    whole = parser()
    flags = whole.parse_args(argv)
    if flags.list_scenarios:
        for name in scenario.names():
            print(f"{name:<18}{scenario.describe(name)}")
        return exit_codes.WELL
    try:
        job = _job(flags)
    except UsageError as error:
        whole.error(str(error))
    _tune()
    return exit_codes.run(lambda: _run(job), {ProduceError: exit_codes.FINDING})


def _run(job: Job) -> int:
    try:
        return run(job)
    except BrokenPipeError:
        raise  # who reads our output has left; the run itself was complete
    except OSError as error:
        return exit_codes.told(f"the ledger cannot be written: {error}", exit_codes.FINDING)


def _tune() -> None:
    # Two threads and a million short lives: to look for cycles among records under way every 700
    # objects, and to change threads every 5 ms, costs a fifth of the rate.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    sys.setswitchinterval(0.02)


def parser() -> Parser:
    """Returns the parser of the command line."""
    parser = of_document("payments simulate", __doc__)
    parser.add_setting("kafka_bootstrap_servers")
    parser.add_setting(
        "kafka_topics", default="payments", meaning="The one to send to (default: %(default)s)."
    )
    parser.add_setting("kafka_config_file", type=Path)
    parser.add_setting("ledger", type=Path, meaning="Where to write the truth.")
    contract_flags.add(parser)
    traffic = parser.add_argument_group("traffic")
    traffic.add_argument(
        "--scenario",
        metavar="NAME|FILE",
        help="values for the flags below, which win where they are given",
    )
    traffic.add_argument("--list_scenarios", action="store_true", help="name them and exit")
    for field in dataclasses.fields(Traffic):
        _add_traffic_flag(traffic, field)
    traffic.add_argument(
        "--start_time",
        metavar="ISO",
        help="event time of the first payment, such as 2026-11-23T08:15:30Z, instead of the moment "
        "of sending; the same one gives the same payloads, byte for byte",
    )
    return parser


def _add_traffic_flag(group: argparse._ArgumentGroup, field: dataclasses.Field[Any]) -> None:
    default = field.default
    kind: Any = int
    metavar = "N"
    if isinstance(default, tuple):
        kind, metavar, default = _names, "NAMES", ",".join(default)
    elif "float" in str(field.type):
        kind, metavar = float, "X"
    note = "" if default is None else f" (default: {default})".replace(".0)", ")")
    group.add_argument(
        f"--{field.name}",
        type=kind,
        default=argparse.SUPPRESS,  # so that a scenario's value is not covered by a default
        metavar=metavar,
        help=(_HELP[field.name] + note).replace("%", "%%"),
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _job(flags: argparse.Namespace) -> Job:
    named = contract_flags.named(flags)
    traffic = _traffic(flags)
    start_time_us = None
    if flags.start_time is not None:
        start_time_us = _start_time_us(flags.start_time, traffic)
    servers = destination.servers(flags.kafka_bootstrap_servers)
    topic = destination.topic(flags.kafka_topics)
    connection = destination.connection(servers, flags.kafka_config_file)
    _check_ledger(flags.ledger)
    encoder = None if named is None else find.encoder_of(named, topic)
    traffic = _with_skipped(traffic, encoder, hasattr(flags, "skipped_ratio"))
    return Job(traffic, servers, topic, connection, flags.ledger, start_time_us, encoder)


def _with_skipped(traffic: Traffic, encoder: Encoder | None, said: bool) -> Traffic:
    """Returns traffic with records that the contract skips, where it skips any."""
    skips = encoder is not None and bool(not_payments.NotPayments(encoder).ways)
    if traffic.skipped_ratio and not skips:
        raise UsageError("--skipped_ratio needs a --contract that skips records")
    if said or traffic.skipped_ratio or not skips:
        return traffic
    # Never more than leaves a payment for each that is asked for.
    share = min(_SKIPPED_RATIO, traffic.accepted_ratio / 2)
    found = dataclasses.replace(traffic, skipped_ratio=share)
    found.check()
    return found


def _traffic(flags: argparse.Namespace) -> Traffic:
    values: dict[str, Any] = {} if flags.scenario is None else scenario.read(flags.scenario)
    given = {name: getattr(flags, name) for name in scenario.FIELDS if hasattr(flags, name)}
    if "count" in given or "duration_sec" in given:
        # Either one replaces the length that the scenario has.
        values.pop("count", None)
        values.pop("duration_sec", None)
    traffic = Traffic(**(values | given))
    traffic.check()
    return traffic


def _start_time_us(text: str, traffic: Traffic) -> int:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--start_time: {error}") from None
    if moment.tzinfo is None:
        raise UsageError(f"--start_time must name its zone, such as {text}Z")
    if not traffic.rate_per_sec:
        raise UsageError("--start_time needs a --rate_per_sec above 0: event times follow from it")
    if moment.timestamp() < 0:
        raise UsageError(
            f"--start_time must not be before 1970, got {text}: such times are invalid"
        )
    age_sec = time.time() - moment.timestamp()
    recent = -_START_AHEAD_SEC_MAX <= age_sec <= _START_RECENT_SEC_MAX
    if not recent and age_sec < _START_LONG_AGO_SEC_MIN:
        raise UsageError(
            "--start_time must be at most 30 s ahead or 4 min ago, or at least 3 h ago, when "
            f"every payment is late; got {text}. Hint: anything between would let the network "
            "decide what is late"
        )
    return round(moment.timestamp() * 1_000_000)


def _check_ledger(path: Path | None) -> None:
    if path is None:
        return
    if not path.parent.is_dir():
        raise UsageError(f"--ledger {path}: the folder does not exist")
    if path.is_dir() or (path.exists() and path.stat().st_size):
        # The truth of an earlier run may be the only copy of it.
        raise UsageError(f"--ledger {path} exists: name another file, or remove it first")
