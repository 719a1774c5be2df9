"""One job a set of tables: a claim is taken, refused, and its loss is noticed."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import http.server
import itertools
import json
import threading
import time
from collections.abc import Iterator
from typing import ClassVar

import pytest

from operations import bigquery_client
from operations.errors import CannotStart
from operations.runs import command as runs
from operations.runs import limits, runs_table
from operations.runs.run import CANCELLED, NOT_SUBMITTED, Run
from operations.runs.runs_table import RunsTable
from operations.tables import bigquery_views, sql_files
from operations.tables import command as tables
from pipeline.config import PipelineConfig
from pipeline.launch import door, earlier_job
from pipeline.launch.claim import Claim
from pipeline.launch.door import AlreadyRuns, Door
from tests.integration.standin_process import Standin
from transforms import BigQuerySink, KafkaSource
from transforms.bigquery import claim_watch
from transforms.bigquery.errors import CannotWrite, ClaimLost
from transforms.bigquery.write_client import WriteClient
from transforms.read_kafka import OffsetRange

pytestmark = pytest.mark.integration

_NUMBERS = itertools.count()
_STARTS = 50


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    running = Standin(tmp_path_factory.mktemp("standin"))
    yield running
    running.kill()


class Books:
    """Tables of one test's own, and launches that claim them."""

    def __init__(self, standin: Standin) -> None:
        self.dataset = f"claims_{next(_NUMBERS)}"
        self.standin = standin
        client = bigquery_client.connect("sandbox", standin.address)
        tables.create(client, self.dataset)
        self.table = RunsTable(f"sandbox.{self.dataset}", standin.address)

    def config(self, run_id: str, **changes: object) -> PipelineConfig:
        sink = BigQuerySink(
            "sandbox",
            self.dataset,
            endpoint=self.standin.address,
            claim_id=f"{run_id}/{next(_NUMBERS)}",
        )
        source = KafkaSource("nowhere:0", ("payments",), group="payments-sandbox.x")
        config = PipelineConfig(
            "FlinkRunner", source, sink, 300_000_000, 3_600_000_000, run_id=run_id
        )
        return dataclasses.replace(config, job_name=f"payments-{run_id}", **changes)  # type: ignore[arg-type]

    def claim(self, run_id: str, topic_id: str = "A", **changes: object) -> Claim:
        claim, _ = self.door(run_id, topic_id, **changes).claim()
        return claim

    def door(self, run_id: str, topic_id: str = "A", **changes: object) -> Door:
        return Door(self.config(run_id, **changes), {"payments": topic_id}, fence_sec=0)

    def holder(self) -> Run:
        return self.table.chain("test")[-1]


@pytest.fixture
def books(standin: Standin) -> Books:
    return Books(standin)


class Flink(http.server.BaseHTTPRequestHandler):
    """Flink's answer to /jobs/overview."""

    jobs: ClassVar[list[dict[str, object]]] = []

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"jobs": self.jobs}).encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def flink() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Flink)
    Flink.jobs = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _job(run_id: str, state: str, started_sec_ago: float = 0) -> dict[str, object]:
    began_ms = int((time.time() - started_sec_ago) * 1_000)
    return {"jid": "77", "name": f"payments-{run_id}", "state": state, "start-time": began_ms}


# --- Who claims ---------------------------------------------------------------------------------


def test_second_launch_is_refused_with_who_runs_and_the_two_ways_on(books) -> None:
    books.claim("first").submitted("job-1")

    with pytest.raises(CannotStart) as refused:
        books.claim("second")

    said = str(refused.value)
    assert "run first of " in said and "as job job-1" in said and "UTC" in said
    assert "payments runs end --bigquery_dataset=sandbox." in said and "--run_id=first" in said
    assert "--take_over" in said
    assert "\n" not in said
    assert books.holder().run_id == "first"


def test_of_two_starts_at_once_one_never_runs(books) -> None:
    """Tried fifty times, each on the tables that the winner of the time before has left."""
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        for number in range(_STARTS):
            ready = threading.Barrier(2)

            def start(name: str, ready: threading.Barrier = ready) -> str | None:
                door = books.door(name)
                ready.wait()
                try:
                    door.claim()
                except CannotStart:
                    return None
                return name

            winners = [name for name in threads.map(start, (f"a{number}", f"b{number}")) if name]
            assert len(winners) == 1
            holder = books.holder()
            assert holder.run_id == winners[0]
            books.table.end(holder.claim_id, "for the next round")


def _two_that_have_both_looked(books: Books) -> tuple[bool, bool]:
    """Returns which of two launches holds the tables, when neither had seen the other."""
    before = books.table.chain("test")[-1]
    for name in ("a", "b"):
        books.table.add(dataclasses.replace(before, claim_id=name, run_id=name))
    return books.table.take(before, "a"), books.table.take(before, "b")


