"""A right that is missing is told in one line by every program, and by none with a stack trace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from google.api_core import exceptions
from google.auth import exceptions as auth_exceptions
from kafka.errors import ClusterAuthorizationFailedError, KafkaTimeoutError

from operations import bigquery_client, kafka_client
from operations.dead_letters import command as dead_letters
from operations.errors import CannotStart, RolloutError
from operations.health import command as health
from operations.reconcile import command as reconcile
from operations.reconcile.settings import Topics
from operations.rollout.rollout import Rollout
from operations.tables import command as tables
from pipeline.launch import kafka_rights
from pipeline.launch.held_tables import HeldTables
from transforms import BigQuerySink

WHERE = "my-project.payments"
ERRORS = [
    (exceptions.NotFound("Not found: Table x"), "a table of my-project.payments is missing"),
    (exceptions.Forbidden("Access Denied:\n no right"), "no permission on my-project.payments"),
    (exceptions.Unauthorized("invalid"), "BigQuery does not take these credentials: invalid"),
    (exceptions.BadRequest("no such column"), "BigQuery refused: no such column"),
    (exceptions.RetryError("slow", None), "BigQuery does not answer at Google"),
    (requests.ConnectionError("refused"), "BigQuery does not answer at Google"),
    (auth_exceptions.RefreshError("expired\nlogin again"), "no credentials for BigQuery: expired"),
    (auth_exceptions.DefaultCredentialsError("none"), "no credentials for BigQuery: none. Hint"),
    (auth_exceptions.TransportError("no metadata"), "no credentials for BigQuery: no metadata"),
]


@pytest.mark.parametrize(("error", "words"), ERRORS, ids=lambda each: type(each).__name__)
def test_what_bigquery_raises_is_told_in_a_line(error: Exception, words: str) -> None:
    def ask() -> None:
        with bigquery_client.errors(CannotStart, WHERE, None):
            raise error

    with pytest.raises(CannotStart) as told:
        ask()

    assert str(told.value).startswith(words)
    assert "\n" not in str(told.value)


def test_control_a_bug_keeps_its_stack_trace() -> None:
    with pytest.raises(KeyError), bigquery_client.errors(CannotStart, WHERE, None):
        raise KeyError("x")


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The way in which Google's library finds none without asking the network."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "gone.json"))


@pytest.mark.usefixtures("no_credentials")
@pytest.mark.parametrize(
    ("main", "code", "flags"),
    [
        (tables.main, 3, ["create"]),
        (tables.main, 3, ["diff"]),
        (tables.main, 3, ["check"]),
        (dead_letters.main, 3, ["list"]),
    ],
)
def test_tool_without_credentials_says_so(
    main: Callable[[list[str]], int],
    code: int,
    flags: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*flags, f"--bigquery_dataset={WHERE}"]) == code

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: no credentials for BigQuery: ")


@pytest.mark.usefixtures("no_credentials")
def test_start_and_rollout_without_credentials_say_so() -> None:
    with pytest.raises(CannotStart, match="no credentials for BigQuery"):
        HeldTables(BigQuerySink("my-project", "payments"), None)
    with pytest.raises(RolloutError, match="no credentials for BigQuery"):
        Rollout(Topics("broker:9092", ("payments",), {}), WHERE, None)


@pytest.mark.parametrize("main", [reconcile.main, health.main])
def test_misspelt_setting_of_kafka_ends_a_tool_at_once(
    main: Callable[[list[str]], int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "kafka.properties"
    file.write_text("security.protocl=SASL_SSL\n")
    monkeypatch.setattr(kafka_client, "consumer", None)  # nobody connects

    flags = [
        "--kafka_bootstrap_servers=broker:9092",
        "--kafka_topics=payments",
        f"--bigquery_dataset={WHERE}",
        f"--kafka_config_file={file}",
    ]

    assert exit_code(main, flags) == 2
    assert "did you mean security.protocol?" in capsys.readouterr().err


def exit_code(main: Callable[[list[str]], int], flags: list[str]) -> int:
    """Returns how the program would end, whether argparse ended it or not."""
    try:
        return main(flags)
    except SystemExit as ended:
        return int(str(ended.code))


class Admin:
    """A broker's answer, as kafka-python hands it on (see tests/integration/test_kafka_rights)."""

    def __init__(self, error_code: int, held: list[str] | None) -> None:
        self._answer = {
            "name": "payments",
            "error_code": error_code,
            "authorized_operations": held,
        }

    def describe_topics(self, topics: list[str]) -> list[dict[str, object]]:
        return [self._answer]


@pytest.mark.parametrize(
    ("error_code", "held", "named"),
    [
        (29, None, "missing READ."),
        (0, ["DESCRIBE"], "missing DESCRIBE_CONFIGS and READ"),
        (0, ["DESCRIBE", "READ"], "missing DESCRIBE_CONFIGS."),
        (0, ["DESCRIBE", "DESCRIBE_CONFIGS"], "missing READ."),
    ],
)
def test_right_on_a_topic_that_is_missing_is_named(
    error_code: int, held: list[str] | None, named: str
) -> None:
    assert named in str(kafka_rights.missing(Admin(error_code, held), ["payments"]))


@pytest.mark.parametrize(("error_code", "held"), [(3, None), (0, ["READ", "DESCRIBE_CONFIGS"])])
def test_control_nothing_is_missing(error_code: int, held: list[str] | None) -> None:
    assert kafka_rights.missing(Admin(error_code, held), ["payments"]) is None


def test_what_kafka_raises_is_told_in_a_line() -> None:
    told = kafka_rights.told("broker:9092", ClusterAuthorizationFailedError("idempotent\nsends"))

    assert told.startswith("Kafka at broker:9092 refused, because the user is missing a right: ")
    assert "\n" not in told
    assert "KafkaTimeoutError: slow" in kafka_rights.told("b:1", KafkaTimeoutError("slow"))
