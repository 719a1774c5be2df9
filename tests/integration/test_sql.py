"""Every view, asked on the stand-in about a history whose answers are known."""

from decimal import Decimal

import pytest

from tests.support.sql_dataset import Dataset
from tests.support.sql_history import (
    DAY,
    NEXT_DAY,
    RIGHT,
    TX_1,
    Record,
    accepted,
    at,
    late,
    pane,
)

pytestmark = pytest.mark.integration

NOTHING = Decimal(0)


@pytest.fixture(scope="module")
def history(sandbox) -> Dataset:
    dataset = Dataset(sandbox.endpoints()["bigquery"], "sql_history")
    dataset.make()
    dataset.insert(RIGHT)
    return dataset


def test_records_says_how_each_record_ended(history: Dataset) -> None:
    answer = history.ask(
        "records", "kafka_partition, kafka_offset, outcome, transaction_id, reason"
    )

    assert answer == [
        (0, 0, "accepted", "tx-1", None),
        (0, 1, "duplicate", "tx-1", None),
        (0, 2, "conflict", "tx-1", None),
        (0, 3, "accepted", "tx-2", None),
        (0, 4, "invalid", None, "unknown_currency"),
        (0, 5, "late", "tx-3", None),
        (0, 6, "accepted", "tx-7", None),
        (1, 100, "accepted", "tx-4", None),
        (1, 101, "invalid", None, "tombstone"),
        (1, 102, "accepted", "tx-5", None),
        (1, 103, "invalid", None, "amount_not_positive"),
        (1, 104, "accepted", "tx-6", None),
    ]


@pytest.mark.parametrize(
    ("view", "first", "second"),
    [
        ("reconciliation_hourly", at("10:00:00"), at("11:00:00", NEXT_DAY)),
        ("reconciliation_daily", DAY.date(), NEXT_DAY.date()),
    ],
)
def test_reconciliation_counts_each_outcome(history: Dataset, view, first, second) -> None:
    answer = history.ask(view)

    # records; accepted, duplicate, conflict, late, invalid, skipped; offsets, distinct; ids,
    # missing, double
    assert answer == [
        (first, "payments", 0, 7, 3, 1, 1, 1, 1, 0, 0, 6, 7, 3, 0, 0, True),
        (first, "payments", 1, 2, 1, 0, 0, 0, 1, 0, 100, 101, 2, 1, 0, 0, True),
        (second, "payments", 1, 5, 2, 0, 0, 0, 1, 2, 102, 106, 5, 2, 0, 0, True),
    ]


def test_skipped_records_are_counted_by_rule(history: Dataset) -> None:
    begin, end = at("11:03:00", NEXT_DAY), at("11:03:30", NEXT_DAY)

    assert history.ask("skipped_by_rule") == [
        (NEXT_DAY.date(), "payments", "state=open", 2, 1, begin, end)
    ]


def test_sums_daily_says_what_was_counted_and_what_kept_out(history: Dataset) -> None:
    today, tomorrow = DAY.date(), NEXT_DAY.date()
    only = (0, NOTHING, 0, NOTHING, 0, NOTHING)

    assert history.ask("sums_daily") == [
        (
            *(today, "EUR", 2, Decimal("13.5"), 1, Decimal("12.5")),
            *(1, Decimal("99"), 1, Decimal("7")),
        ),
        (today, "JPY", 1, Decimal("500"), *only),
        (today, "KWD", 1, Decimal("1.25"), *only),
        (tomorrow, "EUR", 1, Decimal("20"), *only),
        (tomorrow, "KWD", 1, Decimal("3"), *only),
    ]


def test_effectiveness_says_what_deduplication_has_stopped(history: Dataset) -> None:
    assert history.ask("effectiveness") == [
        ("EUR", 3, Decimal("33.5"), 1, Decimal("12.5"), 1, Decimal("99")),
        ("JPY", 1, Decimal("500"), 0, NOTHING, 0, NOTHING),
        ("KWD", 2, Decimal("4.25"), 0, NOTHING, 0, NOTHING),
    ]


def test_totals_latest_takes_the_last_pane_and_adds_corrections(history: Dataset) -> None:
    columns = "window_start, currency, payment_count, amount, pane_timing, corrections"

    assert history.ask("totals_by_minute_latest", columns) == [
        (at("09:59:00"), "EUR", 2, Decimal("13.5"), "late", 0),
        (at("10:00:00"), "JPY", 1, Decimal("500"), "on_time", 0),
        (at("10:04:00"), "EUR", 1, Decimal("20"), None, 1),
        (at("10:07:00"), "KWD", 2, Decimal("4.25"), "on_time", 1),
    ]


def test_totals_latest_takes_the_pane_written_last_of_two_with_one_index(history: Dataset) -> None:
    earlier = pane("09:59:00", "EUR", 9, "99.00", "late", 2, sec=119)
    later = pane("10:00:00", "JPY", 3, "700", "on_time", 0, sec=121)

    with history.tampered([earlier, later]):
        answer = history.ask("totals_by_minute_latest", "window_start, currency, amount")

    assert answer[:2] == [
        (at("09:59:00"), "EUR", Decimal("13.5")),
        (at("10:00:00"), "JPY", Decimal("700")),
    ]


