"""How do the checks and tools reach Kafka and BigQuery? One place for addresses and credentials."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import requests
from google.api_core import exceptions
from google.auth import exceptions as auth_exceptions
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_RETRY
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from transforms.contract import (
    bigquery_connection,
    kafka_causes,
    kafka_connection,
    kafka_reader,
)
from transforms.contract.kafka_properties import PropertiesError
from transforms.contract.table_schema import Table

# A broker that is up answers in milliseconds; one that is down should be reported before a person
# wonders (30 s is the promise, with room for the caller's own work).
BROKER_TIMEOUT_MS = 15_000
# For the same reason: the client's own limit is ten minutes.
_BIGQUERY_RETRY_SEC = 15
BIGQUERY_RETRY = DEFAULT_RETRY.with_timeout(_BIGQUERY_RETRY_SEC)
# One query, however often it is asked whether it is done. Ours take seconds.
QUERY_SEC = 600.0
# What a user or a network can do wrong; anything else is a bug and keeps its stack trace.
BIGQUERY_ERRORS = (
    exceptions.GoogleAPIError,
    auth_exceptions.GoogleAuthError,
    requests.RequestException,
    TimeoutError,
)
# 50,000 rows of 300 bytes are 15 MB; Google cuts pages at 20 MB anyway.
_PAGE_ROWS = 50_000
# Long enough for another broker to take over a partition.
_DELIVERY_TIMEOUT_MS = 60_000


class Unreachable(RuntimeError):
    """A service does not answer: the message names it and its address."""


def bigquery_client(project: str, endpoint: str | None) -> bigquery.Client:
    """Returns a client of Google's BigQuery, or of the stand-in at `endpoint` (host:port)."""
    return bigquery_connection.rest_client(project, endpoint)


@contextlib.contextmanager
def bigquery_errors(raised_as: type[Exception], where: str, endpoint: str | None) -> Iterator[None]:
    """Turns what BigQuery's client raises into one line with a hint, raised as `raised_as`.

    Args:
        where: PROJECT.DATASET, for the hint.
        endpoint: host:port of a stand-in, None for Google's service.
    """
    try:
        yield
    except BIGQUERY_ERRORS as error:
        raise raised_as(told(error, where, endpoint)) from None


def told(error: Exception, where: str, endpoint: str | None) -> str:
    """Returns what one of BIGQUERY_ERRORS means, in one line with a hint; arguments as above."""
    if isinstance(error, auth_exceptions.GoogleAuthError):
        return (
            f"no credentials for BigQuery: {_one_line(str(error))}. Hint: `gcloud auth "
            "application-default login`, or GOOGLE_APPLICATION_CREDENTIALS names a key"
        )
    if isinstance(error, TimeoutError):
        return f"BigQuery at {endpoint or 'Google'} has not answered a query for {QUERY_SEC:g} s"
    if isinstance(error, exceptions.GoogleAPICallError):
        return _refused(error, where)
    return (
        f"BigQuery does not answer at {endpoint or 'Google'} (tried for {_BIGQUERY_RETRY_SEC} s): "
        f"{type(error).__name__}. Hint: is it running?"
    )


def _refused(error: exceptions.GoogleAPICallError, where: str) -> str:
    if isinstance(error, exceptions.NotFound):
        return (
            f"a table of {where} is missing: {_one_line(error.message)}. Hint: `python -m "
            f"pipeline.tables create --bigquery_dataset={where}`"
        )
    if isinstance(error, exceptions.Unauthorized):
        return f"BigQuery does not take these credentials: {_one_line(error.message)}"
    if isinstance(error, exceptions.Forbidden):
        return (
            f"no permission on {where}: {_one_line(error.message)}. Hint: "
            "roles/bigquery.dataEditor on the dataset, roles/bigquery.jobUser on the project"
        )
    return f"BigQuery refused: {_one_line(error.message)}"


def bigquery_rows(
    client: bigquery.Client, sql: str, settings: bigquery.QueryJobConfig | None = None
) -> Iterator[list[Any]]:
    """Runs one statement, once, and returns the cells of each row as they come."""
    for row in bigquery_result(client, sql, settings, page_size=_PAGE_ROWS):
        yield [row[number] for number in range(len(row))]  # values() would copy deeply


def bigquery_parameters(table: Table, values: Mapping[str, Any]) -> bigquery.QueryJobConfig:
    """Returns the values of a statement's parameters; a name is a column of the table, or text."""
    types: dict[str, str] = {column.name: column.type for column in table.columns}
    return bigquery.QueryJobConfig(
        query_parameters=[
            bigquery.ScalarQueryParameter(name, types.get(name, "STRING"), value)
            for name, value in values.items()
        ]
    )


def bigquery_result(
    client: bigquery.Client,
    sql: str,
    settings: bigquery.QueryJobConfig | None = None,
    page_size: int | None = None,
) -> Any:
    """Runs one statement, once, and returns its rows. Raises BIGQUERY_ERRORS."""
    job = client.query(
        sql, job_config=settings, retry=BIGQUERY_RETRY, job_retry=None, timeout=QUERY_SEC
    )
    return job.result(page_size=page_size, retry=BIGQUERY_RETRY, timeout=QUERY_SEC)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]


def kafka_consumer(
    servers: str, properties: Mapping[str, str], isolation_level: str = "read_committed"
) -> KafkaConsumer:
    """Returns a consumer that sees committed records only, unless asked, and commits nothing.

    Raises:
        Unreachable: no broker answers.
    """
    return _connect(
        KafkaConsumer,
        servers,
        properties,
        **{**kafka_reader.READING, "isolation_level": isolation_level},
    )


def kafka_admin(servers: str, properties: Mapping[str, str]) -> KafkaAdminClient:
    """Returns an admin client.

    Raises:
        Unreachable: no broker answers.
    """
    return _connect(KafkaAdminClient, servers, properties)


def kafka_producer(servers: str, properties: Mapping[str, str]) -> KafkaProducer:
    """Returns a producer whose retries store a record once.

    Raises:
        Unreachable: no broker answers.
    """
    return _connect(
        KafkaProducer,
        servers,
        properties,
        acks="all",
        enable_idempotence=True,
        allow_auto_create_topics=False,  # would be made with CreateTime: no arrival times
        delivery_timeout_ms=_DELIVERY_TIMEOUT_MS,
        max_block_ms=BROKER_TIMEOUT_MS,
    )


def _connect(client: Any, servers: str, properties: Mapping[str, str], **more: Any) -> Any:
    try:
        arguments = kafka_connection.for_kafka_python(servers, properties)
    except PropertiesError as error:
        raise Unreachable(f"--kafka_config_file: {error}") from None
    with kafka_causes.collected() as causes:
        try:
            return client(**arguments, bootstrap_timeout_ms=BROKER_TIMEOUT_MS, **more)
        except KafkaError as error:
            why = causes.text() or type(error).__name__
            if "SaslAuthenticationFailed" in why:
                raise Unreachable(
                    f"Kafka at {servers} refused the login ({why}). Hint: check user, password and "
                    "mechanism in --kafka_config_file."
                ) from None
            raise Unreachable(
                f"no Kafka broker answers at {servers} ({why}). Hint: is it running, is the "
                "address the one that it advertises, and does --kafka_config_file fit its listener?"
            ) from None
