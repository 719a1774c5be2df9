"""Runs `payments trace`; flags.py has its help."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence

from operations import json_document
from operations.contract_decoder import decoder_of
from operations.errors import CannotCheck, CannotStart
from operations.reconcile.settings import Dataset, Topics
from operations.runs import limits
from operations.trace import flags, tables_side, text, topic_side
from operations.trace.found import Asked, Trace
from operations.trace.trace import Tracer
from payments import exit_codes
from transforms.codecs.contract.language import Contract
from transforms.kafka import causes as kafka_causes
from transforms.kafka import properties as kafka_properties


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (flags.py)."""
    kafka_causes.keep_to_ourselves()
    arguments = flags.parser().parse_args(argv)
    return exit_codes.run(
        lambda: _run(arguments), {kafka_properties.PropertiesError: exit_codes.USAGE}
    )


def _run(arguments: argparse.Namespace) -> int:
    found = _found(arguments)
    if arguments.json:
        json_document.show(text.document(found))
    else:
        for line in text.lines(found):
            note = line.startswith("note: ")
            print(line, file=sys.stderr if note else sys.stdout, flush=True)
    if found.kafka_problem is not None:
        return exit_codes.COULD_NOT_LOOK
    return exit_codes.WELL if found.state.found else exit_codes.FINDING


def _found(arguments: argparse.Namespace) -> Trace:
    properties = kafka_properties.load(arguments.kafka_config_file)
    topics = Topics(arguments.kafka_bootstrap_servers, arguments.kafka_topics, properties)
    asked = Asked(arguments.target, topics.names, flags.since_us(arguments), arguments.records_max)
    project, name = arguments.bigquery_dataset
    tables = tables_side.TablesSide(Dataset(project, name, arguments.bigquery_endpoint))
    decoder = decoder_of(_contract(f"{project}.{name}", arguments.bigquery_endpoint))
    with contextlib.ExitStack() as stack:
        try:
            topic = stack.enter_context(topic_side.connected(topics))
        except CannotCheck as error:  # the tables may tell all the same
            return Tracer(tables, None, str(error), decoder).trace(asked)
        return Tracer(tables, topic, decoder=decoder).trace(asked)


def _contract(dataset: str, endpoint: str | None) -> Contract:
    """Returns what the newest run took the bytes of a record for."""
    try:
        return limits.of_runs(dataset, endpoint, None, None, lambda _: None).contract
    except CannotStart as error:  # the table runs is damaged, or nobody answers
        raise CannotCheck(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
