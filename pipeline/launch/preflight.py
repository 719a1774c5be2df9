"""Checks topics, tables and services before anything is submitted."""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable, Iterator, Sequence

import google.auth
import grpc
from google.auth import exceptions as auth_exceptions
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from operations import bigquery_client, kafka_client
from operations.tables import bigquery_tables
from pipeline.config import PipelineConfig
from pipeline.launch import kafka_rights
from transforms import addresses
from transforms.kafka import reader as kafka_reader
from transforms.payment.tables import Table
from transforms.read_kafka import KafkaSource

_CONNECT_TIMEOUT_SEC = 10


class PreflightError(RuntimeError):
    """Things that the job needs are not as they must be; the message says which, each with a hint.

    Attributes:
        problems: a line for each, so that all can be put right at once.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\nerror: ".join(problems))  # as programs print the first
        self.problems = problems


def check(config: PipelineConfig, tables: Sequence[Table]) -> None:
    """Returns when everything that the job needs is in place.

    Args:
        tables: what the dataset must hold.

    Raises:
        PreflightError: with all that is not.
    """
    checks: list[Callable[[], None]] = []
    if config.runner == "DataflowRunner":
        checks.append(_check_credentials)
    for flag, address, check_it in (
        ("--expansion_service", config.source.expansion_service, _check_grpc),
        ("--job_endpoint", config.job_endpoint, _check_grpc),
    ):
        if address:
            checks.append(functools.partial(check_it, flag, address))
    checks.append(functools.partial(_check_topics, config.source))
    checks.append(functools.partial(_check_bigquery, config, tables))
    wrong: list[str] = []
    for each in checks:
        try:
            each()
        except PreflightError as error:
            wrong += error.problems
    if wrong:
        raise PreflightError(*wrong)


def _check_bigquery(config: PipelineConfig, tables: Sequence[Table]) -> None:
    if config.bigquery_endpoint:  # or a query would be tried again and again
        _check_listening("--bigquery_endpoint", config.bigquery_endpoint)
    _check_tables(config, tables)


def _check_credentials() -> None:
    try:
        google.auth.default()
    except auth_exceptions.GoogleAuthError as error:
        raise PreflightError(f"no credentials to submit to Dataflow with: {error}") from None


def _check_listening(flag: str, address: str) -> None:
    try:
        host_and_port = addresses.host_and_port(address)
        socket.create_connection(host_and_port, timeout=_CONNECT_TIMEOUT_SEC).close()
    except (OSError, UnicodeError) as error:  # a name with a label of more than 63 characters
        raise PreflightError(
            f"{flag}: nothing answers at {address} ({error}). Hint: is it "
            "running? On the sandbox, `python -m sandbox status` says so."
        ) from None


def _check_grpc(flag: str, address: str) -> None:
    """Checks a service that Beam would wait for without a limit, should it listen and say nothing.

    Raises:
        PreflightError: nothing listens, or it does not speak gRPC.
    """
    _check_listening(flag, address)
    channel = grpc.insecure_channel(address)
    try:
        grpc.channel_ready_future(channel).result(timeout=_CONNECT_TIMEOUT_SEC)
    except grpc.FutureTimeoutError:
        raise PreflightError(
            f"{flag}: what listens at {address} does not answer as a service of Beam's (waited "
            f"{_CONNECT_TIMEOUT_SEC} s). Hint: does it hang, or is that the port of another one?"
        ) from None
    finally:
        channel.close()


def _check_topics(source: KafkaSource) -> None:
    missing = kafka_reader.missing_codecs()
    if missing:
        raise PreflightError(
            f"a topic may be compressed by any of Kafka's codecs, and Python cannot read them all: "
            f"{', '.join(missing)} is not installed. Hint: pip install --require-hashes -r "
            "requirements/pipeline.lock"
        )
    try:
        admin = kafka_client.admin(source.bootstrap_servers, source.properties)
    except kafka_client.Unreachable as error:
        raise PreflightError(str(error)) from None
    try:
        missing_right = kafka_rights.missing(admin, source.topics)
        if missing_right:
            raise PreflightError(missing_right)
        existing = sorted(admin.list_topics())
        wrong = [
            problem
            for topic in source.topics
            for problem in _problems_of_topic(admin, topic, existing, source.bootstrap_servers)
        ]
        if wrong:
            raise PreflightError(*wrong)
    except KafkaError as error:
        raise PreflightError(kafka_rights.told(source.bootstrap_servers, error)) from None
    finally:
        admin.close()


def _problems_of_topic(
    admin: KafkaAdminClient, topic: str, existing: Sequence[str], servers: str
) -> Iterator[str]:
    """Yields what a topic is not as it must be."""
    if topic not in existing:
        yield (
            f"topic {topic!r} does not exist at {servers}; it has "
            f"{', '.join(existing) or 'no topics'}."
        )
        return
    name, policy = "message.timestamp.type", "cleanup.policy"
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, [name, policy])
    settings = admin.describe_configs([resource], config_filter="all")["topic"][topic]
    if "compact" in settings[policy]["value"]:
        yield (
            f"topic {topic!r} must not be compacted, got {policy}={settings[policy]['value']}. "
            "Compaction removes records before they are read, and nobody could prove that none is "
            f"lost. Hint: kafka-configs.sh --alter --topic {topic} --add-config {policy}=delete"
        )
    found = settings[name]["value"]
    if found != "LogAppendTime":
        yield (
            f"topic {topic!r} must have {name}=LogAppendTime, got {found}. Lateness is measured "
            "from the broker's clock; a producer's clock would let a copy in twice. Hint: "
            f"kafka-configs.sh --alter --topic {topic} --add-config {name}=LogAppendTime"
        )


def _check_tables(config: PipelineConfig, tables: Sequence[Table]) -> None:
    dataset = f"{config.sink.project}.{config.sink.dataset}"
    try:
        client = bigquery_client.connect(config.sink.project, config.bigquery_endpoint)
        lines = bigquery_tables.diff(client, config.sink.dataset, tables)
    except bigquery_client.ERRORS as error:
        raise PreflightError(
            bigquery_client.told(error, dataset, config.bigquery_endpoint)
        ) from None
    if lines:
        raise PreflightError(
            "; ".join(lines) + ". Hint: `payments tables create --bigquery_dataset="
            f"{dataset}{_contract_flag(config)}` makes missing tables and columns, and lets a "
            "column be null that may be; any other change needs a migration."
        )


def _contract_flag(config: PipelineConfig) -> str:
    """Returns what the command needs to know of columns that a contract adds."""
    contract = config.contract
    adds = bool(contract.columns or contract.extra)
    return f" --contract={contract.name}" if adds else ""
