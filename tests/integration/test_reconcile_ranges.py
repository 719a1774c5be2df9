"""A check of a part of the offsets, on the stand-in: what it asks, and the audit log it writes."""

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from operations.reconcile import command as reconcile
from operations.reconcile import kafka_side
from operations.reconcile.settings import Dataset as Where
from operations.reconcile.verdicts import Verdicts
from operations.tables import command as tables
from tests.integration.standin_process import Standin
from tests.support.bigquery_cells import cells_of, totals_of
from tests.support.reconcile_world import World, changed
from tests.support.report_world import FakeKafka
from tests.support.sql_dataset import Dataset
from tests.support.sql_history import Row
from transforms.payment.outcome import Outcome

pytestmark = pytest.mark.integration

_BORDER = "2026-01-01T00:01:00Z"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    standin = Standin(tmp_path_factory.mktemp("standin"))
    standin.rest()
    yield standin.address
    standin.kill()


def small_world() -> World:
    """Returns an id with copies on both sides of a border, and one payment of each other kind."""
    world = World()
    world.send(0, at_sec=0, transaction_id="tx-1")
    world.send(1, at_sec=30, transaction_id="tx-2", currency="JPY")
    world.send(0, at_sec=90, transaction_id="tx-1")
    world.send(1, at_sec=100, transaction_id="tx-1", amount_minor=9)
    world.send(0, at_sec=110, transaction_id="tx-3", event_time="2025-12-31T20:00:00Z")
    world.send_bytes(b"{", 1, at_sec=120)
    world.send(0, at_sec=130, transaction_id="tx-4")
    return world


@pytest.fixture
def run(
    address: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, Dataset]]:
    """Returns a function that puts rows into a dataset and runs the command on it."""
    dataset = Dataset(address, re.sub(r"\W", "_", request.node.name))
    tables.create(dataset.client, dataset.name)

    def command(world: World, rows: list[Any], *flags: str, extra: list[Row] = ()) -> int:
        @contextmanager
        def connected(topics: Any) -> Iterator[FakeKafka]:
            yield FakeKafka(world)

        monkeypatch.setattr(kafka_side, "connected", connected)
        dataset.insert([*map(cells_of, rows), *extra])
        where = [f"--bigquery_dataset=sandbox.{dataset.name}", f"--bigquery_endpoint={address}"]
        kafka = ["--kafka_bootstrap_servers=broker:9092", "--kafka_topics=payments"]
        return reconcile.main([*kafka, *where, *flags])

    command.dataset = dataset
    return command


def logged(dataset: Dataset) -> list[dict[str, Any]]:
    sql = f"SELECT * FROM `sandbox.{dataset.name}.reconciliations` ORDER BY started_at"
    return [dict(row) for row in dataset.client.query(sql).result()]


def test_a_range_of_time_is_proven_with_what_lies_before_it(run, capsys) -> None:
    world = small_world()
    rows = world.rows()

    assert run(world, rows, f"--since={_BORDER}", extra=totals_of(rows)) == 0

    out = capsys.readouterr().out
    assert out.splitlines()[-1] == (
        "reconciled: read=5 accepted=1 duplicate=1 conflict=1 late=1 invalid=1 skipped=0 "
        "missing=0 double=0"
    )
    assert "arrived from 2026-01-01T00:01:00Z until now were checked: payments[0] 1 to 4" in out
    assert "facts were not compared" not in out  # the accepted record before the border was found
    [row] = logged(run.dataset)
    assert (row["verdict"], row["scope"], row["read"]) == ("reconciled", "range", 5)
    assert row["since"] == dt.datetime(2026, 1, 1, 0, 1, tzinfo=dt.UTC)
    assert json.loads(row["sums"])[0]["kafka"] == "12.5"
    assert json.loads(row["ranges"])[0] == {
        "topic": "payments",
        "partition": 0,
        "start": 1,
        "end": 4,
        "proven_end": 4,
    }


