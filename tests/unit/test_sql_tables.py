"""Differences between a table and the contract are told; mistakes on the command line too."""

import pytest
from google.cloud import bigquery

from operations.tables import command as tables
from operations.tables import later_columns
from operations.tables.bigquery_tables import differences, schema_of
from operations.tables.run_checks import Finding
from operations.tables.sql_files import Check
from transforms.payment.tables import CONFLICTS, RECONCILIATIONS


def a_table(**changes) -> bigquery.Table:
    table = bigquery.Table("p.d.conflicts", schema_of(CONFLICTS))
    table.time_partitioning = bigquery.TimePartitioning(field="broker_time")
    table.clustering_fields = ["transaction_id"]
    for name, value in changes.items():
        setattr(table, name, value)
    return table


def test_table_as_the_contract_says_has_no_differences() -> None:
    assert list(differences(CONFLICTS, a_table())) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"time_partitioning": None}, "must be partitioned by DAY(broker_time), got nothing"),
        (
            {"time_partitioning": bigquery.TimePartitioning(field="event_time")},
            "must be partitioned by DAY(broker_time), got DAY(event_time)",
        ),
        (
            {"time_partitioning": bigquery.TimePartitioning("HOUR", field="broker_time")},
            "must be partitioned by DAY(broker_time), got HOUR(broker_time)",
        ),
        ({"clustering_fields": None}, "must be clustered by transaction_id, got nothing"),
        ({"clustering_fields": ["currency"]}, "must be clustered by transaction_id, got currency"),
        ({"schema": schema_of(CONFLICTS)[1:]}, "column transaction_id is missing"),
        (
            {"schema": [*schema_of(CONFLICTS), bigquery.SchemaField("new", "STRING", "REQUIRED")]},
            "column new is REQUIRED there",
        ),
        (
            {"schema": [*schema_of(CONFLICTS)[1:], schema_of(CONFLICTS)[0]]},
            "column transaction_id is where the table has account_id; new columns come last",
        ),
    ],
)
def test_difference_is_told(changes, told) -> None:
    [line] = differences(CONFLICTS, a_table(**changes))

    assert told in line


def test_a_table_of_an_earlier_version_is_brought_up() -> None:
    old = [field for field in schema_of(RECONCILIATIONS) if field.name != "skipped"]
    schema, lines = later_columns.brought_up(RECONCILIATIONS, old)
    assert (schema, lines) == (
        schema_of(RECONCILIATIONS), ["column reconciliations.skipped added"]
    )  # fmt: skip

    strict = [
        bigquery.SchemaField.from_api_repr({**field.to_api_repr(), "mode": "REQUIRED"})
        for field in schema_of(CONFLICTS)
    ]
    schema, lines = later_columns.brought_up(CONFLICTS, strict)
    assert "column conflicts.account_id may be null" in lines
    assert list(differences(CONFLICTS, a_table(schema=schema))) == []


def test_a_table_as_declared_is_left_alone_and_so_is_what_no_column_declares() -> None:
    """Control: what `create` may not do is left to `diff`, which tells of it."""
    unknown = bigquery.SchemaField("by_hand", "STRING", "REQUIRED")
    lacking = [field for field in schema_of(CONFLICTS) if field.name != "currency"]
    for there in (schema_of(CONFLICTS), [*schema_of(CONFLICTS), unknown], lacking):
        assert later_columns.brought_up(CONFLICTS, there) == (there, [])


LAW = Check("conflicts", "fail", "all is well", "SELECT 1")


@pytest.mark.parametrize(
    ("severity", "examples", "holds", "failed", "verdict"),
    [
        ("fail", (), True, False, "ok"),
        ("warn", (), True, False, "ok"),
        ("fail", ("offset=1",), False, True, "FAILED"),
        ("warn", ("offset=1",), False, False, "WARNING"),
    ],
)
def test_only_a_broken_law_that_must_hold_fails(severity, examples, holds, failed, verdict) -> None:
    finding = Finding(Check("t", severity, "all is well", "SELECT 1"), examples, more=False)

    assert (finding.holds, finding.failed) == (holds, failed)
    assert str(finding).split()[:2] == [verdict, f"#{severity}"]


def test_broken_law_is_told_with_rows_that_break_it() -> None:
    told = str(Finding(LAW, ("offset=1", "offset=2"), more=True)).splitlines()

    assert told[0] == "FAILED  #fail  conflicts: all is well"
    assert [line.strip() for line in told[1:]] == ["offset=1", "offset=2", "… and more"]


@pytest.mark.parametrize(
    "arguments",
    [[], ["destroy"], ["check"], ["check", "--bigquery_dataset=no_project"]],
    ids=["no command", "unknown command", "no dataset", "dataset without project"],
)
def test_mistake_on_the_command_line_is_a_usage_error(arguments, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        tables.main(arguments)

    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and "`payments tables" in line
