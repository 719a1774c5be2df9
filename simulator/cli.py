"""Sends payments with a known truth to Kafka. `python -m simulator --help` shows how."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import gc
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simulator import duplicate_shapes, scenario
from simulator.produce import ProduceError
from simulator.run import Job, run
from simulator.traffic import Traffic, UsageError
from transforms import addresses
from transforms.kafka import causes as kafka_causes
from transforms.kafka import connection as kafka_connection
from transforms.kafka import properties as kafka_properties

_DESCRIPTION = """\
Sends payments to Kafka, some of them twice, late, contradicted or broken, and writes down for
each record how it must end: the ledger is the truth that a pipeline is measured against.

The same seed and traffic flags give the same payments, whatever the clock and the number of
partitions: ids, amounts, accounts, order and faults. Only event times differ, for they are the
planned moment of sending; with --start_time they are the same, too, and payloads are equal byte
for byte. Two runs with one seed on one topic send the same ids twice: give the second another.
"""
_EXAMPLES = """\
examples:
  500 payments a second for a minute, 1 % of them twice:
    python -m simulator --bootstrap_servers 127.0.0.1:9092 --duration_sec 60 --ledger run.jsonl
  every fault at once, as fast as possible:
    python -m simulator --bootstrap_servers 127.0.0.1:9092 --rate_per_sec 0 --count 100000 \\
      --duplicate_ratio 0.02 --late_ratio 0.01 --conflict_ratio 0.01 --invalid_ratio 0.01 \\
      --seed 7 --ledger run.jsonl
  more than 1,000 ways of sending a payment again, at a rate of your own:
    python -m simulator --bootstrap_servers 127.0.0.1:9092 --scenario duplicate_storm \\
      --rate_per_sec 2000 --ledger storm.jsonl

exit codes: 0 all sent and acknowledged; 1 not delivered; 2 wrong usage; 130, 143 stopped by
Ctrl-C or SIGTERM (what is under way is completed, copies planned for later are not sent).
"""
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
    "transaction_records": "records of each Kafka transaction; 0: the producer has none",
    "abort_ratio": "share of the transactions that are aborted first, then sent once more",
    "open_transaction_sec": "how long a transaction is left open at the start, then aborted: what "
    "follows it in its partition waits",
    "accounts": "how many accounts pay",
    "seed": "the same seed gives the same payments and faults",
}
# A start time must keep every planned age off the limits of 1 h (late) and 5 min (future): either
# it is about this moment, or so long ago that every payment is late.
_START_AHEAD_SEC_MAX = 30
_START_RECENT_SEC_MAX = 240
_START_LONG_AGO_SEC_MIN = 3 * 3_600


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    kafka_causes.keep_to_ourselves()
    parser = _parser()
    flags = parser.parse_args(argv)
    if flags.list_scenarios:
        for name in scenario.names():
            print(f"{name:<18}{scenario.describe(name)}")
        return 0
    try:
        job = _job(flags)
    except UsageError as error:
        parser.error(str(error))
    _tune()
    try:
        return run(job)
    except ProduceError as error:
        print(f"simulator: error: {error}", file=sys.stderr)
    except BrokenPipeError:
        pass  # who reads our output has left; the run itself was complete
    except OSError as error:
        print(f"simulator: error: the ledger cannot be written: {error}", file=sys.stderr)
    return 1


def _tune() -> None:
    # Two threads and a million short lives: to look for cycles among records under way every 700
    # objects, and to change threads every 5 ms, costs a fifth of the rate.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    sys.setswitchinterval(0.02)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    target = parser.add_argument_group("target")
    target.add_argument("--bootstrap_servers", metavar="HOST:PORT", help="Kafka, comma-separated")
    target.add_argument("--topic", default="payments", help="must exist (default: %(default)s)")
    target.add_argument(
        "--kafka_config_file",
        type=Path,
        metavar="FILE",
        help="Java client properties: security.protocol, sasl.mechanism, sasl.jaas.config, "
        "ssl.truststore.location (PEM), …; secrets belong here, never on the command line",
    )
    target.add_argument("--ledger", type=Path, metavar="FILE", help="where to write the truth")
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
    traffic = _traffic(flags)
    start_time_us = None
    if flags.start_time is not None:
        start_time_us = _start_time_us(flags.start_time, traffic)
    servers = _servers(flags.bootstrap_servers)
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", flags.topic):
        raise UsageError(f"--topic must be 1 to 249 of A-Z a-z 0-9 . _ -, got {flags.topic!r}")
    connection = _connection(servers, flags.kafka_config_file)
    _check_ledger(flags.ledger)
    return Job(traffic, servers, flags.topic, connection, flags.ledger, start_time_us)


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


def _servers(text: str | None) -> str:
    if text is None:
        raise UsageError("--bootstrap_servers is required, such as 127.0.0.1:9092")
    try:
        return ",".join(addresses.servers(text))
    except ValueError as error:
        raise UsageError(f"--bootstrap_servers {error}") from None


def _connection(servers: str, file: Path | None) -> dict[str, Any]:
    try:
        settings = kafka_properties.load(file)
        connection = kafka_connection.for_kafka_python(servers, settings)
    except kafka_properties.PropertiesError as error:
        raise UsageError(f"--kafka_config_file: {error}") from None
    for name in kafka_connection.left_out(settings):
        print(
            f"simulator: note: {file}: {name} is left out: the simulator sets it itself or has no "
            "use for it",
            file=sys.stderr,
        )
    return connection


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
