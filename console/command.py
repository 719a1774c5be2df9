"""Runs `payments live`; flags.py has its help."""

from __future__ import annotations

import argparse
import contextlib
import logging
import secrets
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import uvicorn
from starlette.applications import Starlette

from console import app, flags
from console.page_parts import Parts
from console.places import Places
from operations.errors import CannotCheck, OperatorError
from operations.reconcile.settings import Dataset, Topics
from payments import exit_codes
from sandbox import endpoints
from sandbox.errors import SandboxError
from simulator import contract_flags
from simulator.contracts import find
from simulator.contracts.speech import Speech
from simulator.traffic import UsageError
from transforms.kafka import causes as kafka_causes
from transforms.kafka import properties as kafka_properties

_ON_A_STANDIN_SEC, _ON_GOOGLE_SEC = 2, 60
_LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s"


class NotTheSandbox(OperatorError):
    """An address is another than the sandbox's: nothing of it may be acted on."""

    exit_code = exit_codes.USAGE


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (flags.py)."""
    kafka_causes.keep_to_ourselves()
    arguments = flags.parser().parse_args(argv)
    return exit_codes.run(
        lambda: _run(arguments),
        {
            kafka_properties.PropertiesError: exit_codes.USAGE,
            UsageError: exit_codes.USAGE,
        },
    )


def _run(arguments: argparse.Namespace) -> int:
    logging.basicConfig(format=_LOG_FORMAT, level=logging.WARNING)
    places = _places(arguments)
    with contextlib.closing(_listening(arguments.listen)) as listening:
        port = listening.getsockname()[1]
        token = secrets.token_urlsafe(24)
        # Browsers send the cookies of one port of a machine to all: each page has its own.
        page = app.build(Parts.of(places), token, f"payments_live_{port}")
        print(f"http://{flags.HOST}:{port}/?token={token}", flush=True)
        _serve(page, listening)
    return exit_codes.WELL


def _serve(page: Starlette, listening: socket.socket) -> None:
    """Serves until SIGTERM or Ctrl-C, which it raises again when all is closed."""

    def ended(*_: object) -> NoReturn:
        raise SystemExit(exit_codes.WELL)

    signal.signal(signal.SIGTERM, ended)
    config = uvicorn.Config(
        page,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[listening])


def _listening(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((flags.HOST, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise CannotCheck(
            f"cannot listen on {flags.HOST}:{port}: {error.strerror or error}. Hint: another "
            "--listen=PORT, or none for a port that is free"
        ) from None
    return listening


def _places(arguments: argparse.Namespace) -> Places:
    project, name = arguments.bigquery_dataset
    topics = Topics(
        arguments.kafka_bootstrap_servers,
        arguments.kafka_topics,
        kafka_properties.load(arguments.kafka_config_file),
    )
    dataset = Dataset(project, name, arguments.bigquery_endpoint)
    pause_sec = _ON_GOOGLE_SEC if dataset.endpoint is None else _ON_A_STANDIN_SEC
    places = Places(
        topics,
        dataset,
        arguments.flink,
        arguments.flink_job,
        arguments.every_sec or pause_sec,
        arguments.sandbox,
        arguments.control,
        _speech(arguments),
    )
    if arguments.sandbox is not None:
        _check_sandbox(arguments.sandbox, places)
    return places


def _speech(arguments: argparse.Namespace) -> Speech | None:
    """Returns how payments are sent; a page that only reads registers no schemas for that."""
    named = contract_flags.named(arguments)
    if named is None or arguments.sandbox is None:
        return None
    return Speech(find.encoder_of(named, arguments.kafka_topics[0]))


def _check_sandbox(folder: Path, places: Places) -> None:
    """Raises unless every address is that of the sandbox, which is up."""
    try:
        own = endpoints.load(folder)
    except SandboxError as error:
        raise CannotCheck(str(error)) from None
    kafka = (own["kafka"], own["kafka_sasl_ssl"])
    for flag, given, wanted in (
        ("kafka_bootstrap_servers", places.topics.bootstrap_servers, kafka),
        ("bigquery_endpoint", places.dataset.endpoint, (own["bigquery"],)),
        ("flink", places.flink, (own["flink_rest"],)),
    ):
        if given not in wanted:
            raise NotTheSandbox(
                f"--{flag} must be {wanted[0]}, which is that of the sandbox in {folder}, got "
                f"{given}. Hint: without --sandbox the page only reads, wherever"
            )