def test_conflict_stands_beside_the_accepted_version(history: Dataset) -> None:
    [answer] = history.ask(
        "conflicts_beside_accepted",
        "transaction_id, differs_in, amount, accepted_amount, merchant_id, accepted_merchant_id, "
        "kafka_offset, first_offset",
    )

    assert answer == (
        *("tx-1", "amount, payee", Decimal("99"), Decimal("12.5"), "shop-2", "shop-1"),
        *(2, 0),
    )


def test_replays_link_each_dead_letter_to_its_second_fate(history: Dataset) -> None:
    answer = history.ask(
        "replays",
        "replay_of_partition, replay_of_offset, rejected_for, first_broker_time, second_fate, "
        "rejected_again_for, transaction_id, kafka_offset, genuine",
    )

    first, then = at("10:05:00"), at("10:07:02")
    assert answer == [
        (0, 4, "unknown_currency", first, "accepted", None, "tx-5", 102, True),
        (1, 101, "tombstone", then, "invalid", "amount_not_positive", None, 103, True),
        (1, 103, "amount_not_positive", then, "accepted", None, "tx-6", 104, True),
    ]


def test_runs_current_is_the_newest_that_took_the_tables(history: Dataset) -> None:
    answer = history.ask("runs_current", "run_id, launched_by, shards")

    assert answer == [("run-3", "ops@launcher", 8)]


def test_dead_letters_are_counted_by_reason(history: Dataset) -> None:
    columns = "day, reason, records, sent_again, first_broker_time"

    assert history.ask("dead_letters_by_reason", columns) == [
        (DAY.date(), "tombstone", 1, 1, at("10:07:02")),
        (DAY.date(), "unknown_currency", 1, 1, at("10:05:00")),
        (NEXT_DAY.date(), "amount_not_positive", 1, 1, at("11:01:00", NEXT_DAY)),
    ]


def test_lateness_is_measured_by_the_first_arrival(history: Dataset) -> None:
    assert history.ask("lateness_distribution") == [
        ("1: up to 1 s", 3, 0, pytest.approx(3 / 9), 1_000),
        ("2: up to 10 s", 3, 0, pytest.approx(3 / 9), 7_000),
        ("3: up to 1 min", 1, 0, pytest.approx(1 / 9), 12_000),
        ("4: up to 10 min", 1, 0, pytest.approx(1 / 9), 391_000),
        ("6: up to 1 day", 1, 1, pytest.approx(1 / 9), 5_760_000),
    ]


def test_duplicate_rate_warns_above_two_percent(history: Dataset) -> None:
    assert history.ask("duplicate_rate") == [
        (at("10:00:00"), 6, 1, pytest.approx(1 / 6), True),
        (at("11:00:00", NEXT_DAY), 2, 0, 0.0, False),
    ]


def test_transactions_unique_are_all_when_nothing_is_twice(history: Dataset) -> None:
    answer = history.ask("transactions_unique", "transaction_id, kafka_partition, kafka_offset")

    assert answer == [
        ("tx-1", 0, 0),
        ("tx-2", 0, 3),
        ("tx-4", 1, 100),
        ("tx-5", 1, 102),
        ("tx-6", 1, 104),
        ("tx-7", 0, 6),
    ]


@pytest.mark.parametrize(
    "view", ["duplicate_ids", "offset_gaps", "offset_overlaps", "totals_difference"]
)
def test_right_history_has_none(history: Dataset, view: str) -> None:
    assert history.ask(view) == []


def test_control_a_wrong_history_shows_in_the_same_views(history: Dataset) -> None:
    wrong = [
        accepted(TX_1, Record(0, 7, "10:08:00")),  # counted again
        late(TX_1, Record(0, 3, "10:00:21")),  # an offset with two outcomes
        late(TX_1, Record(0, 10, "10:09:00")),  # two offsets before it in no table
    ]

    with history.tampered(wrong):
        twice = history.ask("duplicate_ids", "transaction_id, copies, places, versions, apart_sec")
        unique = history.ask(
            "transactions_unique", "transaction_id, kafka_offset, pipeline_version"
        )
        overlaps = history.ask("offset_overlaps", "kafka_partition, kafka_offset, copies, outcomes")
        gaps = history.ask("offset_gaps")
        hours = history.ask("reconciliation_hourly")
        differences = history.ask("totals_difference")

    assert twice == [("tx-1", 2, 2, 1, 480)]
    assert len(unique) == 6 and unique[0] == ("tx-1", 0, "1.0")
    assert overlaps == [(0, 3, 2, "accepted, late")]
    assert gaps == [("payments", 0, 8, 9, 2, at("10:08:00"), at("10:09:00"))]
    first = (at("10:00:00"), "payments", 0, 10, 4, 1, 1, 3, 1, 0, 0, 10, 9, 3, 2, 1, False)
    assert hours[0] == first and all(balanced for *_, balanced in hours[1:])
    sums = (Decimal("26"), Decimal("13.5"))
    assert differences == [(at("09:59:00"), "EUR", 3, 2, *sums, True)]
