"""Runs `payments topic`; flags.py has its help."""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from operations import contract_flag, json_document, kafka_client
from operations.contract_decoder import decoder_of
from operations.errors import CannotCheck, CannotStart
from operations.topic import copy, flags, topics, watch
from operations.topic.topics import LOG_APPEND_TIME, Found
from payments import exit_codes, rows_text
from transforms.codecs.contract.language import Contract
from transforms.kafka import causes as kafka_causes
from transforms.kafka import properties as kafka_properties


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (flags.py)."""
    kafka_causes.keep_to_ourselves()
    parser = flags.parser()
    arguments = parser.parse_args(argv)
    if arguments.command == "watch" and not (arguments.name or arguments.kafka_topics):
        parser.error("which topic? Name one, or give --kafka_topics")
    return exit_codes.run(
        lambda: _RUN[arguments.command](arguments),
        {
            kafka_properties.PropertiesError: exit_codes.USAGE,
            contract_flag.WrongContract: exit_codes.USAGE,
        },
    )


def _list(arguments: argparse.Namespace) -> int:
    servers, properties = _kafka(arguments)
    with topics.connected(servers, properties) as admin:
        names = admin.names()
        times = admin.times(names)
    with kafka_client.reader(servers, properties, CannotCheck) as reader:
        spans = reader.ranges(names) if names else []
    found = []
    for name in names:
        own = [span for span in spans if span.topic == name]
        offsets = sum(span.end - span.start for span in own)
        found.append(Found(name, len(own), times.get(name), offsets))
    if arguments.json:
        json_document.show([each._asdict() for each in found])
    elif found:
        print(rows_text.aligned(Found._fields, found))
    else:
        print(f"Kafka at {servers} has no topic")
    return exit_codes.WELL


def _create(arguments: argparse.Namespace) -> int:
    name = arguments.name
    with topics.connected(*_kafka(arguments)) as admin:
        there = name in admin.names()
        if not there and not arguments.dry_run:
            there = not admin.create(name, arguments.partitions, arguments.replicas)
        times = admin.times([name]).get(name) if there else LOG_APPEND_TIME
    if arguments.json:
        created = not there and not arguments.dry_run
        json_document.show({"topic": name, "created": created, "times": times})
    elif there:
        print(f"topic {name} is there, with {times or 'times that we may not know'}")
    elif arguments.dry_run:
        print(f"would create topic {name}; nothing was changed")
    else:
        print(f"created topic {name}, {arguments.partitions} partitions, {LOG_APPEND_TIME}")
    if times not in (None, LOG_APPEND_TIME):
        hint = f"set message.timestamp.type={LOG_APPEND_TIME}, or take another topic"
        problem = f"records of {name} carry their producers' times. Hint: {hint}"
        return exit_codes.told(problem, exit_codes.FINDING)
    return exit_codes.WELL


def _watch(arguments: argparse.Namespace) -> int:
    names = (arguments.name,) if arguments.name else arguments.kafka_topics
    show = watch.document if arguments.json else watch.line
    decoder = decoder_of(_contract(arguments))
    with kafka_client.reader(*_kafka(arguments), CannotCheck) as reader:
        stands = watch.begin(reader, names, arguments.last)
        print(f"watching {', '.join(names)}; Ctrl-C ends it", file=sys.stderr)
        found = watch.records(reader, names, stands, decoder.contract.headers)
        for record in itertools.islice(found, arguments.count):
            print(show(watch.seen(record, decoder)), flush=True)
    return exit_codes.WELL


def _contract(arguments: argparse.Namespace) -> Contract:
    """Returns that of --contract, else that of the newest run, else our own."""
    if arguments.contract is not None or arguments.bigquery_dataset is None:
        return contract_flag.of(arguments)
    from operations.runs import limits  # Google's client, which few need here

    dataset = ".".join(arguments.bigquery_dataset)
    try:
        return limits.of_runs(
            dataset, arguments.bigquery_endpoint, None, None, lambda _: None
        ).contract
    except CannotStart as error:
        print(f"{error}; records are read as our own JSON", file=sys.stderr)
        return contract_flag.of(arguments)


def _copy(arguments: argparse.Namespace) -> int:
    source, target = arguments.from_topic, arguments.to_topic
    servers, properties = _kafka(arguments)
    with topics.connected(servers, properties) as admin:
        times = admin.times([target]).get(target)
    if times not in (None, LOG_APPEND_TIME):
        raise CannotCheck(
            f"{target} must have message.timestamp.type={LOG_APPEND_TIME}, got {times}. Hint: "
            f"`payments topic create {target}` makes one that has"
        )
    name = copy.name_of(source, target)
    try:
        consumer = kafka_client.of_group(servers, properties, name)
        producer = kafka_client.transactional(servers, properties, name)
    except kafka_client.Unreachable as error:
        raise CannotCheck(str(error)) from None
    copier = copy.Copier(source, target, consumer, producer)
    print(f"copying {source} into {target}; Ctrl-C ends it", file=sys.stderr)
    try:
        with kafka_client.reader(servers, properties, CannotCheck) as reader:
            copied = copier.run(reader, arguments.once, _say_copied())
    finally:
        consumer.close(autocommit=False)
        producer.close(timeout=1)
    print(f"copied {copied} records; all of {source} is in {target}")
    return exit_codes.WELL


def _say_copied(every_sec: float = 10.0) -> Callable[[int], None]:
    said_at = time.monotonic()

    def say(copied: int) -> None:
        nonlocal said_at
        if time.monotonic() - said_at > every_sec:
            said_at = time.monotonic()
            print(f"{copied} records so far", file=sys.stderr)

    return say


def _kafka(arguments: argparse.Namespace) -> tuple[str, Mapping[str, str]]:
    properties = kafka_properties.load(arguments.kafka_config_file)
    return arguments.kafka_bootstrap_servers, properties


_RUN: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "list": _list,
    "create": _create,
    "watch": _watch,
    "copy": _copy,
}


if __name__ == "__main__":
    sys.exit(main())
