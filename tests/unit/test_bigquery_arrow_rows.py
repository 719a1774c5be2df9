"""Every value of every column, against rows that are made one by one and by no clever means."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.bigquery import arrow_rows
from transforms.bigquery.arrow_rows import ENCODERS
from transforms.payment import rules
from transforms.payment.dead_letter import DeadLetter
from transforms.payment.dedup_policy import FirstSeen, RepeatedRecord
from transforms.payment.fields import Declared, fields_of
from transforms.payment.fraud_rules import Features, FraudAlert, Indicator
from transforms.payment.skipped import SkippedRange
from transforms.payment.tables import TABLES
from transforms.payment.transaction import ReplayOf, Transaction
from transforms.total_by_minute import MinuteTotal

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_CURRENCIES = sorted(rules.MINOR_DIGITS)
Row = dict[str, Any]

amounts = st.integers(1, rules.AMOUNT_MINOR_MAX)
sums = st.integers(0, 10**28)
currencies = st.sampled_from(_CURRENCIES)
moments_us = st.integers(0, 253_402_300_799_999_999)  # to the end of 9999, BigQuery's last
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
longs = st.integers(0, 2**63 - 1)
BY_TYPE = {
    "STRING": texts,
    "INT64": st.integers(-(2**63), 2**63 - 1),
    "FLOAT64": st.floats(-1e300, 1e300),
    "NUMERIC": sums,
    "TIMESTAMP": moments_us,
}


def later_of(kind: type) -> list[Declared]:
    """Returns the fields whose columns came later: of any type, and they may be None."""
    return [each for each in fields_of(kind) if each.column.added]


def values_of(kind: type) -> dict[str, st.SearchStrategy]:
    return {each.name: st.none() | BY_TYPE[each.column.type] for each in later_of(kind)}


replays = st.none() | st.builds(ReplayOf, texts, longs, longs, moments_us)
payments = st.builds(
    Transaction, texts, texts, texts, texts, amounts, currencies, moments_us, st.none() | texts,
    st.none() | texts, texts, longs, longs, moments_us, replays, **values_of(Transaction),
)  # fmt: skip
firsts = st.builds(FirstSeen, st.none(), texts, longs, longs, moments_us)
spreads = st.none() | st.floats(0, 1e30)
features = st.builds(
    Features, longs, sums, longs, sums, longs, st.floats(0, 1e15), spreads,
    st.none() | st.floats(-1e300, 1e300), longs, st.none() | texts, st.none() | moments_us, longs,
    **values_of(Features),
)  # fmt: skip
letters = st.builds(
    DeadLetter, texts, longs, longs, moments_us, st.none() | st.binary(max_size=9),
    st.none() | st.binary(max_size=9), texts, texts, texts, replays,
    st.none() | texts,
)  # fmt: skip
minutes_us = st.integers(0, 4_223_371_678).map(lambda minute: minute * 60_000_000)
totals = st.builds(MinuteTotal, texts, minutes_us, currencies, longs, sums, texts, longs)
ranges = st.builds(SkippedRange, texts, longs, longs, longs, texts, longs, moments_us, moments_us)
raised = st.builds(
    FraudAlert, st.sampled_from(Indicator), payments, st.none() | features, st.none() | firsts
)


def moment(micros: int | None) -> dt.datetime | None:
    return None if micros is None else _EPOCH + dt.timedelta(microseconds=micros)


def later_row(kind: type, found: Any, currency: str) -> Row:
    row = {}
    for field in later_of(kind):
        value = None if found is None else getattr(found, field.name)
        if field.column.type == "TIMESTAMP":
            value = moment(value)
        elif field.column.type == "NUMERIC" and value is not None:
            value = exact(value, currency)
        row[field.column.name] = value
    return row


def payment_row(payment: Transaction) -> Row:
    return later_row(Transaction, payment, payment.currency) | {
        "transaction_id": payment.transaction_id,
        "account_id": payment.account_id,
        "merchant_id": payment.merchant_id,
        "payment_type": payment.payment_type,
        "amount": rules.amount_of(payment.amount_minor, payment.currency),
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "event_time": moment(payment.event_time_us),
        "country": payment.country,
        "device_id": payment.device_id,
    }


def lineage_row(carrier: Transaction | DeadLetter) -> Row:
    replay = carrier.replay_of
    return {
        "kafka_topic": carrier.topic,
        "kafka_partition": carrier.partition,
        "kafka_offset": carrier.offset,
        "broker_time": moment(carrier.broker_time_us),
        "replay_of_topic": replay and replay.topic,
        "replay_of_partition": replay and replay.partition,
        "replay_of_offset": replay and replay.offset,
        "original_time": replay and moment(replay.original_time_us),
    }


def first_row(first: FirstSeen | None) -> Row:
    return {
        "first_topic": first and first.topic,
        "first_partition": first and first.partition,
        "first_offset": first and first.offset,
        "first_broker_time": first and moment(first.broker_time_us),
    }


def letter_row(letter: DeadLetter) -> Row:
    named = ("reason", "detail", "step", "key", "payload", "headers")
    return {name: getattr(letter, name) for name in named} | lineage_row(letter)


def total_row(total: MinuteTotal) -> Row:
    return {
        "window_start": moment(total.window_start_us),
        "window_end": moment(total.window_start_us + 60_000_000),
        "currency": total.currency,
        "payment_count": total.payment_count,
        "amount": exact(total.amount_minor, total.currency),
        "pane_timing": total.pane_timing,
        "pane_index": total.pane_index,
        "run_id": total.run_id,
    }


def exact(minor: int, currency: str) -> Decimal:
    # Not rules.amount_of: the default context of Decimal has 28 digits, and sums have more.
    digits = rules.MINOR_DIGITS[currency]
    whole, part = divmod(minor, 10**digits)
    return Decimal(f"{whole}.{part:0{digits}d}" if digits else whole)


def feature_row(found: Features | None, currency: str) -> Row:
    return later_row(Features, found, currency) | {
        "count_10min": found and found.count_10min,
        "amount_10min": found and exact(found.amount_minor_10min, currency),
        "count_1h": found and found.count_1h,
        "amount_1h": found and exact(found.amount_minor_1h, currency),
        "baseline_count": found and found.baseline_count,
        "baseline_mean_minor": found and found.baseline_mean_minor,
        "baseline_stddev_minor": found and found.baseline_stddev_minor,
        "z_score": found and found.z_score,
        "small_count_10min": found and found.small_count_10min,
        "previous_country": found and found.previous_country,
        "previous_event_time": found and moment(found.previous_event_time_us),
        "known_devices": found and found.known_devices,
    }


def raised_row(each: FraudAlert) -> Row:
    return {
        "indicator": each.indicator.value,
        **payment_row(each.transaction),
        **feature_row(each.features, each.transaction.currency),
        **first_row(each.first),
        **lineage_row(each.transaction),
    }


def paid_row(each: Transaction) -> Row:
    return payment_row(each) | lineage_row(each)


def copy_row(each: RepeatedRecord) -> Row:
    return payment_row(each.transaction) | first_row(each.first) | lineage_row(each.transaction)


copies = st.builds(RepeatedRecord, payments, firsts)


def range_row(span: SkippedRange) -> Row:
    return {
        "kafka_topic": span.topic,
        "kafka_partition": span.partition,
        "first_offset": span.first_offset,
        "last_offset": span.last_offset,
        "rule": span.rule,
        "record_count": span.record_count,
        "broker_time": moment(span.broker_time_us),
        "last_broker_time": moment(span.last_broker_time_us),
    }


CASES: dict[str, tuple[st.SearchStrategy, Callable[[Any], Row]]] = {
    "transactions": (payments, paid_row),
    "late_transactions": (payments, paid_row),
    "duplicates": (copies, copy_row),
    "conflicts": (copies, copy_row),
    "dead_letters": (letters, letter_row),
    "skipped_records": (ranges, range_row),
    "totals_by_minute": (totals, total_row),
    "fraud_indicators": (raised, raised_row),
}


def test_every_table_is_encoded() -> None:
    assert ENCODERS.keys() == CASES.keys() == {table.name for table in TABLES}


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=50)
@given(data=st.data())
def test_rows_are_those_made_one_by_one(name: str, data: st.DataObject) -> None:
    strategy, row_of = CASES[name]
    elements = data.draw(st.lists(strategy, min_size=1, max_size=4))
    before = dt.datetime.now(dt.UTC) - dt.timedelta(milliseconds=1)
    batch = ENCODERS[name].encode(elements, "1.2.3")

    batch.validate(full=True)
    rows = batch.to_pylist()
    for row, element in zip(rows, elements, strict=True):
        assert row.pop("pipeline_version") == "1.2.3"
        assert before <= row.pop("ingested_at") <= dt.datetime.now(dt.UTC)
        assert row == row_of(element)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_columns_and_whether_they_may_be_null_are_the_tables(table) -> None:
    schema = ENCODERS[table.name].schema
    assert [(each.name, each.nullable) for each in schema] == [
        (each.name, each.nullable) for each in table.columns
    ]


def test_rows_come_back_from_what_is_sent() -> None:
    payment = Transaction("t", "a", "m", "purchase", 10**15, "JPY", 0, None, None, "k", 0, 0, 1)
    batch = ENCODERS["transactions"].encode([payment] * 3, "v")
    sent = pa.py_buffer(batch.serialize().to_pybytes())
    assert pa.ipc.read_record_batch(sent, batch.schema).equals(batch)


# --- Money ----------------------------------------------------------------------------------------


@given(st.lists(st.tuples(amounts, currencies), min_size=1))
def test_payments_amounts_are_exact(paid: list[tuple[int, str]]) -> None:
    found = arrow_rows.numeric(*zip(*paid, strict=True))
    assert found.to_pylist() == [exact(*each) for each in paid]


@given(st.lists(st.tuples(st.integers(-(10**27), 10**27), currencies), min_size=1))
def test_sums_of_any_size_and_sign_are_exact(summed: list[tuple[int, str]]) -> None:
    found = arrow_rows.numeric(*zip(*summed, strict=True))
    scaled = [int(each.scaleb(9, _WIDE)) for each in found.to_pylist()]
    assert scaled == [minor * 10 ** (9 - rules.MINOR_DIGITS[code]) for minor, code in summed]


_WIDE = Context(prec=60)


def test_the_limits_of_every_currency_are_exact() -> None:
    limits = [0, 1, 2**32 - 1, 2**32, 10**15, 2**53 + 1, 2**62 - 1]
    both_ways = (limits, [*limits, 2**62, 2**64, 2**64 + 1])
    for amounts_minor, currency in itertools.product(both_ways, _CURRENCIES):
        found = arrow_rows.numeric(amounts_minor, [currency] * len(amounts_minor))
        assert found.to_pylist() == [exact(each, currency) for each in amounts_minor]


def test_an_unknown_currency_and_a_number_too_large_are_errors() -> None:
    with pytest.raises(KeyError):
        arrow_rows.numeric([1], ["XXXX"])
    with pytest.raises(OverflowError):
        arrow_rows.numeric([2**127], ["JPY"])
