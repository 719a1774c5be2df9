"""sql/ is valid BigQuery SQL, and says what the contract says."""

import json
import re
from pathlib import Path

import pytest
from sqlglot import exp
from sqlglot.errors import SqlglotError

from operations.tables import sql_files, table_files
from operations.tables.sql_files import SQL_FOLDER, SqlFileError
from tests.support.bigquery_sql import DATASET, Catalog, parse
from transforms.payment import rules
from transforms.payment.dead_letter import Reason
from transforms.payment.fraud_rules import Indicator
from transforms.payment.outcome import Outcome
from transforms.payment.tables import ALL_TABLES, TRANSACTIONS

FILES = sorted(SQL_FOLDER.rglob("*.sql"))
VIEWS = {view.name: view for view in sql_files.views()}
CHECKS = sql_files.checks()


def named(paths):
    return [str(path.relative_to(SQL_FOLDER)) for path in paths]


# --- The dialect ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=named(FILES))
def test_every_file_is_bigquery_sql(path: Path) -> None:
    assert parse(path.read_text().replace(sql_files.DATASET, DATASET))


@pytest.mark.parametrize(
    "broken",
    [
        "SELECT 1 FROM (SELECT 2",
        "SELECT currency amount minor FROM t",
        "CREATE VIEW v AS SELEC 1",
        "FROBNICATE TABLE t",
        "SELECT 1 AS rows",
        "\nASSERT NOT EXISTS (SELECT 1 FROM WHERE) AS 'law'",
    ],
)
def test_control_what_bigquery_refuses_does_not_parse(broken: str) -> None:
    with pytest.raises(SqlglotError):
        parse(broken)


def test_every_column_in_views_and_checks_exists() -> None:
    catalog = Catalog(VIEWS.values())

    for check in CHECKS:
        assert catalog.resolve(check.query_in(DATASET, rows_max=1)).selects


def test_control_a_misspelled_column_is_found() -> None:
    with pytest.raises(SqlglotError, match="amuont"):
        Catalog().resolve(f"SELECT amuont FROM `{DATASET}.transactions`")


# --- The contract ---------------------------------------------------------------------------------


def drift(folder: Path) -> list[str]:
    """Returns what in a sql/ folder is not as the contract and the layout say."""
    wanted = table_files.generated(folder)
    lines = [f"{path} is missing" for path in wanted if not path.exists()]
    lines += [
        f"{path} differs: payments tables generate"
        for path, text in wanted.items()
        if path.exists() and path.read_text() != text
    ]
    tables = {table.name for table in ALL_TABLES}
    by_hand = {folder / name / "checks.sql" for name in tables}
    lines += [f"{path} is missing" for path in by_hand if not path.exists()]
    for path in folder.rglob("*"):
        known = path in wanted or path in by_hand or path == folder / "README.md"
        in_view = path.parent.parent == folder / "audit" and path.name in ("view.sql", "checks.sql")
        if path.is_file() and not known and not in_view:
            lines.append(f"{path} belongs to no table")
    return lines


def a_copy_of_sql(folder: Path) -> Path:
    for path in SQL_FOLDER.rglob("*"):
        if path.is_file():
            copy = folder / path.relative_to(SQL_FOLDER)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(path.read_text())
    return folder


def test_the_files_are_what_the_contract_says() -> None:
    assert drift(SQL_FOLDER) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda sql: (sql / "conflicts/table.sql").unlink(),
        lambda sql: (sql / "conflicts/checks.sql").unlink(),
        lambda sql: (sql / "conflicts/schema.json").write_text("[]\n"),
        lambda sql: (sql / "dead_letters/closed_list_checks.sql").write_text(CHECK),
        lambda sql: (sql / "conflicts/table2.sql").write_text("SELECT 1;\n"),
        lambda sql: (sql / "audit/view.sql").write_text("SELECT 1;\n"),
    ],
    ids=[
        *("DDL missing", "checks missing", "schema changed", "list changed"),
        *("file too many", "view misplaced"),
    ],
)
def test_control_drift_is_found(damage, tmp_path: Path) -> None:
    sql = a_copy_of_sql(tmp_path)
    assert drift(sql) == []

    damage(sql)

    assert len(drift(sql)) == 1


def test_generate_writes_what_is_missing_or_changed_and_leaves_the_rest(tmp_path: Path) -> None:
    sql = a_copy_of_sql(tmp_path)
    changed = [sql / "conflicts/schema.json", sql / "transactions/table.sql"]
    changed[0].write_text("[]\n")
    changed[1].unlink()

    assert sorted(table_files.generate(sql)) == changed
    assert table_files.generate(sql) == []


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.name)
def test_ddl_makes_the_table_of_the_contract(table) -> None:
    [create] = parse(table_files.ddl(table))

    columns = [
        (
            column.name,
            column.args["kind"].sql("bigquery"),
            bool(column.find(exp.NotNullColumnConstraint)),
        )
        for column in create.find_all(exp.ColumnDef)
    ]
    assert columns == [(column.name, column.type, not column.nullable) for column in table.columns]
    assert create.args["exists"]
    properties = create.args["properties"]
    assert properties.find(exp.PartitionedByProperty).this.sql("bigquery") == (
        f"DATE({table.partition_by})"
    )
    assert [key.name for key in properties.find(exp.ClusterProperty).expressions] == list(
        table.cluster_by
    )