def test_of_two_that_have_both_looked_the_second_is_refused(books) -> None:
    assert _two_that_have_both_looked(books) == (True, False)


def test_control_without_the_condition_of_the_claim_both_run(books, monkeypatch) -> None:
    unconditional = "UPDATE {table} SET followed_by = @claim_id WHERE claim_id = @before"
    monkeypatch.setattr(runs_table, "_CLAIM", unconditional)
    assert _two_that_have_both_looked(books) == (True, True)


def test_finished_run_leaves_the_tables_to_the_next(books) -> None:
    books.claim("first").ended("DONE")
    books.claim("second")
    assert books.holder().run_id == "second"


@pytest.mark.parametrize("waiter_first", [True, False])
def test_who_cancelled_a_job_is_noted_whoever_sees_its_end_first(books, waiter_first) -> None:
    books.door("first").claim()
    claim_id = books.holder().claim_id

    def cancel() -> None:
        books.table.end(claim_id, "cancelled by ann@host", instead_of=CANCELLED)

    def waiter() -> None:
        books.table.end(claim_id, CANCELLED)

    for note in (waiter, cancel) if waiter_first else (cancel, waiter):
        note()

    assert books.holder().ended_why == "cancelled by ann@host"


def test_what_failed_before_it_was_submitted_is_no_run(books) -> None:
    claim = books.claim("first", topic_id="A")
    claim.failed("no broker answers")

    assert books.holder().ended_why == f"{NOT_SUBMITTED}no broker answers"
    books.claim("second", topic_id="B")  # nothing was counted from A
    assert books.holder().run_id == "second"


def test_failed_take_over_gives_the_tables_back(books) -> None:
    books.claim("first").submitted("job-1")
    books.claim("second", take_over=True).failed("no savepoint there")

    assert books.holder().run_id == "first"
    _watch(books.holder(), books).require()


def test_claim_is_not_given_back_when_another_has_followed(books) -> None:
    """Else the first and the third would both write."""
    books.claim("first").submitted("job-1")
    second = books.claim("second", take_over=True)
    books.claim("third", take_over=True)
    second.failed("no savepoint there")

    assert [run.run_id for run in books.table.chain("test")[1:]] == ["first", "second", "third"]
    first = books.table.chain("test")[1]
    with pytest.raises(ClaimLost):
        _watch(first, books).require()
    _watch(books.holder(), books).require()


def test_nobody_follows_a_claim_that_was_given_back(books) -> None:
    books.claim("first").submitted("job-1")
    second = books.claim("second", take_over=True)
    seen = books.holder()
    second.failed("no savepoint there")

    late = dataclasses.replace(seen, claim_id="late/1", run_id="late")
    books.table.add(late)
    assert not books.table.take(seen, late.claim_id)
    assert books.holder().run_id == "first"


def test_what_has_written_gives_nothing_back(books) -> None:
    books.claim("first").submitted("job-1")
    second = books.claim("second", take_over=True, start_from_tables="/x")
    second.writes()
    second.failed("the job server is away")

    assert books.holder().run_id == "second" and not books.holder().stands
    assert books.holder().may_have_written


def test_launch_that_lost_its_tables_while_it_prepared_goes_no_further(books) -> None:
    second = books.claim("second")
    books.claim("third", take_over=True)
    with pytest.raises(CannotStart, match="taken meanwhile, by run third"):
        second.require()


def test_unanswered_submission_keeps_its_claim(books, caplog) -> None:
    claim = books.claim("first")
    claim.submitting()
    claim.failed("no answer in time")

    assert books.holder().stands
    assert "its claim stays" in caplog.text


def test_job_of_that_name_from_before_is_another_one(books, flink) -> None:
    books.claim("first").submitted("job-1")
    Flink.jobs = [_job("first", "CANCELED", started_sec_ago=3_600)]
    with pytest.raises(CannotStart, match="knows no job named payments-first"):
        books.claim("second", flink=flink)


def test_update_replaces_the_job_of_its_name_alone(books) -> None:
    dataflow = {"runner": "DataflowRunner", "updates": True, "continues": True}
    books.claim("first", **dataflow | {"updates": False, "continues": False}).submitted("job-1")
    with pytest.raises(CannotStart, match="are held by run first"):
        books.claim("second", **dataflow)
    door = books.door("third", **dataflow)
    config = dataclasses.replace(door.config, job_name="payments-first")
    dataclasses.replace(door, config=config).claim()
    assert books.holder().began_with == "update"


