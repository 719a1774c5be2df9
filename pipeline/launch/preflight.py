"""Checks topics, tables and services before anything is submitted."""

from __future__ import annotations

import dataclasses
import functools
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence

import google.auth
import grpc
from google.auth import exceptions as auth_exceptions
from kafka.errors import KafkaError

from operations import bigquery_client, kafka_client
from operations.tables import bigquery_tables
from pipeline.config import PipelineConfig
from pipeline.config_values import ConfigError
from pipeline.launch import kafka_rights
from transforms import addresses
from transforms.kafka import reader as kafka_reader
from transforms.kafka import topic_times
from transforms.payment.arrival import BOUNDED_CREATE, LOG_APPEND, Arrival
from transforms.payment.tables import Table
from transforms.read_kafka import KafkaSource

_CONNECT_TIMEOUT_SEC = 10
_POLICY = "cleanup.policy"


class PreflightError(RuntimeError):
    """Things that the job needs are not as they must be; the message says which, each with a hint.

    Attributes:
        problems: a line for each, so that all can be put right at once.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\nerror: ".join(problems))  # as programs print the first
        self.problems = problems


def check(config: PipelineConfig, tables: Sequence[Table]) -> PipelineConfig:
    """Returns the configuration with what Kafka says, when all that the job needs is in place.

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
    found: list[PipelineConfig] = []
    checks.append(lambda: found.append(_with_bounds(config)))
    checks.append(functools.partial(_check_bigquery, config, tables))
    wrong: list[str] = []
    for each in checks:
        try:
            each()
        except PreflightError as error:
            wrong += error.problems
    if wrong:
        raise PreflightError(*wrong)
    return found[0]


def _with_bounds(config: PipelineConfig) -> PipelineConfig:
    """Returns the configuration with how far apart the times of the topics' records can be.

    Raises:
        PreflightError: topics are not as they must be, or an id would be remembered for too long.
    """
    try:
        return config.arriving(_check_topics(config.source))
    except ConfigError as error:
        raise PreflightError(*error.problems) from None


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


def _check_topics(source: KafkaSource) -> Arrival:
    """Returns how the job knows when records arrived, the bounds of their times included.

    Raises:
        PreflightError: topics are not as they must be, or Kafka does not say.
    """
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
        there = [topic for topic in source.topics if topic in existing]
        wrong = [
            f"topic {topic!r} does not exist at {source.bootstrap_servers}; it has "
            f"{', '.join(existing) or 'no topics'}."
            for topic in source.topics
            if topic not in there
        ]
        settings = topic_times.asked(admin, there, [_POLICY])
        for topic, each in settings.items():
            wrong += _problems_of_topic(topic, each, source.arrival)
        if wrong:
            raise PreflightError(*wrong)
        return _arrival(source.arrival, settings)
    except KafkaError as error:
        raise PreflightError(kafka_rights.told(source.bootstrap_servers, error)) from None
    finally:
        admin.close()


def _arrival(required: Arrival, settings: Mapping[str, Mapping[str, str]]) -> Arrival:
    if not required.is_bounded:
        return required
    slack_sec = topic_times.slack_sec(map(topic_times.times_of, settings.values()))
    return dataclasses.replace(required, slack_sec=slack_sec)


def _problems_of_topic(topic: str, settings: Mapping[str, str], required: Arrival) -> Iterator[str]:
    """Yields what a topic is not as it must be."""
    policy = settings[_POLICY]
    if "compact" in policy:
        yield (
            f"topic {topic!r} must not be compacted, got {_POLICY}={policy}. "
            "Compaction removes records before they are read, and nobody could prove that none is "
            f"lost. Hint: kafka-configs.sh --alter --topic {topic} --add-config {_POLICY}=delete"
        )
    times = topic_times.times_of(settings)
    if required.is_bounded:
        yield from _problems_of_bounds(topic, times)
    elif times.kind != "LogAppendTime":
        bounded = ""
        if not times.missing():
            slack = topic_times.slack_sec([times])
            bounded = (
                f"; or, as its broker keeps producers' times within {slack} s, arrival: "
                f"{BOUNDED_CREATE} in the contract"
            )
        yield (
            f"topic {topic!r} must have {topic_times.TYPE}=LogAppendTime, got {times.kind}. "
            "Lateness is measured from the broker's clock; a producer's clock would let a copy in "
            f"twice. Hint: kafka-configs.sh --alter --topic {topic} --add-config "
            f"{topic_times.TYPE}=LogAppendTime{bounded}; or a mirrored topic, `payments topic "
            "copy` (docs/launch.md, Topics)"
        )


def _problems_of_bounds(topic: str, times: topic_times.Times) -> Iterator[str]:
    if times.kind != "CreateTime":
        yield (
            f"topic {topic!r} must have {topic_times.TYPE}=CreateTime with arrival: "
            f"{BOUNDED_CREATE}, got {times.kind}. Hint: with {times.kind} the contract says "
            f"arrival: {LOG_APPEND}, which is the stronger choice."
        )
    elif missing := times.missing():
        settings = ",".join(f"{name}=3600000" for name in missing)
        yield (
            f"topic {topic!r} must have {' and '.join(missing)} with arrival: {BOUNDED_CREATE}, "
            "got none: a producer could give any time, and a copy could arrive when its id is "
            f"forgotten. Hint: kafka-configs.sh --alter --topic {topic} --add-config {settings} "
            f"(milliseconds; Kafka 3.6 or newer); or {topic_times.TYPE}=LogAppendTime and arrival: "
            f"{LOG_APPEND}; or a mirrored topic, `payments topic copy` (docs/launch.md, Topics)"
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
