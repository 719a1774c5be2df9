"""Runs `payments contract`; flags.py has its help."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from operations import json_document
from operations.contract import (
    check,
    flags,
    new_file,
    plausibility,
    report,
    samples,
    topic_sample,
)
from operations.errors import CannotCheck
from payments import exit_codes
from transforms.codecs.contract import trace
from transforms.codecs.contract.decoder import Decoder, source_of
from transforms.codecs.contract.load import load_file
from transforms.codecs.contract.mistakes import ContractError
from transforms.codecs.contract.registry_login import AuthError
from transforms.codecs.contract.schema_source import KnownSchemas, RegistryUnavailable, SchemaSource
from transforms.payment.ends_job import without_mark
from transforms.payment.rules import Rules
from transforms.payment.transaction import KafkaRecord

# A person waits for this command: a registry that is away is said soon.
_PATIENCE_SEC = 3.0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (flags.py)."""
    parser = flags.parser()
    arguments = parser.parse_args(argv)
    if arguments.command == "check":
        _require_a_sample(parser, arguments)
    return exit_codes.run(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    commands = {"init": _init, "check": _check, "explain": _explain}
    try:
        return commands[arguments.command](arguments)
    except (ContractError, AuthError) as error:
        _tell_mistakes(error, arguments)
        return exit_codes.USAGE


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
        return exit_codes.WELL
    for path in new_file.write(arguments.from_name, Path(arguments.out)):
        print(f"wrote {path}")
    print(f"next: payments contract check {arguments.out} --sample=FILE")
    return exit_codes.WELL


def _check(arguments: argparse.Namespace) -> int:
    decoder, containers = _decoder(arguments)
    now_us = _now_us()
    sample = _sample(arguments, now_us, containers)
    tally = check.check(decoder, sample, _rules(arguments, decoder))
    if not tally.records:
        raise CannotCheck(f"no record in {', '.join((*arguments.sample, *arguments.topic))}")
    contract = decoder.contract
    questions = plausibility.of_skips(contract, tally.records, tally.skipped)
    questions += plausibility.questions(contract, tally.transactions, now_us)
    if arguments.json:
        found = report.document(contract, tally, questions, arguments.rate_per_min)
        json_document.show(found)
    else:
        print(report.text(contract, tally, questions, arguments.rate_per_min))
    return exit_codes.FINDING if tally.invalid else exit_codes.WELL


def _sample(
    arguments: argparse.Namespace, now_us: int, containers: samples.ContainerSchemas
) -> Iterator[samples.Sample]:
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
        steps = trace.explain(decoder, record, _rules(arguments, decoder))
    except RegistryUnavailable as error:
        raise CannotCheck(without_mark(str(error))) from None
    if arguments.json:
        print(orjson.dumps([step._asdict() for step in steps]).decode())
    else:
        print(report.steps_text(steps))
    return exit_codes.FINDING if steps[-1].what == "invalid" else exit_codes.WELL


def _one_record(arguments: argparse.Namespace, containers: samples.ContainerSchemas) -> KafkaRecord:
    if arguments.record == "-":
        raw = sys.stdin.buffer.read()
        if arguments.kind in (None, "json"):
            raw = raw.strip()
        return KafkaRecord("sample", 0, 0, _now_us(), None, raw)
    path, _, place = arguments.record.rpartition(":")
    is_place = bool(path) and place.isdecimal() and not Path(arguments.record).exists()
    name = Path(path if is_place else arguments.record)
    for sample in _records(name, arguments, _now_us(), containers):
        if not is_place or sample.place == arguments.record:
            return sample.record
    raise CannotCheck(f"no record at {arguments.record}. Hint: FILE, or FILE:LINE as check says it")


def _records(
    path: Path, arguments: argparse.Namespace, now_us: int, containers: samples.ContainerSchemas
) -> Iterator[samples.Sample]:
    return samples.records_of(path, arguments.kind, now_us, containers)


def _decoder(arguments: argparse.Namespace) -> tuple[Decoder, samples.ContainerSchemas]:
    """Returns the decoder of the contract, and what takes the schemas of container files."""
    try:
        contract = load_file(arguments.contract)
        known = _schemas(arguments) or source_of(contract, _PATIENCE_SEC)
    except OSError as error:
        raise CannotCheck(f"{error.filename} cannot be read: {error.strerror}") from None
    containers = samples.ContainerSchemas(known)
    return Decoder(contract, containers), containers


def _schemas(arguments: argparse.Namespace) -> SchemaSource | None:
    return KnownSchemas.in_folder(Path(arguments.schemas)) if arguments.schemas else None


def _rules(arguments: argparse.Namespace, decoder: Decoder) -> Rules:
    return decoder.contract.rules(arguments.clock_skew_sec * 1_000_000)


def _now_us() -> int:
    return time.time_ns() // 1_000
