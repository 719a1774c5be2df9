"""The peers' assumptions about this pipeline's tables and payments hold."""

import json
import re
from pathlib import Path

import pytest

from benchmarks.contestants import CONTESTANTS
from benchmarks.meter import Reading
from benchmarks.peers import flink_bigquery
from sandbox.layout import REPOSITORY
from simulator.generate import CURRENCIES
from transforms.payment.rules import MINOR_DIGITS

JOB = Path(flink_bigquery.__file__).parent / "flink_bigquery_job/src/KeepFirstIntoBigQuery.java"
FLINK_TYPES = {
    "STRING": "STRING",
    "INT64": "BIGINT",
    "NUMERIC": "DECIMAL(38, 9)",
    "TIMESTAMP": "TIMESTAMP(6)",
}


def sql_of(constant: str) -> str:
    """Returns a statement of the job, its parts in quotes put together."""
    _, _, text = JOB.read_text().partition(f"String {constant} =")
    return "".join(re.findall(r'"([^"]*)"', text.partition(";")[0]))


def test_connector_that_goes_by_position_is_given_every_column_in_its_place() -> None:
    schema = json.loads((REPOSITORY / "sql/transactions/schema.json").read_text())
    columns, _, _ = sql_of("SINK").partition("(")[2].partition(") WITH")

    assert columns == ", ".join(f"{each['name']} {FLINK_TYPES[each['type']]}" for each in schema)


@pytest.mark.parametrize("currency", CURRENCIES)
def test_job_knows_the_minor_digits_of_every_currency_that_is_sent(currency: str) -> None:
    query = sql_of("KEEP_FIRST")
    units = dict(re.findall(r"WHEN '(\w+)' THEN ([\d.]+)", query))
    [other] = re.findall(r"ELSE ([\d.]+) END", query)

    assert float(units.get(currency, other)) == 10.0 ** -MINOR_DIGITS[currency]


def test_rate_into_a_table_ends_with_the_last_commit() -> None:
    # A fifth had been handed over at second 2, the rest by second 6; all was there at second 10.
    handed = Reading(((1.0, 100), (2.0, 100), (6.0, 800)))
    queryable = Reading(((5.0, 300), (10.0, 700)))

    assert flink_bigquery.rate_into_table(handed, queryable, 0.2) == pytest.approx(800 / 8)


def test_empty_table_has_no_rate() -> None:
    assert flink_bigquery.rate_into_table(Reading(((1.0, 9),)), Reading(()), 0.2) == 0.0
    assert flink_bigquery.rate_into_table(Reading(()), Reading(()), 0.2) == 0.0


def test_contestants_are_told_apart_by_name() -> None:
    assert len({each.name for each in CONTESTANTS}) == len(CONTESTANTS)