def test_schema_json_is_what_bq_takes() -> None:
    [amount] = [
        field
        for field in json.loads(table_files.schema_json(TRANSACTIONS))
        if field["name"] == "amount"
    ]

    assert amount == {
        "name": "amount",
        "type": "NUMERIC",
        "mode": "REQUIRED",
        "description": "Amount in major units of the currency, exact.",
    }


def literals(query: str) -> set[str]:
    return {literal.this for literal in parse(query)[0].find_all(exp.Literal) if literal.is_string}


def query_of(law: str) -> str:
    [query] = [check.query_in(DATASET, 1) for check in CHECKS if check.law == law]
    return query


def test_reasons_in_sql_are_the_closed_list() -> None:
    found = literals(query_of("each reason is one of the closed list"))

    assert found == {reason.value for reason in Reason}


def test_indicators_in_sql_are_the_closed_list() -> None:
    found = literals(query_of("each indicator is one of the closed list"))

    assert found == {indicator.value for indicator in Indicator}


def test_outcomes_in_sql_are_those_with_rows() -> None:
    assert literals(VIEWS["records"].query_in(DATASET)) == {
        each.value
        for each in set(Outcome) - {Outcome.SKIPPED}  # these are in ranges
    }


def test_minor_digits_in_sql_are_those_of_iso_4217() -> None:
    query = query_of("each amount is above zero, and the same in major and minor units")
    [case] = parse(query)[0].find_all(exp.Case)
    units = {
        currency.this: int(branch.args["true"].this)
        for branch in case.args["ifs"]
        for currency in branch.this.expressions
    }

    assert case.args["default"].this == "100"
    assert units == {
        currency: 10**digits for currency, digits in rules.MINOR_DIGITS.items() if digits != 2
    }


# --- The reader -----------------------------------------------------------------------------------


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_view_asks_one_question_and_is_named_in_the_readme(view) -> None:
    assert view.question.count("?") == 1
    assert f"`{view.name}`" in (SQL_FOLDER / "README.md").read_text()


def test_views_come_after_those_they_read() -> None:
    seen: set[str] = set()
    for view in VIEWS.values():
        assert view.reads() & VIEWS.keys() <= seen
        seen.add(view.name)


def test_every_check_is_read() -> None:
    markers = [re.findall(r"^#(?:fail|warn)$", path.read_text(), re.M) for path in FILES]

    assert len(CHECKS) == sum(map(len, markers)) > 0
    assert len({check.law for check in CHECKS}) == len(CHECKS)


VIEW = "-- Is it?\nCREATE OR REPLACE VIEW `${dataset}.v` AS\nSELECT 1 AS one;\n"
CHECK = "-- Why.\n#fail\nASSERT NOT EXISTS (\n  SELECT 1 AS one\n) AS 'law';\n"


def written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_forms_that_are_right_are_read(tmp_path: Path) -> None:
    written(tmp_path / "audit/v/view.sql", VIEW)
    written(tmp_path / "t/checks.sql", CHECK)

    [view] = sql_files.views(tmp_path)
    [check] = sql_files.checks(tmp_path)

    assert (view.question, view.query) == ("Is it?", "SELECT 1 AS one")
    assert (check.about, check.severity, check.law) == ("t", "fail", "law")


@pytest.mark.parametrize(
    "text",
    [
        VIEW.replace("-- Is it?\n", ""),
        VIEW.replace("?", "."),
        VIEW.replace(".v`", ".w`"),
        VIEW.replace(";", ""),
        VIEW.replace("${dataset}", "audit"),
    ],
    ids=["no question", "no question mark", "other name", "no end", "fixed dataset"],
)
def test_control_view_of_another_form_is_refused(text: str, tmp_path: Path) -> None:
    written(tmp_path / "audit/v/view.sql", text)

    with pytest.raises(SqlFileError, match=r"view\.sql"):
        sql_files.views(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        CHECK.replace("#fail\n", ""),
        CHECK.replace("#fail", "#panic"),
        CHECK.replace("NOT ", ""),
        CHECK.replace(" AS 'law'", ""),
        CHECK + "SELECT 1;\n",
    ],
    ids=["no severity", "unknown severity", "other condition", "no law", "something else"],
)
def test_control_check_of_another_form_is_refused(text: str, tmp_path: Path) -> None:
    written(tmp_path / "t/checks.sql", text)

    with pytest.raises(SqlFileError, match=r"checks\.sql"):
        sql_files.checks(tmp_path)


def test_without_a_checkout_the_error_says_so(tmp_path: Path) -> None:
    with pytest.raises(SqlFileError, match="checkout"):
        sql_files.views(tmp_path)
