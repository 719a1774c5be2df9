"""A record larger than any row of BigQuery is in the books like every other; the job continues."""

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from harness.e2e_run import E2ERun
from operations import bigquery_client
from operations.reconcile.command import reconcile
from operations.reconcile.settings import Dataset, ReconcileConfig, Topics
from tests.support.payments import payload
from transforms.payment.dead_letter import KEPT_BYTES_MAX, Reason

pytestmark = pytest.mark.integration

MIB = 1 << 20
RECORD_BYTES_MAX = 32 * MIB


def test_record_of_24_mib_is_a_dead_letter_that_fits_its_table(e2e_run: E2ERun) -> None:
    endpoints = e2e_run.endpoints
    topic = f"{e2e_run.name}_large"
    admin = KafkaAdminClient(bootstrap_servers=endpoints["kafka"])
    settings = {
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(RECORD_BYTES_MAX),
    }
    admin.create_topics([NewTopic(topic, 1, 1, topic_configs=settings)])
    admin.close()
    producer = KafkaProducer(
        bootstrap_servers=endpoints["kafka"], max_request_size=RECORD_BYTES_MAX, acks="all"
    )
    producer.send(topic, b"[" * 12 * MIB, b"k" * 12 * MIB).get(60)
    producer.send(topic, payload(), b"next").get(60)
    producer.close()

    e2e_run.run_direct([f"--kafka_topics={topic}"])

    report = reconcile(
        ReconcileConfig(
            Topics(endpoints["kafka"], (topic,)),
            Dataset(endpoints["project"], e2e_run.name, endpoints["bigquery"]),
        )
    )
    assert report.balanced, report.text()
    assert report.counts.read == 2
    client = bigquery_client.connect(endpoints["project"], endpoints["bigquery"])
    query = (
        "SELECT reason, LENGTH(key), LENGTH(payload), detail, kafka_offset "
        f"FROM `{endpoints['project']}.{e2e_run.name}.dead_letters`"
    )
    [(reason, key_bytes, payload_bytes, detail, offset)] = client.query(query).result()
    assert (reason, offset) == (Reason.TOO_LARGE.value, 0)
    assert key_bytes == payload_bytes == KEPT_BYTES_MAX
    assert f"of {12 * MIB} bytes, sha256" in detail
