"""Computes the fraud indicators that a dataset must hold, by the pure rules."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from google.cloud import bigquery

from harness.e2e_run import E2ERun
from operations import bigquery_client
from tests.support import fraud_reference
from tests.support.payments import SECOND_US
from transforms.payment.cells import COLUMN_OF, made_of, selected
from transforms.payment.fraud_rules import FraudRules

_PAYMENTS = f"""
SELECT {selected(COLUMN_OF.values())}
FROM `{{dataset}}.transactions`
ORDER BY broker_time, kafka_topic, kafka_partition, kafka_offset
"""
_INDICATORS = """
SELECT indicator, transaction_id, count_10min, count_1h, z_score,
  known_devices
FROM `{dataset}.fraud_indicators` WHERE indicator <> 'conflict'
"""
_CONFLICTS = """
SELECT
  (SELECT COUNT(*) FROM `{dataset}.conflicts`),
  (SELECT COUNT(*) FROM `{dataset}.fraud_indicators` WHERE indicator = 'conflict'),
  (SELECT COUNT(*) FROM `{dataset}.fraud_indicators` AS i JOIN `{dataset}.conflicts` AS c
    USING (kafka_topic, kafka_partition, kafka_offset) WHERE i.indicator = 'conflict')
"""
Told = list[tuple[Any, ...]]


def assert_indicators_are_those_of_the_rules(e2e_run: E2ERun, wait_sec: float) -> None:
    """Compares, once all have come or `wait_sec` have passed; indicators follow the payments."""
    endpoints = e2e_run.endpoints
    client = bigquery_client.connect(endpoints["project"], endpoints["bigquery"])
    dataset = f"{endpoints['project']}.{e2e_run.name}"
    expected = sorted(_by_rules(client, dataset))
    assert expected, "nothing to compare: the traffic raises no indicator"
    deadline = time.monotonic() + wait_sec
    while (told := _told(client, dataset)) != expected and time.monotonic() < deadline:
        time.sleep(1)

    assert [row[:2] for row in told] == [row[:2] for row in expected]
    assert told == expected
    [[conflicts, raised, of_conflicts]] = _query(client, _CONFLICTS, dataset)
    assert conflicts == raised == of_conflicts


def _by_rules(client: bigquery.Client, dataset: str) -> Iterator[tuple[Any, ...]]:
    rules = FraudRules(86_400 * SECOND_US)
    payments = map(made_of(tuple(COLUMN_OF)), _query(client, _PAYMENTS, dataset))
    for each in fraud_reference.judge_all(rules, payments):
        assert each.features is not None
        yield (
            each.indicator.value,
            each.transaction.transaction_id,
            each.features.count_10min,
            each.features.count_1h,
            each.features.z_score is not None and round(each.features.z_score, 6),
            each.features.known_devices,
        )


def _told(client: bigquery.Client, dataset: str) -> Told:
    return sorted(
        (indicator, id_, count_10min, count_1h, z_score is not None and round(z_score, 6), devices)
        for indicator, id_, count_10min, count_1h, z_score, devices in _query(
            client, _INDICATORS, dataset
        )
    )


def _query(client: bigquery.Client, sql: str, dataset: str) -> Iterator[list[Any]]:
    for row in client.query(sql.format(dataset=dataset)).result():
        yield list(row.values())
