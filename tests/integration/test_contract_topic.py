"""A contract is tried on a topic of a real broker: key, headers and times as they come."""

from __future__ import annotations

import json
import uuid

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from operations.contract.command import main
from tests.support.contract_records import CONTRACTS, Paid, cloudevents

pytestmark = pytest.mark.integration


def test_newest_records_of_a_topic_are_checked(sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    servers, topic = sandbox.endpoints()["kafka"], f"events-{uuid.uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=servers)
    admin.create_topics([NewTopic(topic, 2, 1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=servers)
    for number in range(40):
        paid = Paid(f"/shop#{number}", "a", "shop", 1250, "EUR", 1_795_421_730_250_000)
        record = cloudevents(paid)
        headers = list(record.headers)
        producer.send(topic, record.payload, key=b"k", headers=headers, partition=number % 2)
    producer.send(topic, b"?", headers=headers, partition=0)
    producer.flush()
    producer.close()

    flags = [f"--topic={topic}", f"--kafka_bootstrap_servers={servers}", "--records=15", "--json"]
    assert main(["check", str(CONTRACTS / "cloudevents.yaml"), *flags]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["outcomes"] == {"accepted": 29, "invalid": 1, "skipped": 0}
    assert found["invalid"]["not_json"]["place"] == f"{topic}[0]@20"
