"""The columns of a contract on the stand-in: each type comes back as the record says it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from operations.reconcile.bigquery_side import BigQuerySide
from operations.reconcile.settings import Dataset as Where
from operations.tables import command as tables_command
from tests.integration.standin_process import Standin
from tests.support.bigquery_cells import cells_of, totals_of
from tests.support.reconcile_world import World, failed
from tests.support.sql_dataset import Dataset
from tests.unit.test_reconcile_added_columns import ADDED, CELLS, contract, payload
from transforms.codecs import wire_format
from transforms.codecs.contract import extra_columns
from transforms.payment.tables import ALL_TABLES

pytestmark = pytest.mark.integration


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[Dataset]:
    standin = Standin(tmp_path)
    standin.rest()
    made = Dataset(standin.address, "added")
    tables_command.create(
        made.client, made.name, extra_columns.with_columns(ALL_TABLES, contract())
    )
    yield made
    standin.kill()


def test_columns_of_each_type_are_compared_and_a_wrong_one_is_told(dataset: Dataset) -> None:
    world = World(contract=contract())
    world.send_bytes(payload())
    world.send_bytes(payload())  # a copy, which has the columns too
    rows = world.rows()
    moment = wire_format.event_time_text(CELLS["timestamp"])
    held = {**CELLS, "timestamp": moment}
    written = [cells_of(each) for each in rows]
    dataset.insert([each._replace(cells=each.cells | held) for each in written])
    dataset.insert(totals_of(rows))

    def found() -> set[str]:
        where = Where("sandbox", dataset.name, dataset.address)
        truth = world.truth()
        side = BigQuerySide(where, truth.ranges, None, ADDED)
        ends = {(span.topic, span.partition): span.end for span in truth.ranges}
        return failed(world.audit(list(side.tables(lambda: ends).rows)))

    assert found() == set()
    dataset.query(f"UPDATE `sandbox.{dataset.name}.duplicates` SET float64 = 1.25 WHERE TRUE")
    assert found() == {"content"}
