"""`payments reconcile`: flags, exit codes, and the order of what it asks."""

from __future__ import annotations

import argparse
import contextlib
import gc
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from operations import polling
from operations.errors import CannotCheck
from operations.reconcile import command as reconcile
from operations.reconcile import flags as reconcile_flags
from operations.reconcile import kafka_side
from operations.reconcile.checks import Tally
from operations.reconcile.rows import Row
from operations.runs import limits
from pipeline import options
from tests.support import no_runs
from tests.support.reconcile_world import World, tables, without

FLAGS = [
    "--kafka_bootstrap_servers=broker:9092",
    "--kafka_topics=payments",
    "--bigquery_dataset=shop.payments",
]


class FakeKafka:
    topics_compacted: tuple[str, ...] = ()
    without_arrival = Tally()

    def __init__(self, world: World) -> None:
        self._world = world

    def ranges(self) -> list[Any]:
        return self._world.truth().ranges

    def first_from(self, moment_us: int, ranges: Any) -> dict[Any, int]:
        return self._world.first_from(moment_us)

    def read(self, ranges: list[Any], limits: Any, progress: Any) -> Any:
        return self._world.read(ranges)

    def ends(self) -> dict[Any, int]:
        return {}

    def compacted(self) -> list[str]:
        return list(self.topics_compacted)


class FakeTables:
    """Holds rows; `queryable` says how many of them at each question."""

    rows: list[Row]
    queryable: Iterator[int]
    stale: Iterator[list[str]]

    def __init__(
        self, dataset: Any, ranges: Any, arrivals_us: Any = None, added: Any = None
    ) -> None:
        pass

    def count_rows(self) -> int:
        return next(self.queryable)

    def minutes(self) -> list[str]:
        return next(self.stale)

    def tables(self, ends_now: Any) -> Any:
        return tables(self.rows)


