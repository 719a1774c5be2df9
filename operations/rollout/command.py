"""A new version beside the old one: compared record by record, read share by share, taken back.

    payments rollout serve     --dataset=my-project.payments_1 …
    payments rollout savepoint --flink=jobmanager:8081 --blue_job=ID
    python -m pipeline --runner=FlinkRunner --savepoint_path=URI --shadow \\
        --bigquery_dataset=my-project.payments_2 …
    payments rollout compare   --green=my-project.payments_2 …
    payments rollout ramp      --green=my-project.payments_2 --share=25 …
    payments rollout ramp      --green=my-project.payments_2 --share=100 …
    payments rollout stop      --flink=jobmanager:8081 --blue_job=ID …

Readers ask the views in --live_dataset, which are named as the tables. They show blue's records up
to the offsets where green began, and from there on green's for a share of the ids, and blue's for
the others; one INSERT changes all views at once. docs/upgrade.md, "Blue and green", tells the rest.

Exit code: 0 done, 1 green does not count as blue does (nothing was changed), 2 a mistake in the
flags, 3 it could not be done.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable, Sequence

from operations import tool_flags
from operations.errors import CannotCheck, RolloutError
from operations.flink_client import FlinkClient
from operations.reconcile.settings import Topics
from operations.rollout import text
from operations.rollout.flink_jobs import FlinkJobs
from operations.rollout.rollout import Compared, Rollout
from operations.tables import sql_files
from transforms.kafka import causes as kafka_causes
from transforms.kafka import properties as kafka_properties

EXIT_DONE = 0
EXIT_DIFFERS = 1
EXIT_USAGE = 2
EXIT_CANNOT = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (module docstring)."""
    kafka_causes.keep_to_ourselves()
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except kafka_properties.PropertiesError as error:
        parser.error(str(error))
    except (RolloutError, CannotCheck, sql_files.SqlFileError) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_CANNOT


def _serve(arguments: argparse.Namespace) -> int:
    print(text.decision(_rollout(arguments).serve(_name(arguments.dataset))))
    return EXIT_DONE


def _status(arguments: argparse.Namespace) -> int:
    print(text.decision(_rollout(arguments).decision()))
    return EXIT_DONE


def _savepoint(arguments: argparse.Namespace) -> int:
    print(FlinkClient(arguments.flink).savepoint(arguments.blue_job, arguments.wait_sec))
    return EXIT_DONE


def _compare(arguments: argparse.Namespace) -> int:
    compared = _compared(arguments, _rollout(arguments))
    return EXIT_DONE if _may_go_on(arguments, compared) else EXIT_DIFFERS


def _ramp(arguments: argparse.Namespace) -> int:
    rollout = _rollout(arguments)
    compared = _compared(arguments, rollout)
    if not _may_go_on(arguments, compared):
        print("deploy: nothing was changed")
        return EXIT_DIFFERS
    print(text.decision(rollout.ramp(_name(arguments.green), arguments.share, compared)))
    return EXIT_DONE


def _take_back(arguments: argparse.Namespace) -> int:
    print(text.decision(_rollout(arguments).take_back(_name(arguments.green))))
    return EXIT_DONE


def _stop(arguments: argparse.Namespace) -> int:
    flink = FlinkJobs(FlinkClient(arguments.flink))
    _rollout(arguments).stop(flink, arguments.blue_job, arguments.wait_sec)
    print(f"deploy: {arguments.blue_job} is stopped; its tables are still read up to the cuts")
    return EXIT_DONE


def _compared(arguments: argparse.Namespace, rollout: Rollout) -> Compared:
    flink = FlinkJobs(FlinkClient(arguments.flink))
    rollout.check_state(flink, arguments.blue_job, arguments.green_job)
    compared = rollout.compare(_name(arguments.green), arguments.wait_sec, _say)
    print(text.comparison(compared))
    return compared


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
    print(f"deploy: {line}", file=sys.stderr, flush=True)


def _rollout(arguments: argparse.Namespace) -> Rollout:
    properties = kafka_properties.load(arguments.kafka_config_file)
    topics = Topics(arguments.kafka_bootstrap_servers, arguments.kafka_topics, properties)
    return Rollout(topics, _name(arguments.live_dataset), arguments.bigquery_endpoint)


def _parser() -> argparse.ArgumentParser:
    parser = tool_flags.parser("payments rollout", __doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add = functools.partial(_add_command, commands)
    serve = add("serve", _serve, "makes the views, which show one dataset at first")
    tool_flags.add_dataset(serve, "--dataset", "Dataset of the job that runs.")
    add("savepoint", _savepoint, "takes a savepoint of the old job, which goes on", flink=True)
    compare = add("compare", _compare, "asks whether green counts as blue does", flink=True)
    ramp = add("ramp", _ramp, "compares, then lets green be read for a share", flink=True)
    ramp.add_argument(
        "--share",
        type=_percent,
        required=True,
        metavar="PERCENT",
        help="Of the ids; 100 is the switch.",
    )
    back = add("take-back", _take_back, "lets blue be read for everything again")
    add("stop", _stop, "ends the old job, once its rows are flushed", flink=True)
    add("status", _status, "tells which dataset is read for which offsets")
    for each in (compare, ramp):
        each.add_argument("--green_job", required=True, metavar="ID", help="Flink's id of it.")
        each.add_argument(
            "--accept_differences",
            action="store_true",
            help="Go on although green judges some records otherwise, as a new rule may.",
        )
    for each in (compare, ramp, back):
        tool_flags.add_dataset(each, "--green", "Dataset of the new job.")
    return parser


def _add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    summary: str,
    flink: bool = False,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
    command.set_defaults(run=run)
    if flink:
        tool_flags.add_flink(command)
        command.add_argument(
            "--blue_job", required=True, metavar="ID", help="Flink's id of the old job."
        )
        tool_flags.add_wait(command, "How long to wait at most: for rows, or for Flink", 120)
    if name != "savepoint":  # which needs Flink alone
        tool_flags.add_kafka(command)
        tool_flags.add_topics(command)
        tool_flags.add_dataset(command, "--live_dataset", "Dataset of the views that readers ask.")
        tool_flags.add_bigquery_endpoint(command)
    return command


def _percent(said: str) -> int:
    if not said.isdecimal() or not 1 <= int(said) <= 100:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to 100, got {said!r}")
    return int(said)


if __name__ == "__main__":
    sys.exit(main())
