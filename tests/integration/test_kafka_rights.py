"""A real broker with TLS, logins and rights: what is missing or does not fit is told in a line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from operations import kafka_client
from operations.errors import CannotStart
from pipeline.launch import preflight, start_offsets
from simulator.produce import ProduceError, Publisher
from tests.integration.broker_process import Broker
from tests.support import java_program
from transforms.kafka.connection import for_kafka_python
from transforms.kafka.properties import load
from transforms.read_kafka import KafkaSource, OffsetRange

pytestmark = [pytest.mark.integration, java_program.needs_jars]

GROUP = "payments-test"
USERS = ("seer", "reader", "knower", "job")
RIGHTS = {
    "seer": [ACLOperation.DESCRIBE],
    "reader": [ACLOperation.READ],
    "knower": [ACLOperation.DESCRIBE_CONFIGS],
    "job": [ACLOperation.READ, ACLOperation.DESCRIBE_CONFIGS],
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("broker"), (*USERS, "nobody"))
    try:
        broker.create_topic("payments")
        topic = ResourcePattern(ResourceType.TOPIC, "payments")
        group = ResourcePattern(ResourceType.GROUP, GROUP)
        grant(broker, [(user, right, topic) for user in USERS for right in RIGHTS[user]])
        grant(broker, [("job", ACLOperation.READ, group)])
        yield broker
    finally:
        broker.end()


def grant(broker: Broker, rights: list[tuple[str, ACLOperation, ResourcePattern]]) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.plain)
    try:
        made = admin.create_acls(
            [
                ACL(f"User:{user}", "*", right, ACLPermissionType.ALLOW, resource)
                for user, right, resource in rights
            ]
        )
    finally:
        admin.close()
    assert not made["failed"]


@pytest.fixture
def source(broker: Broker, tmp_path: Path) -> Callable[[str], KafkaSource]:
    """Returns what a job of the user reads."""

    def of(user: str) -> KafkaSource:
        file = tmp_path / user
        file.write_text(broker.settings(user))
        return KafkaSource(broker.secure, ("payments",), properties=load(file), group=GROUP)

    return of


@pytest.mark.parametrize(
    ("user", "named"),
    [
        ("nobody", "missing READ."),
        ("seer", "missing DESCRIBE_CONFIGS and READ"),
        ("reader", "missing DESCRIBE_CONFIGS."),
        ("knower", "missing READ."),
    ],
)
def test_missing_right_is_named_before_it_is_submitted(
    source: Callable[[str], KafkaSource], user: str, named: str
) -> None:
    with pytest.raises(preflight.PreflightError) as told:
        preflight._check_topics(source(user))

    assert named in str(told.value)
    assert "\n" not in str(told.value) and "secret" not in str(told.value)


def test_job_with_its_rights_passes(source: Callable[[str], KafkaSource]) -> None:
    """Control of the one above and of the one below."""
    of_job = source("job")

    preflight._check_topics(of_job)
    start_offsets.commit(of_job, [OffsetRange("payments", 0, 0, 0)])
    assert {each.offset for each in start_offsets._committed(of_job).values()} == {0}


def test_group_that_a_user_may_not_read_is_named(source: Callable[[str], KafkaSource]) -> None:
    with pytest.raises(CannotStart) as told:
        start_offsets.commit(source("reader"), [OffsetRange("payments", 0, 0, 0)])

    assert "needs READ on that group" in str(told.value) and GROUP in str(told.value)
    assert "\n" not in str(told.value)


def test_simulator_that_may_not_write_says_so(
    broker: Broker, source: Callable[[str], KafkaSource]
) -> None:
    connection = for_kafka_python(broker.secure, source("nobody").properties)

    with pytest.raises(ProduceError, match="TopicAuthorizationFailed") as told:
        Publisher(broker.secure, "payments", connection)

    assert "\n" not in str(told.value)


# --- Connections that do not fit ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param(None, "does --kafka_config_file fit its listener?", id="no TLS"),
        pytest.param(
            {"security_protocol": "SSL", "sasl_mechanism": None, "sasl_jaas_config": None},
            "does --kafka_config_file fit its listener?",
            id="no login",
        ),
        pytest.param({"ssl_truststore_location": "other"}, "VERIFY_FAILED", id="other authority"),
        pytest.param(
            {"ssl_truststore_location": None, "ssl_truststore_type": None},
            "VERIFY_FAILED",
            id="authorities of the machine",
        ),
        pytest.param({"ssl_truststore_location": "empty"}, "no certificate", id="empty file"),
        pytest.param({"sasl_mechanism": "SCRAM-SHA-512"}, "UnsupportedSasl", id="mechanism"),
    ],
)
def test_connection_that_does_not_fit_is_told_and_never_made_weaker(
    broker: Broker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, str | None] | None,
    words: str,
) -> None:
    monkeypatch.setattr(kafka_client, "BROKER_TIMEOUT_MS", 2_500)
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other"))
    (tmp_path / "empty").write_text("")
    file = tmp_path / "settings"
    if changes is None:
        file.write_text("")
    else:
        paths = {name: str(tmp_path / value) for name, value in changes.items() if value in PEMS}
        file.write_text(broker.settings("job", **{**changes, **paths}))
    begun_at = time.monotonic()

    with pytest.raises(kafka_client.Unreachable) as told:
        kafka_client.admin(broker.secure, load(file))

    assert time.monotonic() - begun_at < 10
    assert words in str(told.value)
    assert "\n" not in str(told.value) and "job-secret" not in str(told.value)


PEMS = ("other", "empty")


def test_protocol_in_another_case_is_as_strong(broker: Broker, tmp_path: Path) -> None:
    """kafka-python takes a protocol that it does not know for none: no TLS, no login."""
    file = tmp_path / "settings"
    file.write_text(broker.settings("job", security_protocol="sasl_ssl", sasl_mechanism="plain"))

    admin = kafka_client.admin(broker.secure, load(file))
    try:
        assert list(admin.list_topics()) == ["payments"]
    finally:
        admin.close()