def test_flinks_word_decides_whether_a_claim_stands(books, flink) -> None:
    books.claim("first").submitted("job-1")

    Flink.jobs = [_job("first", "RESTARTING")]
    with pytest.raises(CannotStart, match="job 77 is RESTARTING"):
        books.claim("second", flink=flink)
    Flink.jobs = []
    with pytest.raises(CannotStart, match=r"knows no job named payments-first.*--take_over"):
        books.claim("second", flink=flink)
    Flink.jobs = [_job("first", "CANCELED")]
    books.claim("second", flink=flink)

    first, second = books.table.chain("test")[1:]
    assert (first.ended_why or "").endswith("job 77 is CANCELED")
    assert second.stands


def test_flink_that_does_not_answer_says_nothing(books) -> None:
    books.claim("first").submitted("job-1")
    with pytest.raises(CannotStart, match=r"does not answer at 127\.0\.0\.1:1"):
        books.claim("second", flink="127.0.0.1:1")


# --- The same launch again ----------------------------------------------------------------------


def test_repeated_submission_finds_its_job(books, flink) -> None:
    books.claim("same").submitted("job-1")

    Flink.jobs = [_job("same", "RUNNING")]
    with pytest.raises(AlreadyRuns, match="job 77 is RUNNING"):
        books.claim("same", flink=flink)
    with pytest.raises(CannotStart, match=r"as job job-1 \(no --flink says"):
        books.claim("same")  # nobody can be asked
    Flink.jobs = []
    with pytest.raises(CannotStart, match="knows no job named payments-same"):
        books.claim("same", flink=flink)
    Flink.jobs = [_job("same", "FAILED")]
    with pytest.raises(CannotStart, match="a new launch needs a --run_id of its own"):
        books.claim("same", flink=flink)


def test_attempt_that_died_before_its_submission_is_followed_and_fenced(books) -> None:
    books.claim("same")
    first = books.holder()
    books.claim("same")

    assert books.holder().claim_id != first.claim_id
    with pytest.raises(ClaimLost):
        _watch(first, books).require()
    _watch(books.holder(), books).require()


# --- Who notices --------------------------------------------------------------------------------


def _watch(run: Run, books: Books) -> claim_watch.ClaimWatch:
    claim_watch.of.cache_clear()
    return claim_watch.of("sandbox", books.dataset, books.standin.address, run.claim_id)


def test_run_that_was_taken_over_flushes_nothing_more(books, monkeypatch) -> None:
    monkeypatch.setattr(claim_watch, "ASK_EVERY_SEC", 0.0)
    config = books.config("first")
    Door(config, {}, fence_sec=0).claim()[0].submitted("job-1")
    client = WriteClient(config.sink)
    stream = client.create_stream("transactions")
    with pytest.raises(CannotWrite):  # the claim is ours, and the stream has no such rows
        client.flush(stream, 1)

    books.claim("second", take_over=True)

    with pytest.raises(ClaimLost, match="run first was followed by run second") as lost:
        client.flush(stream, 1)
    assert "\n" not in str(lost.value)
    client.close()


def test_claim_is_asked_for_every_few_seconds_and_no_oftener(books) -> None:
    books.claim("first")
    asked: list[bool] = []
    rows = [dataclasses.asdict(run) for run in books.table.chain("test")]
    watch = claim_watch.ClaimWatch(books.holder().claim_id, "d", lambda: asked.append(True) or rows)
    for _ in range(100):
        watch.require()
    assert len(asked) == 1


def test_run_that_somebody_ended_stops(books, capsys) -> None:
    books.claim("first")
    where = f"--bigquery_dataset=sandbox.{books.dataset}"
    at = f"--bigquery_endpoint={books.standin.address}"

    assert runs.main(["end", where, at, "--run_id=another", "--why=x"]) == 1
    assert "held by run first of " in capsys.readouterr().err
    assert runs.main(["end", where, at, "--run_id=first", "--why=its cluster burnt down"]) == 0
    with pytest.raises(ClaimLost, match="its cluster burnt down"):
        _watch(books.holder(), books).require()
    assert runs.main(["list", where, at]) == 0
    assert "ended" in capsys.readouterr().out


def test_tables_without_a_row_of_the_run_take_nothing(books) -> None:
    books.table.chain("test")
    unknown = dataclasses.replace(books.holder(), claim_id="unknown/1")
    with pytest.raises(ClaimLost, match="has no row"):
        _watch(unknown, books).require()


# --- What the runs before say -------------------------------------------------------------------


def test_take_over_by_savepoint_is_refused_while_the_other_may_write(books) -> None:
    books.claim("first").submitted("job-1")
    with pytest.raises(CannotStart, match=r"--resume=FOLDER"):
        books.claim("second", take_over=True, continues=True, savepoint_path="file:///s")
    books.claim("second", take_over=True, continues=True, resume="/checkpoints")
    assert books.holder().began_with == "/checkpoints"


