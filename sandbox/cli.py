"""The commands of `python -m sandbox`. What they do is in sandbox/sandbox.py."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import sys
import textwrap
import time
from collections.abc import Sequence
from types import FrameType

from payments import exit_codes
from payments.parser import Parser
from sandbox import endpoints, ports, processes, settings_file, sql
from sandbox.component import MONITORING, NAMES, OPTIONAL
from sandbox.endpoints import DEFAULT_DIR
from sandbox.errors import SandboxError, SandboxUsage
from sandbox.sandbox import Sandbox

_DESCRIPTION = """\
Runs everything the payments pipeline needs on this machine, for real, on loopback only:
a Kafka broker, a Flink cluster of one JobManager and two TaskManagers, BigQuery's stand-in,
Beam's job server, the Java expansion service and a pool of Python workers.
"""

_EXAMPLES = """\
examples:
  python -m sandbox up                          start it, or learn that it is up
  export PAYMENTS_CONFIG=$(python -m sandbox config --fresh)
  payments tables create                        ... which each command reads: any number of times,
  payments simulate --count=5000                with a topic, a dataset and a ledger of their own
  payments run --no_wait_until_finish
  payments reconcile --wait_sec=120
  payments send                                 one payment by hand; `payments trace` follows it
  payments topic watch                          what arrives
  python -m sandbox sql 'SELECT * FROM records'  ask the newest dataset; without a query: a prompt
  python -m sandbox kill taskmanager-1          SIGKILL; the supervisor starts it again
  python -m sandbox kill kafka --no-restart     SIGKILL; it stays down ...
  python -m sandbox restart kafka               ... until this
  python -m sandbox status
  tail -F .sandbox/logs/taskmanager-1.log
  python -m sandbox down                        data stays; add --wipe to delete it

components: {components};
  with up --monitoring also {monitoring}; with up --registry also registry

exit codes: 0 well, 1 a component is down, 2 a mistake in what was asked for, 3 it could not be
done, 130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    options = _parser().parse_args(arguments)
    # `kill PID` and a CI's time limit end `up` as Ctrl-C does: with everything taken down.
    signal.signal(signal.SIGTERM, _interrupt)
    return exit_codes.run(lambda: int(options.command(Sandbox(options.dir), options)))


def _up(sandbox: Sandbox, options: argparse.Namespace) -> int:
    started_at = time.monotonic()
    result = sandbox.up(_say, ports.parse(options.port), options.registry, options.monitoring)
    _say(f"up after {time.monotonic() - started_at:.1f} s; logs in {result['logs']}")
    print(json.dumps(result, indent=2))
    return exit_codes.WELL


def _down(sandbox: Sandbox, options: argparse.Namespace) -> int:
    started_at = time.monotonic()
    sandbox.down(wipe=options.wipe)
    kept = "data deleted" if options.wipe else f"data kept in {sandbox.layout.root}"
    _say(f"down after {time.monotonic() - started_at:.1f} s; {kept}")
    return exit_codes.WELL


def _status(sandbox: Sandbox, options: argparse.Namespace) -> int:
    states = sandbox.states()
    sandbox.refresh()
    port_of = sandbox.ports()
    rows = [
        {
            **dataclasses.asdict(state),
            "rss_mib": processes.memory_mib(state.pid) if state.pid else 0,
            "port": port_of.get(name),
        }
        for name, state in states.items()
    ]
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        print(f"{'component':<16}{'state':<10}{'pid':>8}{'RSS MiB':>9}{'uptime s':>10}{'port':>7}")
        for row in rows:
            print(
                f"{row['name']:<16}{row['state']:<10}{row['pid'] or '-':>8}{row['rss_mib']:>9}"
                f"{row['uptime_sec']:>10}{row['port'] or '-':>7}"
            )
        print(f"{'total':<34}{sum(row['rss_mib'] for row in rows):>9}")
    running = all(state.running for state in states.values())
    return exit_codes.WELL if running else exit_codes.FINDING


def _restart(sandbox: Sandbox, options: argparse.Namespace) -> int:
    sandbox.restart(options.component)
    _say(f"{options.component} ready, process {sandbox.pids()[options.component]}")
    return exit_codes.WELL


def _kill(sandbox: Sandbox, options: argparse.Namespace) -> int:
    killed = sandbox.kill(options.component, restart=not options.no_restart)
    after = "it stays down" if options.no_restart else "the supervisor starts it again"
    _say(f"{options.component}, process {killed}, killed; {after}")
    return exit_codes.WELL


def _flags(sandbox: Sandbox, options: argparse.Namespace) -> int:
    print(" ".join(endpoints.pipeline_flags(sandbox.endpoints(), options.secure)))
    return exit_codes.WELL


def _config(sandbox: Sandbox, options: argparse.Namespace) -> int:
    print(settings_file.write(sandbox.endpoints(), options.secure, options.fresh))
    return exit_codes.WELL