def as_conflict(row: Any) -> Any:
    return row._replace(outcome=Outcome.CONFLICT)


def as_accepted(row: Any) -> Any:
    return row._replace(outcome=Outcome.ACCEPTED, first=None)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            as_conflict,
            "outcomes:\n  tx-1: payments[0]@1 is a conflict of payments[0]@0, but",
        ),
        (
            as_accepted,
            "distinct ids:\n  tx-1: accepted at payments[0]@0 and at payments[0]@1",
        ),
    ],
    ids=["conflict", "accepted"],
)
def test_control_a_copy_is_judged_by_the_record_before_the_range(run, capsys, change, told) -> None:
    world = small_world()
    rows = world.rows()
    copy = rows[2].place

    assert run(world, changed(rows, copy, change), f"--since={_BORDER}") == 1

    assert f"FAILED {told}" in capsys.readouterr().out


def test_control_a_copy_of_a_row_that_is_gone_is_found(run, capsys) -> None:
    world = small_world()

    assert run(world, world.rows()[1:], f"--since={_BORDER}") == 1

    assert "of payments[0]@0, which is no accepted record of this id" in capsys.readouterr().out


def test_minutes_of_the_range_alone_are_compared_and_whole(run, capsys) -> None:
    world = small_world()
    rows = world.rows()
    of_the_range = [row for row in totals_of(rows) if row.cells["window_start"] > _BORDER]

    assert run(world, rows, f"--since={_BORDER}", extra=of_the_range) == 0
    assert run(world, [], f"--until={_BORDER}") == 1

    out = capsys.readouterr().out
    assert "2026-01-01 00:00 EUR: 1 payments of 12.5, but the totals say 0 of 0" in out
    assert "rows are of records that arrived after the checked range" in out


def test_next_check_goes_on_where_the_last_proof_has_ended(run, capsys) -> None:
    world = World()
    first = world.send(0, transaction_id="tx-1")
    rows = world.rows()
    assert run(world, rows, "--since_last", extra=totals_of(rows)) == 0  # nothing proven: all of it
    copy = world.send(1, at_sec=60, transaction_id="tx-1")
    assert run(world, [], "--since_last") == 1  # its row is missing, so it is not proven
    again = world.rows()[1:]
    assert run(world, again, "--since_last") == 0
    assert run(world, [], "--since_last") == 0

    proven = [json.loads(row["ranges"]) for row in logged(run.dataset)]
    assert [[(span["start"], span["end"]) for span in spans] for spans in proven] == [
        [(0, 1), (0, 0)],
        [(1, 1), (0, 1)],
        [(1, 1), (0, 1)],
        [(1, 1), (1, 1)],
    ]
    assert (first.partition, copy.partition) == (0, 1)
    assert Verdicts(Where("sandbox", run.dataset.name, run.dataset.address)).proven() == {
        ("payments", 0): 1,
        ("payments", 1): 1,
    }


def test_verdict_that_cannot_be_written_is_printed_all_the_same(run, capsys) -> None:
    world = small_world()
    rows = world.rows()
    run.dataset.client.delete_table(f"sandbox.{run.dataset.name}.reconciliations")

    assert run(world, rows, extra=totals_of(rows)) == 3

    captured = capsys.readouterr()
    assert captured.out.splitlines()[-1].startswith("reconciled: read=7")
    [line] = [line for line in captured.err.splitlines() if line.startswith("error")]
    assert "the verdict above was not written down: a table of" in line
    assert "payments tables create" in line
    assert run(world, [], "--no_log") == 0


def test_row_beyond_the_end_is_found_among_newer_ones(run, capsys) -> None:
    world = small_world()
    rows = world.rows()
    stray = rows[-1]._replace(place=rows[-1].place._replace(offset=99))

    assert run(world, [*rows, stray], f"--until={_BORDER}", extra=totals_of(rows)) == 1

    assert "payments[0]@99 is in a table; Kafka has not reached" in capsys.readouterr().out
