"""The parts of a rollout that need no service: SQL, rows missing from green, the command line."""

import pytest

from operations.rollout import command as deploy
from operations.rollout import comparison
from operations.rollout.flink_jobs import state_left_behind
from operations.rollout.views import view_of
from payments import exit_codes
from tests.support import bigquery_sql
from transforms.payment.tables import TABLES, TOTALS_BY_MINUTE, TRANSACTIONS, Table

STAGES = {
    # As Flink names them.
    "a": "[17]{Deduplicate, WriteBigQuery to p.blue, TotalByMinute, ScoreFraud, MergeIndicators}",
    "b": "[5]{ScoreFraud, MergeIndicators, WriteBigQuery to p.blue}",
    "c": "[1]WriteBigQuery to p.blue/AppendRows/Append",
    "d": "[1]WriteBigQuery to p.blue/FlushRows/Flush",
}
KAFKA = ["--kafka_bootstrap_servers=localhost:1", "--kafka_topics=payments"]
LIVE = "--live_dataset=project.live"
FLINK = ["--flink=localhost:1", "--blue_job=blue"]
RAMP = ["ramp", *KAFKA, LIVE, *FLINK, "--green=project.green", "--green_job=green"]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_view_is_bigquery_sql_with_the_columns_of_its_table(table: Table) -> None:
    columns_in = {f"project.{name}": table.column_names for name in ("blue", "green")}

    [query] = bigquery_sql.parse(view_of(table, "project.live", columns_in))

    assert tuple(query.named_selects) == table.column_names


def test_column_missing_from_the_older_dataset_is_null() -> None:
    names = TRANSACTIONS.column_names
    sql = view_of(TRANSACTIONS, "p.live", {"p.blue": names[:-1], "p.green": names})

    blue, green = sql.split("UNION ALL")
    assert "CAST(NULL AS STRING) AS `pipeline_version`" in blue
    assert "row_.`pipeline_version`" in green


def test_totals_are_counted_from_what_is_read() -> None:
    """Panes of two jobs for one minute would not add up."""
    sql = view_of(TOTALS_BY_MINUTE, "p.live", {"p.blue": (), "p.green": ()})

    assert "`p.live.transactions`" in sql
    assert "p.blue" not in sql


def test_comparison_is_bigquery_sql() -> None:
    sql = comparison.comparison_sql("p.blue", "p.green", {("payments", 0): (3, 9)})

    [query] = bigquery_sql.parse(sql)
    assert query.named_selects[-4:] == ["records", "doubled", "parted", "example"]


def test_only_what_writes_may_stay_with_blue() -> None:
    assert state_left_behind(STAGES, {"a": "", "b": ""}) == []
    assert state_left_behind(STAGES, {"a": "", "c": ""}) == [STAGES["b"]]
    assert state_left_behind(STAGES, {}) == [STAGES["a"], STAGES["b"]]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "COMMAND"),
        ([*RAMP, "--share=0"], "from 1 to 100, got '0'"),
        ([*RAMP, "--share=half"], "got 'half'"),
        (RAMP, "--share"),
        (["serve", *KAFKA, LIVE], "--dataset"),
        (["serve", *KAFKA, "--live_dataset=live", "--dataset=p.d"], "must be PROJECT.DATASET"),
        (["savepoint", "--flink=localhost:1"], "--blue_job"),
    ],
)
def test_mistake_is_told_and_ends_with_2(
    flags: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        deploy.main(flags)

    assert ended.value.code == exit_codes.USAGE
    assert words in capsys.readouterr().err


def test_flink_that_does_not_answer_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert deploy.main(["savepoint", *FLINK]) == exit_codes.COULD_NOT_LOOK

    assert capsys.readouterr().err.startswith("error: Flink does not answer at localhost:1")


def test_help_tells_the_order_of_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        deploy.main(["--help"])

    assert ended.value.code == 0
    told = capsys.readouterr().out
    places = [told.index(f"rollout {name}") for name in ("serve", "savepoint", "compare", "ramp")]
    assert places == sorted(places)