def _sql(sandbox: Sandbox, options: argparse.Namespace) -> int:
    found = sandbox.endpoints()
    console = sql.connect(found["bigquery"], found["project"], options.dataset)
    return sql.run(console, options, sandbox.layout.root / "sql_history")


def _endpoint(sandbox: Sandbox, options: argparse.Namespace) -> int:
    found = sandbox.endpoints().items()
    known = {name: value for name, value in found if isinstance(value, str)}
    if options.name not in known:
        raise SandboxUsage(f"no endpoint {options.name!r}", f"one of: {', '.join(known)}")
    if not known[options.name]:
        flag = "monitoring" if options.name in MONITORING else options.name
        raise SandboxError(f"{options.name} is not up here", f"python -m sandbox up --{flag}")
    print(known[options.name])
    return exit_codes.WELL


def _parser() -> Parser:
    parser = Parser(
        prog="python -m sandbox",
        description=_DESCRIPTION,
        epilog=_EXAMPLES.format(
            components=textwrap.fill(", ".join(NAMES), 85, break_on_hyphens=False),
            monitoring=", ".join(MONITORING),
        ),
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_up(commands)
    down = _add(commands, "down", _down, "stop everything and make sure of it")
    down.add_argument("--wipe", action="store_true", help="delete topics, tables and checkpoints")
    status = _add(commands, "status", _status, "show every component; exit code 1 if one is down")
    status.add_argument("--json", action="store_true", help="for programs")
    restart = _add(commands, "restart", _restart, "stop a component politely and start it again")
    restart.add_argument("component", choices=(*NAMES, *OPTIONAL), metavar="COMPONENT")
    kill = _add(commands, "kill", _kill, "SIGKILL a component and its children, as a crash would")
    kill.add_argument("component", choices=(*NAMES, *OPTIONAL), metavar="COMPONENT")
    kill.add_argument("--no-restart", action="store_true", help="leave it down until `restart`")
    flags = _add(
        commands, "flags", _flags, "print the flags for `python -m pipeline` on this sandbox"
    )
    config = _add(
        commands,
        "config",
        _config,
        "write the settings of this sandbox to a file, for --config of every command; print where",
    )
    config.add_argument(
        "--fresh",
        action="store_true",
        help="with a topic, a dataset and a ledger that nobody has used",
    )
    for command in (flags, config):
        command.add_argument(
            "--secure", action="store_true", help="reach Kafka through TLS and a login"
        )
    endpoint = _add(commands, "endpoint", _endpoint, "print one value of endpoints.json")
    endpoint.add_argument("name", metavar="NAME", help="kafka, bigquery, flink_rest, …")
    watch = _add(
        commands, "watch", _watch, "of a monitored sandbox: which topic the exporter tells of"
    )
    watch.add_argument("topic", metavar="TOPIC")
    watch.add_argument(
        "dataset", nargs="?", metavar="DATASET", help="(default: named as the topic)"
    )
    _add_sql(commands)
    return parser


def _add_sql(commands: argparse._SubParsersAction[Parser]) -> None:
    ask = _add(commands, "sql", _sql, "ask BigQuery's stand-in: one query, or a prompt without one")
    ask.add_argument("query", nargs="?", metavar="QUERY", help="BigQuery's SQL")
    ask.add_argument(
        "--dataset", metavar="NAME", help="whose tables are meant (default: the newest dataset's)"
    )
    ask.add_argument("--json", action="store_true", help="for programs")


def _add_up(commands: argparse._SubParsersAction[Parser]) -> None:
    up = _add(commands, "up", _up, "start everything; prints endpoints.json")
    up.add_argument(
        "--port",
        action="append",
        default=[],
        metavar="COMPONENT=N",
        help="a port of your choice; the rest are free ones, kept from start to start. "
        f"COMPONENT is one of {', '.join(ports.MAIN_PORTS)}",
    )
    up.add_argument(
        "--registry",
        action="store_true",
        help="with a schema registry (bin/setup registry); also beside what is up",
    )
    up.add_argument(
        "--monitoring",
        action="store_true",
        help="also Prometheus, Alertmanager and `payments exporter` (bin/setup monitoring)",
    )


def _watch(sandbox: Sandbox, options: argparse.Namespace) -> int:
    sandbox.watch(options.topic, options.dataset or options.topic)
    _say(f"the exporter tells of topic {options.topic}")
    return exit_codes.WELL


def _add(
    commands: argparse._SubParsersAction[Parser],
    name: str,
    command: object,
    summary: str,
) -> Parser:
    parser = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
    parser.add_argument(
        "--dir",
        default=os.environ.get("SANDBOX_DIR", DEFAULT_DIR),
        help="the sandbox's folder (default: SANDBOX_DIR, else .sandbox)",
    )
    parser.set_defaults(command=command)
    return parser


def _say(line: str) -> None:
    print(f"sandbox: {line}", file=sys.stderr, flush=True)


def _interrupt(_signal_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
