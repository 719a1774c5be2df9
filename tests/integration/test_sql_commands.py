"""`payments tables` on the stand-in: every check, and what is made and compared."""

import pytest
from google.cloud import bigquery

from operations.tables import command as tables
from operations.tables import sql_files
from operations.tables.run_checks import run_checks
from tests.support.sql_dataset import CHECKS, VIEWS, Dataset
from tests.support.sql_history import RIGHT, Row
from tests.support.tampering import TAMPERINGS, Tampering
from transforms.payment.tables import ALL_TABLES

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def history(sandbox) -> Dataset:
    dataset = Dataset(sandbox.endpoints()["bigquery"], "sql_checks")
    dataset.make()
    dataset.insert(RIGHT)
    return dataset


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
        *(f"{table.name}/table.sql" for table in ALL_TABLES),
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


def test_diff_names_what_differs_and_create_corrects_views(sandbox, capsys) -> None:
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


def test_create_brings_tables_of_an_earlier_version_up(sandbox, capsys) -> None:
    dataset = Dataset(sandbox.endpoints()["bigquery"], "sql_earlier")
    dataset.make()
    for name, column, changed in (
        ("transactions", "account_id", [bigquery.SchemaField("account_id", "STRING", "REQUIRED")]),
        ("reconciliations", "skipped", []),
    ):
        table = dataset.client.get_table(f"sandbox.{dataset.name}.{name}")
        earlier = bigquery.Table(table.reference)
        for field in table.schema:
            schema = changed if field.name == column else [field]
            earlier.schema = [*earlier.schema, *schema]
        earlier.time_partitioning = table.time_partitioning
        earlier.clustering_fields = table.clustering_fields
        dataset.client.delete_table(table)
        dataset.client.create_table(earlier)

    assert dataset.command("diff") == 1
    told = capsys.readouterr().err
    assert "column account_id must be STRING NULLABLE, got STRING REQUIRED" in told
    assert "column skipped is missing, INT64 is required" in told

    assert dataset.command("create") == 0
    dataset.insert([Row("reconciliations", {"skipped": 3})])
    assert dataset.query(f"SELECT skipped FROM `sandbox.{dataset.name}.reconciliations`") == [(3,)]
    assert dataset.command("diff") == 0


def test_check_without_views_names_the_command_that_makes_them(sandbox, capsys) -> None:
    dataset = Dataset(sandbox.endpoints()["bigquery"], "sql_nothing")

    assert dataset.command("check") == 3

    assert "payments tables create" in capsys.readouterr().err