def test_two_savepoint_starts_at_once_are_one_too_many(books) -> None:
    books.claim("first").ended("stopped with a savepoint")
    books.claim("second", continues=True, savepoint_path="file:///s")
    with pytest.raises(CannotStart, match="run second of"):
        books.claim("third", continues=True, savepoint_path="file:///s")


def test_shards_are_those_of_the_run_whose_state_it_is(books) -> None:
    books.claim("first", shards=32).ended("stopped with a savepoint")
    books.claim("failed", shards=64).failed("no broker")

    with pytest.raises(CannotStart, match="--shards=16, but the state of run first lies in 32"):
        books.claim("second", shards=16, shards_asked_for=True, continues=True)
    _, config = books.door("third", shards=16, continues=True).claim()
    assert config.shards == books.holder().shards == 32


def test_topic_that_was_made_anew_is_refused_with_both_ids(books) -> None:
    books.claim("first", topic_id="A").ended("DONE")
    with pytest.raises(CannotStart, match=r"'payments' is another one.*id of it is B, it was A"):
        books.claim("second", topic_id="B", start_from_tables="/x")
    assert books.holder().run_id == "first"
    books.claim("second", topic_id="B", start_from_tables="/x", mirrored_topics=True)
    assert books.holder().topic_ids == {"payments": "B"}


def test_start_offsets_and_limits_are_in_the_table_and_its_view(books) -> None:
    claim = books.claim("first", topic_id="A")
    claim.begins_at([OffsetRange("payments", 0, 7, 9), OffsetRange("payments", 1, 0, 9)])
    claim.submitted("job-1")

    client = bigquery_client.connect("sandbox", books.standin.address)
    bigquery_views.create(client, books.dataset, sql_files.views())
    [row] = bigquery_client.rows(
        client,
        "SELECT run_id, job_id, start_offsets, topics, allowed_lateness_sec, clock_skew_sec, "
        f"shards FROM `sandbox.{books.dataset}.runs_current`",
    )
    assert row[:2] == ["first", "job-1"]
    assert json.loads(row[2]) == {"payments": {"0": 7, "1": 0}}
    assert json.loads(row[3]) == {"payments": "A"}
    assert row[4:] == [3_600, 300, 8]


def test_tools_take_their_limits_from_the_newest_run(books, standin) -> None:
    said: list[str] = []
    where = (f"sandbox.{books.dataset}", standin.address)
    assert limits.of_runs(*where, None, 60, said.append)[:2] == (3_600, 60)
    assert "no run of sandbox." in said.pop()

    books.claim("first", allowed_lateness_us=7_200_000_000).ended("DONE")
    books.claim("failed", allowed_lateness_us=1_000_000).failed("no broker")
    assert limits.of_runs(*where, None, 300, said.append)[:2] == (7_200, 300)
    assert said == []
    with pytest.raises(limits.Contradicts, match="must be 7200, as run first runs with, got 60"):
        limits.of_runs(*where, 60, None, said.append)

    books.claim("second", allowed_lateness_us=3_600_000_000)
    assert limits.of_runs(*where, None, None, said.append)[:2] == (3_600, 300)
    assert said == ["runs before second had other limits: what they judged may fail here"]


def test_tools_find_no_run_where_there_is_no_table(standin) -> None:
    client = bigquery_client.connect("sandbox", standin.address)
    client.create_dataset("sandbox.views", exists_ok=True)
    assert RunsTable("sandbox.views", standin.address).rows_if_any() == []


# --- What can be wrong --------------------------------------------------------------------------


def test_dataset_without_the_table_is_told(standin) -> None:
    client = bigquery_client.connect("sandbox", standin.address)
    client.create_dataset("sandbox.bare", exists_ok=True)
    with pytest.raises(CannotStart, match=r"payments tables create"):
        RunsTable("sandbox.bare", standin.address).chain("test")


def test_launch_goes_on_when_its_end_cannot_be_noted(books, caplog) -> None:
    claim = books.claim("first")
    claim._table = RunsTable(f"sandbox.{books.dataset}", "127.0.0.1:1")
    claim.submitted("job-1")
    assert "could not write to runs what became of run first" in caplog.text


def test_fate_of_a_job_that_nobody_can_ask_is_unknown(books) -> None:
    books.claim("first")
    run = dataclasses.replace(books.holder(), runner="DataflowRunner")
    assert earlier_job.of(run, None).fate is earlier_job.Fate.UNKNOWN


def test_fence_outlasts_the_time_between_two_questions() -> None:
    assert door.FENCE_SEC > claim_watch.ASK_EVERY_SEC
