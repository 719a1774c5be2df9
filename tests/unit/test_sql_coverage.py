"""Nothing in sql/ is without a test: each view has an answer, each law something that breaks it."""

from pathlib import Path

from operations.tables import sql_files
from tests.support.sql_history import RIGHT
from tests.support.tampering import TAMPERINGS
from transforms.payment.tables import ALL_TABLES

ANSWERS = Path(__file__).parents[1] / "integration/test_sql.py"


def test_every_view_is_asked() -> None:
    text = ANSWERS.read_text()

    assert [view.name for view in sql_files.views() if f'"{view.name}"' not in text] == []


def test_every_law_has_a_tampering() -> None:
    laws = {check.law for check in sql_files.checks()}

    assert {tampering.law for tampering in TAMPERINGS} == laws


def test_the_history_has_rows_in_every_table() -> None:
    assert {row.table for row in RIGHT} == {table.name for table in ALL_TABLES}