class FakeVerdicts:
    """Keeps the rows of the audit log."""

    rows: list[dict[str, Any]]
    ends: dict[Any, int]

    def __init__(self, dataset: Any) -> None:
        pass

    def append(self, row: dict[str, Any]) -> None:
        self.rows.append(row)

    def proven(self) -> dict[Any, int]:
        return self.ends


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Returns a world that is all that the command can reach."""
    world = World()
    world.send(transaction_id="tx-1")
    world.send(transaction_id="tx-2")

    @contextlib.contextmanager
    def connected(topics: Any) -> Iterator[FakeKafka]:
        yield FakeKafka(world)

    monkeypatch.setattr(kafka_side, "connected", connected)
    no_runs.pretend(monkeypatch)
    monkeypatch.setattr(reconcile, "BigQuerySide", FakeTables)
    monkeypatch.setattr(reconcile, "Verdicts", FakeVerdicts)
    monkeypatch.setattr(FakeVerdicts, "rows", [], raising=False)
    monkeypatch.setattr(FakeVerdicts, "ends", {}, raising=False)
    monkeypatch.setattr(polling, "pause_sec", lambda took_sec, left_sec: 0)
    monkeypatch.setattr(FakeTables, "rows", world.rows(), raising=False)
    monkeypatch.setattr(FakeTables, "queryable", iter([2] * 9), raising=False)
    monkeypatch.setattr(FakeTables, "stale", itertools.repeat([]), raising=False)
    return world


def test_balanced_tables_exit_0(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert reconcile.main(FLAGS) == 0

    assert capsys.readouterr().out.splitlines()[-1] == (
        "reconciled: read=2 accepted=2 duplicate=0 conflict=0 late=0 invalid=0 skipped=0 "
        "missing=0 double=0"
    )


def test_unbalanced_tables_exit_1(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = world.rows()
    monkeypatch.setattr(FakeTables, "rows", without(rows, rows[0].place))

    assert reconcile.main(FLAGS) == 1

    assert capsys.readouterr().out.splitlines()[-1].startswith("NOT reconciled: read=2 accepted=1")


def test_record_without_arrival_time_is_a_finding(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = Tally()
    tally.add("payments[0]@1 carries its producer's time")
    monkeypatch.setattr(FakeKafka, "without_arrival", tally, raising=False)

    assert reconcile.main(FLAGS) == 1

    assert "FAILED arrival:\n  payments[0]@1 carries" in capsys.readouterr().out


def compact(world: World, monkeypatch: pytest.MonkeyPatch, *topics: str) -> None:
    """Leaves rows whose first record Kafka no longer holds; the topics say that they are so."""
    rows = world.rows()
    world.compact(rows[0].place)
    monkeypatch.setattr(FakeTables, "rows", rows)
    monkeypatch.setattr(FakeKafka, "topics_compacted", topics)


def test_holes_of_a_compacted_topic_are_no_finding_and_no_proof(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compact(world, monkeypatch, "payments")

    assert reconcile.main(FLAGS) == 3

    [told] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert "topic payments is compacted" in told
    assert "1 rows are of offsets that Kafka no longer holds" in told
    assert "no proof either way" in told


def test_control_the_same_holes_of_another_topic_are_a_finding(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    compact(world, monkeypatch)

    assert reconcile.main(FLAGS) == 1


def test_record_that_is_missing_is_a_finding_even_in_a_compacted_topic(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    compact(world, monkeypatch, "payments")
    rows = world.rows()
    monkeypatch.setattr(FakeTables, "rows", without(FakeTables.rows, rows[0].place))

    assert reconcile.main(FLAGS) == 1


def test_json_is_all_that_is_on_standard_output(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reconcile.main([*FLAGS, "--json"]) == 0

    captured = capsys.readouterr()
    assert orjson.loads(captured.out)["balanced"] is True
    assert "2 records read from Kafka" in captured.err


def test_waits_until_every_record_has_a_row(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(FakeTables, "queryable", iter([0, 0, 1, 2]))

    assert reconcile.main([*FLAGS, "--wait_sec=60"]) == 0

    told = [line for line in capsys.readouterr().err.splitlines() if "queryable" in line]
    assert [line.split(" rows")[0] for line in told] == ["0 of 2", "1 of 2", "2 of 2"]


def test_waits_until_totals_match_too(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(FakeTables, "stale", iter([["a minute"], ["a minute"], []]))

    assert reconcile.main([*FLAGS, "--wait_sec=60"]) == 0

    told = [line for line in capsys.readouterr().err.splitlines() if "queryable" in line]
    assert len(told) == 3


def test_more_rows_than_records_are_not_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(FakeTables, "queryable", iter([0, 1, 3]))
    monkeypatch.setattr(FakeTables, "stale", itertools.repeat(["a minute"]))

    reconcile.main([*FLAGS, "--wait_sec=60"])

    told = [line for line in capsys.readouterr().err.splitlines() if "queryable" in line]
    assert len(told) == 2


def test_waiting_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(reconcile.time, "monotonic", lambda: next(clock))

    assert reconcile.main([*FLAGS, "--wait_sec=5"]) == 0


def test_what_cannot_be_checked_exits_3_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def connected(topics: Any) -> None:
        raise CannotCheck("no Kafka broker answers at broker:9092")

    monkeypatch.setattr(kafka_side, "connected", connected)
    no_runs.pretend(monkeypatch)

    assert reconcile.main(FLAGS) == 3

    captured = capsys.readouterr()
    no_run, error = captured.err.splitlines()
    assert no_run.startswith("no run of ") and "3600 s" in no_run
    assert error == "error: no Kafka broker answers at broker:9092"
    assert captured.out == ""


def test_missing_table_is_told_before_the_topic_is_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(self: FakeTables) -> int:
        raise CannotCheck("a table is missing")

    monkeypatch.setattr(FakeTables, "count_rows", missing)
    monkeypatch.delattr(FakeKafka, "read")

    assert reconcile.main(FLAGS) == 3


@pytest.mark.parametrize(
    "flags",
    [
        [],
        FLAGS[1:],
        [*FLAGS, "--kafka_topics=a,a"],
        [*FLAGS, "--kafka_topics=it's"],
        [*FLAGS, "--kafka_topics="],
        [*FLAGS, "--kafka_bootstrap_servers=broker"],
        [*FLAGS, "--bigquery_dataset=payments"],
        [*FLAGS, "--bigquery_dataset=shop.pay`ments"],
        [*FLAGS, "--bigquery_endpoint=http://localhost:1"],
        [*FLAGS, "--wait_sec=-1"],
        [*FLAGS, "--allowed_lateness_sec=soon"],
        [*FLAGS, "--ledger=/no/such/file"],
        [*FLAGS, "--kafka_config_file=/no/such/file"],
        [*FLAGS, "--ledgers"],
        [*FLAGS, "--since=yesterday"],
        [*FLAGS, "--since=999999d"],
        [*FLAGS, "--since=1h", "--until=2h"],
        [*FLAGS, "--since_last", "--since=1h"],
    ],
)
def test_mistake_in_the_flags_exits_2(flags: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        reconcile.main(flags)

    assert raised.value.code == 2


def test_several_ledgers_are_taken_in_any_form(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.touch()
    flags = ["--ledger", str(paths[0]), str(paths[1]), f"--ledger={paths[2]}"]

    arguments = reconcile_flags.parser().parse_args([*FLAGS, *flags])

    assert reconcile._config(arguments).ledgers == tuple(paths)


def test_help_teaches_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        reconcile.main(["--help"])

    assert raised.value.code == 0
    text = capsys.readouterr().out
    assert "payments reconcile --kafka_bootstrap_servers=broker:9092" in text
    assert "Exit code: 0 balanced, 1 not balanced" in text


def test_each_verdict_is_written_down_unless_asked_not_to(world: World) -> None:
    reconcile.main(FLAGS)
    reconcile.main([*FLAGS, "--no_log"])

    [row] = FakeVerdicts.rows
    assert (row["verdict"], row["scope"], row["read"]) == ("reconciled", "full", 2)


def test_verdict_that_cannot_be_written_is_printed_and_exits_3(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(self: FakeVerdicts, row: dict[str, Any]) -> None:
        raise CannotCheck("BigQuery refused: Access Denied")

    monkeypatch.setattr(FakeVerdicts, "append", refused)

    assert reconcile.main(FLAGS) == 3

    captured = capsys.readouterr()
    assert captured.out.splitlines()[-1].startswith("reconciled: read=2")
    assert captured.err.splitlines()[-1] == (
        "error: the verdict above was not written down: BigQuery refused: Access Denied"
    )


def test_check_behind_the_last_proof_reads_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = world.rows()
    monkeypatch.setattr(FakeVerdicts, "ends", {("payments", 0): 1})
    monkeypatch.setattr(FakeTables, "rows", rows[1:])

    assert reconcile.main([*FLAGS, "--since_last"]) == 0

    assert capsys.readouterr().out.splitlines()[-1].startswith("reconciled: read=1 accepted=1")
    assert FakeVerdicts.rows[0]["scope"] == "incremental"


def test_flags_are_those_of_the_pipeline() -> None:
    theirs = argparse.ArgumentParser()
    for group in (options.ReadKafkaOptions, options.RulesOptions, options.WriteBigQueryOptions):
        group._add_argparse_args(theirs)
    shared = 0
    for flag, action in reconcile_flags.parser()._option_string_actions.items():
        other = theirs._option_string_actions.get(flag)
        if other is not None and flag not in ("-h", "--help"):
            shared += 1
            assert action.metavar == other.metavar, flag
            if action.default is not None:
                assert action.default == other.default, flag
    assert shared == 7
    assert tuple(
        theirs.get_default(name) for name in ("allowed_lateness_sec", "clock_skew_sec")
    ) == (limits.DEFAULT_LATENESS_SEC, limits.DEFAULT_SKEW_SEC)


def test_collection_is_only_paused(world: World) -> None:
    assert gc.isenabled()

    reconcile.main(FLAGS)

    assert gc.isenabled()
