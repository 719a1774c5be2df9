"""Runs `payments job`; flags.py has its help."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from tabulate import tabulate

from operations import json_document
from operations.errors import FlinkError
from operations.flink_client import FlinkClient, FlinkJob
from operations.job import ending, flags
from operations.job.find_job import Target, find
from operations.job.job_facts import JobFacts, facts
from payments import exit_codes

_LINE_CHARS_MAX = 160


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (flags.py)."""
    parser = flags.parser()
    arguments = parser.parse_args(argv)
    if arguments.command != "list" and arguments.bigquery_dataset is None:
        if arguments.job_id is None:
            parser.error("which job? Give --job_id=ID, or --bigquery_dataset=PROJECT.DATASET")
        if arguments.run_id is not None:
            parser.error("--run_id is a run of a dataset: give --bigquery_dataset=PROJECT.DATASET")
    return exit_codes.run(lambda: _RUN[arguments.command](arguments, FlinkClient(arguments.flink)))


def _list(arguments: argparse.Namespace, client: FlinkClient) -> int:
    found = list(_facts_of_all(client))
    if arguments.json:
        json_document.show([each.document() for each in found])
    elif found:
        print(tabulate([_row(each) for each in found], headers=_HEADERS, disable_numparse=True))
    else:
        print(f"Flink at {arguments.flink} knows no job")
    return exit_codes.WELL


def _facts_of_all(client: FlinkClient) -> Iterator[JobFacts]:
    for job in client.jobs():
        try:
            yield facts(client, job)
        except FlinkError as error:
            if not error.missing:  # Flink forgets a job some time after its end
                raise


_HEADERS = ("id", "name", "state", "since (UTC)", "restarts", "last failure")


def _row(found: JobFacts) -> tuple[str, ...]:
    job = found.job
    since = job.ended_at or job.started_at
    failure = "-" if found.failure is None else str(found.failure)
    if len(failure) > _LINE_CHARS_MAX:
        failure = f"{failure[:_LINE_CHARS_MAX]}…"
    restarts = str(found.restarts)
    return (job.job_id, job.name, job.state, f"{since:%Y-%m-%d %H:%M:%S}", restarts, failure)


def _show(arguments: argparse.Namespace, client: FlinkClient) -> int:
    found = facts(client, _target(arguments, client).job)
    if arguments.json:
        json_document.show(found.document())
    else:
        print("\n".join(found.lines()))
    return exit_codes.WELL


def _cancel(arguments: argparse.Namespace, client: FlinkClient) -> int:
    target = _target(arguments, client)
    if arguments.dry_run:
        return _would(arguments, target.job, "cancel", target.describe())
    return _ended(arguments, target, ending.cancel(client, target, arguments.wait_sec))


def _savepoint(arguments: argparse.Namespace, client: FlinkClient) -> int:
    target = _target(arguments, client)
    what = "stop with a savepoint" if arguments.stop else "take a savepoint of"
    if arguments.dry_run:
        return _would(arguments, target.job, what, target.describe())
    if not arguments.stop:
        return _took(arguments, target.job, ending.savepoint(client, target, arguments.wait_sec))
    uri, ended = ending.stop(client, target, arguments.wait_sec)
    _say(_told(target, ended))
    return _took(arguments, ended.job, uri)


def _would(arguments: argparse.Namespace, job: FlinkJob, what: str, described: str) -> int:
    if arguments.json:
        json_document.show(
            {"dry_run": True, "job_id": job.job_id, "name": job.name, "state": job.state}
        )
    else:
        print(f"would {what} {described}; nothing was done")
    return exit_codes.WELL


def _took(arguments: argparse.Namespace, job: FlinkJob, uri: str) -> int:
    if arguments.json:
        json_document.show({"job_id": job.job_id, "state": job.state, "savepoint": uri})
    else:
        print(uri)
    return exit_codes.WELL


def _ended(arguments: argparse.Namespace, target: Target, ended: ending.Ended) -> int:
    if arguments.json:
        run_id = target.run.run_id if ended.noted and target.run else None
        json_document.show(
            {"job_id": ended.job.job_id, "state": ended.job.state, "noted_run": run_id}
        )
    else:
        print(_told(target, ended))
    return exit_codes.WELL


def _told(target: Target, ended: ending.Ended) -> str:
    noted = f"; noted as the end of run {target.run.run_id}" if ended.noted and target.run else ""
    return f"{ended.job.describe()}{noted}"


def _target(arguments: argparse.Namespace, client: FlinkClient) -> Target:
    dataset = arguments.bigquery_dataset and ".".join(arguments.bigquery_dataset)
    return find(client, arguments.job_id, dataset, arguments.bigquery_endpoint, arguments.run_id)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


_RUN: Mapping[str, Callable[[argparse.Namespace, FlinkClient], int]] = {
    "list": _list,
    "show": _show,
    "cancel": _cancel,
    "savepoint": _savepoint,
}


if __name__ == "__main__":
    sys.exit(main())
