"""A contract for your own payments: a tested example, and what it makes of a sample.

    payments contract init    --from=stripe --out=my.yaml
    payments contract check   my.yaml --sample=events.ndjson
    payments contract check   my.yaml --topic=payments --kafka_bootstrap_servers=broker:9092
    payments contract explain my.yaml --record=events.ndjson:7

`check` needs no Kafka: a sample is JSON, NDJSON, an Avro container file, base64 lines, the raw
bytes of one record, or lines with key, headers and value (--as says which, if its name does not).
With --topic the newest records of each partition are read (--records); nothing is committed.
`explain` shows the way of one record: its file and its line, as `check` names it, or - for stdin.

Exit code: 0 all records are accepted or skipped, 1 some are invalid, 2 the contract or a flag is
wrong, 3 a file or the registry could not be read.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from operations import flag_types, tool_flags
from operations.contract import check, new_file, plausibility, report, samples, topic_sample
from operations.errors import CannotCheck, OperatorError
from transforms.codecs.contract import shipped, trace
from transforms.codecs.contract.decoder import Decoder, source_of
from transforms.codecs.contract.load import load_file
from transforms.codecs.contract.mistakes import ContractError
from transforms.codecs.contract.registry import AuthError
from transforms.codecs.contract.schema_source import KnownSchemas, RegistryUnavailable, SchemaSource
from transforms.payment.rules import Rules

EXIT_WELL = 0
EXIT_INVALID = 1
EXIT_USAGE = 2
EXIT_CANNOT = 3

_CLOCK_SKEW_SEC = 300
_COUNT_MAX = 100_000_000


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (module docstring)."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command == "check":
        _require_a_sample(parser, arguments)
    try:
        return int(arguments.run(arguments))
    except (ContractError, AuthError) as error:
        _tell_mistakes(error, arguments)
        return EXIT_USAGE
    except OperatorError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


def _require_a_sample(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    if not arguments.sample and not arguments.topic:
        parser.error("check needs --sample=FILE or --topic=TOPIC")
    if arguments.topic and not arguments.kafka_bootstrap_servers:
        parser.error("--topic needs --kafka_bootstrap_servers")


def _tell_mistakes(error: Exception, arguments: argparse.Namespace) -> None:
    lines = str(error).splitlines()
    if getattr(arguments, "json", False):
        print(orjson.dumps({"mistakes": lines}).decode())
    for line in lines:
        print(f"error: {line}", file=sys.stderr)


def _init(arguments: argparse.Namespace) -> int:
    if arguments.out is None:
        print(new_file.content_of(arguments.from_name), end="")
        return EXIT_WELL
    for path in new_file.write(arguments.from_name, Path(arguments.out)):
        print(f"wrote {path}")
    print(f"next: payments contract check {arguments.out} --sample=FILE")
    return EXIT_WELL


def _check(arguments: argparse.Namespace) -> int:
    decoder, containers = _decoder(arguments)
    now_us = _now_us()
    tally = check.check(decoder, _sample(arguments, now_us, containers), _rules(arguments))
    if not tally.records:
        raise CannotCheck(f"no record in {', '.join((*arguments.sample, *arguments.topic))}")
    contract = decoder.contract
    questions = plausibility.questions(contract, tally.transactions, now_us)
    if arguments.json:
        found = report.document(contract, tally, questions, arguments.rate_per_min)
        print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    else:
        print(report.text(contract, tally, questions, arguments.rate_per_min))
    return EXIT_INVALID if tally.invalid else EXIT_WELL


def _sample(
    arguments: argparse.Namespace, now_us: int, containers: samples.ContainerSchemas
) -> Iterator[Any]:
    for path in arguments.sample:
        yield from _records(Path(path), arguments, now_us, containers)
    if arguments.topic:
        yield from topic_sample.records_of(
            arguments.kafka_bootstrap_servers,
            arguments.kafka_config_file,
            arguments.topic,
            arguments.records,
        )


def _explain(arguments: argparse.Namespace) -> int:
    decoder, containers = _decoder(arguments)
    record = _one_record(arguments, containers)
    try:
        steps = trace.explain(decoder, record, _rules(arguments))
    except RegistryUnavailable as error:
        raise CannotCheck(str(error)) from None
    if arguments.json:
        print(orjson.dumps([step._asdict() for step in steps]).decode())
    else:
        print(report.steps_text(steps))
    return EXIT_INVALID if steps[-1].what == "invalid" else EXIT_WELL


def _one_record(arguments: argparse.Namespace, containers: samples.ContainerSchemas) -> Any:
    if arguments.record == "-":
        raw = sys.stdin.buffer.read()
        if arguments.kind in (None, "json"):
            raw = raw.strip()
        return samples.SampleRecord("sample", 0, 0, _now_us(), None, raw, place="-")
    path, _, place = arguments.record.rpartition(":")
    is_place = bool(path) and place.isdecimal() and not Path(arguments.record).exists()
    name = Path(path if is_place else arguments.record)
    for record in _records(name, arguments, _now_us(), containers):
        if not is_place or record.place == arguments.record:
            return record
    raise CannotCheck(f"no record at {arguments.record}. Hint: FILE, or FILE:LINE as check says it")


def _records(
    path: Path, arguments: argparse.Namespace, now_us: int, containers: samples.ContainerSchemas
) -> Iterator[Any]:
    return samples.records_of(path, arguments.kind, now_us, containers)


def _decoder(arguments: argparse.Namespace) -> tuple[Decoder, samples.ContainerSchemas]:
    """Returns the decoder of the contract, and what takes the schemas of container files."""
    try:
        contract = load_file(arguments.contract)
        known = _schemas(arguments) or source_of(contract)
    except OSError as error:
        raise CannotCheck(f"{error.filename} cannot be read: {error.strerror}") from None
    containers = samples.ContainerSchemas(known)
    return Decoder(contract, containers), containers


def _schemas(arguments: argparse.Namespace) -> SchemaSource | None:
    return KnownSchemas.in_folder(Path(arguments.schemas)) if arguments.schemas else None


def _rules(arguments: argparse.Namespace) -> Rules:
    return Rules(clock_skew_us=arguments.clock_skew_sec * 1_000_000)


def _now_us() -> int:
    return time.time_ns() // 1_000


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _COUNT_MAX:
        raise argparse.ArgumentTypeError(
            f"must be a whole number from 1 to {_COUNT_MAX}, got {text!r}"
        )
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = tool_flags.parser("payments contract", __doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    init = commands.add_parser(
        "init", help="writes a tested example with comments", allow_abbrev=False
    )
    init.add_argument(
        "--from",
        dest="from_name",
        required=True,
        choices=shipped.NAMES,
        metavar="NAME",
        help=f"One of {', '.join(shipped.NAMES)}.",
    )
    init.add_argument("--out", metavar="FILE", help="Where to (default: standard output).")
    init.set_defaults(run=_init)
    checks = commands.add_parser(
        "check", help="says what becomes of the records of a sample", allow_abbrev=False
    )
    checks.add_argument(
        "--sample", action="append", default=[], metavar="FILE", help="Records; repeatable."
    )
    checks.add_argument(
        "--topic", type=flag_types.topics, default=(), metavar="TOPIC[,…]", help="Topics to sample."
    )
    checks.add_argument(
        "--records",
        type=_count,
        default=1_000,
        metavar="N",
        help="Newest records of each partition of a topic (default: %(default)s).",
    )
    tool_flags.add_kafka(checks, "For --topic.")
    checks.add_argument(
        "--rate_per_min",
        type=_count,
        default=10_000,
        metavar="N",
        help="Records a minute that state is said for (default: %(default)s).",
    )
    checks.set_defaults(run=_check)
    explains = commands.add_parser(
        "explain", help="shows the way of one record, step by step", allow_abbrev=False
    )
    explains.add_argument(
        "--record", required=True, metavar="FILE[:LINE]|-", help="The record (default: the first)."
    )
    explains.set_defaults(run=_explain)
    for command in (checks, explains):
        _add_common(command)
    return parser


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument("contract", metavar="CONTRACT", help="The contract file.")
    command.add_argument(
        "--as",
        dest="kind",
        choices=samples.KINDS,
        metavar="KIND",
        help=f"What the file holds: {', '.join(samples.KINDS)} (default: by its name).",
    )
    command.add_argument(
        "--schemas", metavar="FOLDER", help="Schemas ID.avsc, instead of the registry."
    )
    command.add_argument(
        "--clock_skew_sec",
        type=flag_types.in_range_of("--clock_skew_sec"),
        default=_CLOCK_SKEW_SEC,
        metavar="SEC",
        help="As the pipeline runs with (default: %(default)s).",
    )
    command.add_argument("--json", action="store_true", help="All that is known, as JSON.")


if __name__ == "__main__":
    sys.exit(main())
