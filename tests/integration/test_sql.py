"""Every view and every check, asked on the stand-in about a history whose answers are known."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal

import pytest
from google.cloud import bigquery

from pipeline import clients, tables
from pipeline.warehouse import bigquery_views, sql_files
from pipeline.warehouse.run_checks import run_checks
from tests.support.sql_history import (
    DAY,
    NEXT_DAY,
    RIGHT,
    TX_1,
    Record,
    Row,
    accepted,
    at,
    late,
    pane,
)
from tests.support.tampering import TAMPERINGS, Tampering
from transforms.contract.table_schema import TABLES

pytestmark = pytest.mark.integration

CHECKS = sql_files.checks()
VIEWS = sql_files.views()
NOTHING = Decimal(0)


class Dataset:
    """A dataset of the stand-in, and what a user does with it."""

    def __init__(self, address: str, name: str) -> None:
        self.name = name
        self.address = address
        self.client = clients.bigquery_client("sandbox", address)

    def make(self) -> None:
        tables.create(self.client, self.name)
        bigquery_views.create(self.client, self.name, VIEWS)

    def insert(self, rows: Sequence[Row]) -> None:
        by_table = defaultdict(list)
        for row in rows:
            by_table[row.table].append(row.cells)
        for table, cells in by_table.items():
            assert not self.client.insert_rows_json(f"sandbox.{self.name}.{table}", cells)

    @contextmanager
    def tampered(self, rows: Sequence[Row]) -> Iterator[None]:
        self.insert([Row(table, {**cells, "pipeline_version": "bad"}) for table, cells in rows])
        yield
        for table in {row.table for row in rows}:
            sql = f"DELETE FROM `sandbox.{self.name}.{table}` WHERE pipeline_version = 'bad'"
            self.query(sql)

    def ask(self, view: str, columns: str = "*") -> list[tuple]:
        return self.query(f"SELECT {columns} FROM `sandbox.{self.name}.{view}` ORDER BY 1, 2, 3")

    def query(self, sql: str) -> list[tuple]:
        return [row.values() for row in self.client.query(sql).result()]

    def command(self, name: str) -> int:
        where = [f"--bigquery_dataset=sandbox.{self.name}", f"--bigquery_endpoint={self.address}"]
        return tables.main([name, *where])


@pytest.fixture(scope="module")
def history(sandbox) -> Dataset:
    dataset = Dataset(sandbox.endpoints()["bigquery"], "sql_history")
    dataset.make()
    dataset.insert(RIGHT)
    return dataset


# --- Every view -----------------------------------------------------------------------------------


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
    ("period", "first", "second"),
    [
        ("hourly", at("10:00:00"), at("11:00:00", NEXT_DAY)),
        ("daily", DAY.date(), NEXT_DAY.date()),
    ],
)
def test_reconciliation_counts_each_outcome(history: Dataset, period, first, second) -> None:
    answer = history.ask(f"reconciliation_{period}")

    # records; accepted, duplicate, conflict, late, invalid; offsets, distinct; ids, missing, double
    assert answer == [
        (first, "payments", 0, 7, 3, 1, 1, 1, 1, 0, 6, 7, 3, 0, 0, True),
        (first, "payments", 1, 2, 1, 0, 0, 0, 1, 100, 101, 2, 1, 0, 0, True),
        (second, "payments", 1, 3, 2, 0, 0, 0, 1, 102, 104, 3, 2, 0, 0, True),
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
    first = (at("10:00:00"), "payments", 0, 10, 4, 1, 1, 3, 1, 0, 10, 9, 3, 2, 1, False)
    assert hours[0] == first and all(balanced for *_, balanced in hours[1:])
    sums = (Decimal("26"), Decimal("13.5"))
    assert differences == [(at("09:59:00"), "EUR", 3, 2, *sums, True)]


# --- Every check ----------------------------------------------------------------------------------


def test_right_history_passes_every_check(history: Dataset, capsys) -> None:
    assert history.command("check") == 0

    assert f"{len(CHECKS)} checks hold, 0 warn, 0 fail" in capsys.readouterr().out


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda tampering: tampering.what)
def test_control_tampering_is_found(history: Dataset, tampering: Tampering) -> None:
    checks = [check for check in CHECKS if check.law == tampering.law]

    with history.tampered(tampering.rows):
        [finding] = run_checks(history.client, history.name, checks)

    assert len(finding.examples) == 1 and not finding.more, finding
    for column, value in tampering.told.items():
        assert f"{column}={value}" in finding.examples[0]


def test_every_check_has_a_tampering() -> None:
    assert {check.law for check in CHECKS} == {tampering.law for tampering in TAMPERINGS}


@pytest.mark.parametrize(
    ("what", "code", "said"),
    [
        ("a payment counted again", 1, "FAILED  #fail"),
        ("a producer that retries all the time", 0, "WARNING #warn"),
    ],
)
def test_exit_code_tells_failures_from_warnings(
    history: Dataset, capsys, what: str, code: int, said: str
) -> None:
    [tampering] = [each for each in TAMPERINGS if each.what == what]
    with history.tampered(tampering.rows):
        assert history.command("check") == code

    assert said in capsys.readouterr().out


# --- Making and comparing -------------------------------------------------------------------------


def test_files_make_the_same_when_run_as_they_are(sandbox) -> None:
    dataset = Dataset(sandbox.endpoints()["bigquery"], "sql_by_hand")
    dataset.client.create_dataset(dataset.name)

    for path in (
        *(f"{table.name}/table.sql" for table in TABLES),
        *(f"audit/{view.name}/view.sql" for view in VIEWS),
    ):
        text = (sql_files.SQL_FOLDER / path).read_text()
        dataset.query(text.replace(sql_files.DATASET, f"sandbox.{dataset.name}"))

    # The stand-in drops partitioning and clustering of DDL (sandbox/bigquery/__init__.py).
    lines = tables.diff(dataset.client, dataset.name)
    assert [
        line for line in lines if "must be partitioned" not in line and "cluster" not in line
    ] == []
    assert all(
        dataset.query(f"SELECT 1 FROM `sandbox.{dataset.name}.{v.name}`") == [] for v in VIEWS
    )


def test_what_create_makes_is_as_diff_wants_it(sandbox, capsys) -> None:
    dataset = Dataset(sandbox.endpoints()["bigquery"], "sql_made")
    dataset.make()

    assert dataset.command("create") == 0
    assert dataset.command("diff") == 0
    assert "created" not in capsys.readouterr().out  # a second time, nothing is left to make


def test_diff_names_what_differs_and_create_mends_views(sandbox, capsys) -> None:
    dataset = Dataset(sandbox.endpoints()["bigquery"], "sql_differs")
    dataset.make()
    name, client = f"sandbox.{dataset.name}", dataset.client
    changed = bigquery.Table(f"{name}.replays")
    changed.view_query = "SELECT 1 AS one"
    client.update_table(changed, ["view_query"])
    client.delete_table(f"{name}.duplicate_rate")
    plain = client.get_table(f"{name}.conflicts").schema
    client.delete_table(f"{name}.conflicts")
    client.create_table(bigquery.Table(f"{name}.conflicts", plain))

    assert dataset.command("diff") == 1

    told = capsys.readouterr().err
    assert "replays is not what sql/audit/replays/view.sql says" in told
    assert "duplicate_rate is missing" in told
    assert "conflicts: must be partitioned by DAY(broker_time), got nothing" in told
    assert "conflicts: must be clustered by transaction_id, got nothing" in told
    assert len(told.splitlines()) == 4

    client.delete_table(f"{name}.conflicts")
    assert dataset.command("create") == 0
    made = [line.rpartition(".")[2] for line in capsys.readouterr().out.splitlines()[:-1]]
    assert sorted(made) == ["conflicts", "duplicate_rate", "replays"]


def test_check_without_views_names_the_command_that_makes_them(sandbox, capsys) -> None:
    dataset = Dataset(sandbox.endpoints()["bigquery"], "sql_nothing")

    assert dataset.command("check") == 1

    assert "python -m pipeline.tables create" in capsys.readouterr().err


def test_rows_of_every_table_are_in_the_history() -> None:
    assert {row.table for row in RIGHT} == {table.name for table in TABLES}
