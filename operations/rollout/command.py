"""Runs `payments rollout`; flags.py has its help."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from operations import json_document
from operations.flink_client import FlinkClient
from operations.reconcile.settings import Topics
from operations.rollout import documents, flags, text
from operations.rollout.flink_jobs import FlinkJobs
from operations.rollout.rollout import Compared, Rollout
from operations.rollout.serving import Decision
from operations.tables import sql_files
from payments import exit_codes
from transforms.kafka import causes as kafka_causes
from transforms.kafka import properties as kafka_properties


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (flags.py)."""
    kafka_causes.keep_to_ourselves()
    arguments = flags.parser().parse_args(argv)
    return exit_codes.run(
        lambda: _COMMANDS[arguments.command](arguments),
        {
            kafka_properties.PropertiesError: exit_codes.USAGE,
            sql_files.SqlFileError: exit_codes.COULD_NOT_LOOK,
        },
    )


def _serve(arguments: argparse.Namespace) -> int:
    _tell(
        arguments,
        _rollout(arguments).serve(_name(arguments.dataset), arguments.dry_run),
        arguments.dry_run,
    )
    return exit_codes.WELL


def _status(arguments: argparse.Namespace) -> int:
    _tell(arguments, _rollout(arguments).decision())
    return exit_codes.WELL


def _savepoint(arguments: argparse.Namespace) -> int:
    print(FlinkClient(arguments.flink).savepoint(arguments.blue_job, arguments.wait_sec))
    return exit_codes.WELL


def _compare(arguments: argparse.Namespace) -> int:
    compared = _compared(arguments, _rollout(arguments))
    if arguments.json:
        json_document.show(documents.comparison(compared))
    else:
        print(text.comparison(compared))
    return exit_codes.WELL if _may_go_on(arguments, compared) else exit_codes.FINDING


def _ramp(arguments: argparse.Namespace) -> int:
    rollout = _rollout(arguments)
    compared = _compared(arguments, rollout)
    if not arguments.json:
        print(text.comparison(compared))
    if not _may_go_on(arguments, compared):
        if arguments.json:
            json_document.show({"comparison": documents.comparison(compared), "changed": False})
        else:
            print("rollout: nothing was changed")
        return exit_codes.FINDING
    made = rollout.ramp(_name(arguments.green), arguments.share, compared, arguments.dry_run)
    _tell(arguments, made, arguments.dry_run)
    return exit_codes.WELL


def _take_back(arguments: argparse.Namespace) -> int:
    made = _rollout(arguments).take_back(_name(arguments.green), arguments.dry_run)
    _tell(arguments, made, arguments.dry_run)
    return exit_codes.WELL


def _stop(arguments: argparse.Namespace) -> int:
    rollout, flink, job = (
        _rollout(arguments),
        FlinkJobs(FlinkClient(arguments.flink)),
        arguments.blue_job,
    )
    if arguments.dry_run:
        rollout.check_stop(flink, job)
        said = f"{job} would be stopped; nothing was changed"
    else:
        rollout.stop(flink, job, arguments.wait_sec)
        said = f"{job} is stopped; its tables are still read up to the cuts"
    if arguments.json:
        json_document.show({"job": job, "stopped": not arguments.dry_run})
    else:
        print(f"rollout: {said}")
    return exit_codes.WELL


def _tell(arguments: argparse.Namespace, made: Decision, dry_run: bool = False) -> None:
    if arguments.json:
        json_document.show({**documents.decision(made), "dry_run": dry_run})
        return
    print(text.decision(made))
    if dry_run:
        print("rollout: nothing was changed: this was a dry run")


def _compared(arguments: argparse.Namespace, rollout: Rollout) -> Compared:
    flink = FlinkJobs(FlinkClient(arguments.flink))
    rollout.check_state(flink, arguments.blue_job, arguments.green_job)
    return rollout.compare(_name(arguments.green), arguments.wait_sec, _say)


def _may_go_on(arguments: argparse.Namespace, compared: Compared) -> bool:
    if not compared.result.complete:
        return False
    if compared.result.differing and not arguments.accept_differences:
        _say("when the new version is meant to judge otherwise: --accept_differences")
        return False
    return True


def _name(dataset: tuple[str, str]) -> str:
    return ".".join(dataset)


def _say(line: str) -> None:
    print(f"rollout: {line}", file=sys.stderr, flush=True)


def _rollout(arguments: argparse.Namespace) -> Rollout:
    properties = kafka_properties.load(arguments.kafka_config_file)
    topics = Topics(arguments.kafka_bootstrap_servers, arguments.kafka_topics, properties)
    return Rollout(topics, _name(arguments.live_dataset), arguments.bigquery_endpoint)


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "serve": _serve,
    "savepoint": _savepoint,
    "compare": _compare,
    "ramp": _ramp,
    "take-back": _take_back,
    "stop": _stop,
    "status": _status,
}

if __name__ == "__main__":
    sys.exit(main())
