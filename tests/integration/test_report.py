"""The page of a day on the stand-in: its numbers are those of a reconciliation, and it is seen."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from operations.reconcile import command as reconcile
from operations.runs.run import Run
from operations.runs.runs_table import RunsTable
from operations.tables import command as tables
from sandbox.layout import REPOSITORY
from tests.integration.standin_process import Standin
from tests.support import contracts, page_picture
from tests.support.bigquery_cells import cells_of, totals_of
from tests.support.payments import SECOND_US, START_US
from tests.support.reconcile_world import World
from tests.support.report_world import DAY, HOSTILE, busy_day, connect, run
from tests.support.sql_dataset import Dataset
from tests.support.sql_history import Row
from transforms.codecs import wire_format
from transforms.codecs.contract.document import document_of
from transforms.codecs.contract.language import Contract

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    standin = Standin(tmp_path_factory.mktemp("standin"))
    standin.rest()
    yield standin.address
    standin.kill()


@pytest.fixture
def dataset(address: str, request: pytest.FixtureRequest) -> Dataset:
    made = Dataset(address, re.sub(r"\W", "_", request.node.name))
    tables.create(made.client, made.name)
    return made


def fill(dataset: Dataset, world: World) -> list[Any]:
    rows = world.rows()
    dataset.insert([*map(cells_of, rows), *totals_of(rows)])
    return rows


def reconciled(dataset: Dataset, capsys: pytest.CaptureFixture[str], *flags: str) -> dict[str, Any]:
    capsys.readouterr()
    where = [f"--bigquery_dataset=sandbox.{dataset.name}", f"--bigquery_endpoint={dataset.address}"]
    kafka = ["--kafka_bootstrap_servers=broker:9092", "--kafka_topics=payments"]
    reconcile.main([*kafka, *where, *DAY, "--json", *flags])
    return dict(json.loads(capsys.readouterr().out))


def assert_same(told: dict[str, Any], proof: dict[str, Any]) -> None:
    """The numbers of a report are those of the reconciliation of the same range."""
    for name in ("read", "missing", "double", "unknown"):
        assert told[name] == proof[name], name
    assert told["outcomes"] == proof["outcomes"]
    both = (told["partitions"], proof["partitions"])
    assert len({tuple((p["records"], p["missing"]) for p in side) for side in both}) == 1
    spans = {
        (s["topic"], s["partition"]): (s["start"], s["end"]) for s in proof["checked"]["ranges"]
    }
    assert {
        (p["topic"], p["partition"]): (p["start"], p["end"]) for p in told["partitions"]
    } == spans
    sums = {name: each["accepted"] for name, each in told["currencies"].items()}
    assert {name: (each["rows"], Decimal(each["amount"])) for name, each in sums.items()} == {
        line["currency"]: (line["rows"], Decimal(line["bigquery"])) for line in proof["currencies"]
    }


def test_numbers_are_those_of_the_reconciliation(dataset, capsys, monkeypatch, tmp_path) -> None:
    world = busy_day()
    connect(world, monkeypatch)
    fill(dataset, world)
    proof = reconciled(dataset, capsys)
    assert proof["balanced"], proof["last_line"]

    code, told = run(dataset, capsys, out=tmp_path / "page.html")

    assert code == 0
    assert_same(told, proof)
    assert told["state"] == "conserved"
    shown = {name: rows for name, rows in told["outcomes"].items() if name != "skipped"}
    assert all(shown.values()), "a day without one of the outcomes shows less"
    assert [line["covers"] for line in told["verdicts"]] == [True]
    assert (
        sum(sum(rows.get(o, 0) for o in told["outcomes"]) for rows in told["by_bucket"])
        == told["read"]
    )
    conflict = told["conflicts"][0]
    assert conflict["other"]["amount"] != conflict["paid"]["amount"]
    # Another range: what arrived before it is not counted.
    half = ("--since=2026-01-01T12:00Z", "--until=2026-01-02")
    code, told = run(dataset, capsys, *half)
    capsys.readouterr()
    assert code == 0
    assert_same(told, reconciled(dataset, capsys, half[0]))


def held_by(dataset: Dataset, contract: Contract) -> None:
    """Writes the row of a run that judged by a contract."""
    runs = RunsTable(f"sandbox.{dataset.name}", dataset.address)
    began = dt.datetime(2025, 12, 31, tzinfo=dt.UTC)
    run_of = Run(
        claim_id="c1",
        run_id="r1",
        started_at=began,
        launched_by="me",
        pipeline_version="1.0",
        allowed_lateness_sec=3_600,
        clock_skew_sec=300,
        contract_document=document_of(contract),
    )
    [root] = runs.chain("1.0")
    runs.add(run_of)
    assert runs.take(root, "c1")


def deleted(dataset: Dataset, table: str, where: str) -> None:
    dataset.query(f"DELETE FROM `sandbox.{dataset.name}.{table}` WHERE {where}")


def again(dataset: Dataset, row: Row) -> None:
    dataset.insert([row])


def test_control_tampered_tables_are_not_conserved(dataset, capsys, monkeypatch) -> None:
    world = busy_day()
    connect(world, monkeypatch)
    rows = fill(dataset, world)
    deleted(dataset, "transactions", "transaction_id = 'tx-5'")

    code, told = run(dataset, capsys)
    assert (code, told["state"], told["missing"]) == (1, "not_conserved", 1)
    assert_same(told, reconciled(dataset, capsys))

    # As many rows as records again: one is missing, and one there twice.
    again(dataset, cells_of(rows[0]))
    code, told = run(dataset, capsys)
    assert sum(told["outcomes"].values()) == told["read"]
    assert (code, told["state"], told["missing"], told["double"]) == (1, "not_conserved", 1, 1)
    assert told["surplus"]
    assert_same(told, reconciled(dataset, capsys))


def test_control_a_row_at_a_marker_is_not_conserved(dataset, capsys, monkeypatch) -> None:
    world = World()
    world.send(0, transaction_id="tx-1")
    marker = world.marker(0)
    world.send(0, at_sec=1, transaction_id="tx-2")
    connect(world, monkeypatch)
    rows = fill(dataset, world)
    stray = rows[0]._replace(place=rows[0].place._replace(offset=marker))
    deleted(dataset, "transactions", "transaction_id = 'tx-2'")
    again(dataset, cells_of(stray))

    code, told = run(dataset, capsys)

    assert (code, told["state"]) == (1, "not_conserved")
    assert (told["missing"], told["unknown"]) == (1, 1)
    assert_same(told, reconciled(dataset, capsys))
    assert told["ids_counted_twice"]["rows"] == 1


SKIPPING = contracts.contract(
    keep=[{"at": "state", "in": ["done"], "skip": ["open", "failed"]}], tombstones="skip"
)


def life_of_payments() -> World:
    """Returns a day of payments with their states before, every third one done."""
    world = World(contract=SKIPPING)
    for number in range(120):
        at_sec = number * 700
        state = ("open", "failed", "done")[number % 3]
        names = {"id": f"tx-{number}", "state": state}
        time = wire_format.event_time_text(START_US + at_sec * SECOND_US)
        value = None if number % 20 == 4 else contracts.payload(**names, time=time)
        world.send_bytes(value, number % 2, at_sec)
    return world


def test_skipped_records_are_conserved_by_their_ranges(
    dataset, capsys, monkeypatch, tmp_path
) -> None:
    world = life_of_payments()
    connect(world, monkeypatch)
    fill(dataset, world)
    held_by(dataset, SKIPPING)
    proof = reconciled(dataset, capsys)
    assert proof["balanced"], proof["last_line"]

    code, told = run(dataset, capsys, out=tmp_path / "page.html")

    assert (code, told["state"]) == (0, "conserved")
    assert_same(told, proof)
    assert told["outcomes"]["skipped"] == sum(each["records"] for each in told["rules"]) > 60
    assert sum(each.get("skipped", 0) for each in told["by_bucket"]) == told["outcomes"]["skipped"]
    assert "state=open" in (tmp_path / "page.html").read_text()
    # Half a day, whose edges cut ranges in two.
    half = ("--since=2026-01-01T12:10Z", "--until=2026-01-02")
    code, told = run(dataset, capsys, *half)
    assert code == 0
    capsys.readouterr()
    assert_same(told, reconciled(dataset, capsys, half[0]))
    # The tables alone.
    code, told = run(dataset, capsys, *DAY, "--tables_only")
    assert (code, told["state"]) == (0, "not_proven")
    assert told["outcomes"] == proof["outcomes"]

    deleted(dataset, "skipped_records", "rule = 'tombstone' AND kafka_partition = 0")
    code, told = run(dataset, capsys)
    assert (code, told["state"]) == (1, "not_conserved")
    assert told["missing"] > 0
    assert_same(told, reconciled(dataset, capsys))


def test_tables_alone_prove_nothing_and_say_so(dataset, capsys, monkeypatch) -> None:
    world = busy_day()
    connect(world, monkeypatch)
    fill(dataset, world)
    deleted(dataset, "transactions", "transaction_id = 'tx-5'")

    code, told = run(dataset, capsys, *DAY, "--tables_only")

    assert (code, told["state"], told["read"]) == (0, "not_proven", None)
    assert sum(told["outcomes"].values()) == len(world.records) - 1


def test_a_day_without_records_and_a_dry_run(dataset, capsys, monkeypatch) -> None:
    connect(World(), monkeypatch)

    assert run(dataset, capsys)[1]["state"] == "empty"
    assert run(dataset, capsys, *DAY, "--dry_run") == (0, {"read_bytes": None})


def hostile(dataset: Dataset) -> None:
    """Rows of someone who has written to the tables past every rule."""
    told = {"reason": HOSTILE, "detail": f"\x07{HOSTILE}\u202e", "step": HOSTILE, "payload": "e30="}
    place = {"kafka_topic": "payments", "kafka_partition": 0, "kafka_offset": 0}
    times = {"broker_time": "2026-01-01T10:00:00Z", "ingested_at": "2026-01-01T10:00:01Z"}
    dataset.insert([Row("dead_letters", told | place | times | {"pipeline_version": HOSTILE})])


def test_hostile_payloads_are_escaped(dataset, capsys, monkeypatch, tmp_path) -> None:
    connect(World(), monkeypatch)
    hostile(dataset)

    run(dataset, capsys, *DAY, "--tables_only", out=tmp_path / "page.html")

    text = (tmp_path / "page.html").read_text()
    assert "<script" not in text.lower()
    assert "&lt;script&gt;" in text
    assert not [mark for mark in ("\x07", "\u202e") if mark in text]


def test_page_needs_nothing_from_elsewhere(dataset, capsys, monkeypatch, tmp_path) -> None:
    world = busy_day()
    connect(world, monkeypatch)
    fill(dataset, world)
    run(dataset, capsys, out=tmp_path / "page.html")

    text = (tmp_path / "page.html").read_text()

    assert "default-src 'none'" in text
    assert re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?!#)[a-z/]", text) == []
    assert set(re.findall(r"https?://[^\"' )]+", text)) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 375)])
def test_page_is_seen(dataset, capsys, monkeypatch, tmp_path, scheme, width) -> None:
    chromium = page_picture.chromium()
    world = busy_day()
    connect(world, monkeypatch)
    fill(dataset, world)
    reconciled(dataset, capsys)
    page = tmp_path / "page.html"
    run(dataset, capsys, out=page)
    pictures = Path(os.environ.get("REPORT_PICTURES", tmp_path))

    seen = page_picture.take(chromium, page, pictures / f"{scheme}-{width}.png", scheme, width)

    assert (seen.said, seen.wider) == ([], [])
    assert seen.asked == [page.as_uri()]
    assert seen.charts == 5
    light = sum(map(int, re.findall(r"\d+", seen.paper)[:3])) > 600
    assert light is (scheme == "light"), seen.paper


def test_installed_package_holds_the_page() -> None:
    found = subprocess.run(
        ["git", "ls-files", "operations/report/page.html"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip()
    assert '"operations.report": ["page.html"]' in (REPOSITORY / "setup.py").read_text()
