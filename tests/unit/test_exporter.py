"""The exporter serves what the sources said last, each for itself, and nothing that is too old."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from operations.exporter import command, flags, loop, query_cost, readings
from operations.exporter.board import Board
from operations.exporter.readings import Sample
from operations.exporter.server import serve
from operations.flink_failures import Failure
from operations.health.topic_side import OpenTransaction
from operations.reconcile.truth import OffsetRange
from operations.reconcile.verdicts import Verdict
from payments import exit_codes
from tests.support import exporter_world
from tests.support.exporter_world import NOW, PAIR, Rounds, World, run
from tests.support.fake_flink import FakeFlink, failure, fake_flink, job
from transforms.payment.dead_letter import Reason

FLAGS = [
    "--kafka_bootstrap_servers=127.0.0.1:1",
    "--kafka_topics=payments",
    "--bigquery_dataset=my-project.payments",
    "--bigquery_endpoint=127.0.0.1:1",
]
PLACE = ("payments", "0")


@pytest.fixture
def flink() -> Iterator[FakeFlink]:
    with fake_flink() as running:
        yield running


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return exporter_world.world(monkeypatch)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds by which the loops' clock is ahead."""
    ahead = [0.0]
    real = time.monotonic
    monkeypatch.setattr(loop.time, "monotonic", lambda: real() + ahead[0])
    return ahead


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


# --- Values --------------------------------------------------------------------------------------


def age_of(world: World) -> float:
    """Returns how long ago the world was made, in seconds."""
    return (dt.datetime.now(dt.UTC) - world.now).total_seconds()


def test_values_of_kafka_and_tables(world: World) -> None:
    before = age_of(world)
    values = Rounds().look()

    assert values["payments_topic_begin_offset", PLACE] == 10
    assert values["payments_topic_end_offset", PLACE] == 110
    assert values["payments_reach_offset", PLACE] == 107
    assert values["payments_lag_records", PLACE] == 3
    assert 40 + before <= values["payments_newest_row_age_seconds", ()] <= 40 + age_of(world)
    assert values["payments_recent_records", ("accepted",)] == 97
    assert values["payments_recent_records", ("late",)] == 0
    assert values["payments_duplicate_ratio", ()] == 0.02
    assert values["payments_dead_letter_ratio", ()] == 0.2
    assert values["payments_open_transactions", ()] == 0


def test_each_reason_has_a_value_also_one_of_a_later_version(world: World) -> None:
    world.reasons = {"not_json": 25, "of_a_later_version": 1}
    values = Rounds().look()

    found = {labels[0]: value for (name, labels), value in values.items() if "dead_letters" in name}
    assert found == {each.value: 0 for each in Reason} | world.reasons


def test_open_transactions_are_told(world: World) -> None:
    for seconds, partition in ((90, 0), (30, 1)):
        since = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=seconds)
        one = OpenTransaction("payments", partition, 105, 7, since, 5)
        world.transactions = [*world.transactions, one]
    values = Rounds().look()

    assert values["payments_open_transactions", ()] == 2
    assert values["payments_open_transaction_age_seconds", ()] == pytest.approx(90, abs=20)
    assert values["payments_open_transaction_records", ()] == 10


def test_old_rows_are_no_age_while_no_record_waits(world: World) -> None:
    world.waiting = {PAIR: 0}

    assert Rounds().look()["payments_newest_row_age_seconds", ()] == 0


def test_first_payment_after_a_quiet_night_is_not_old(world: World) -> None:
    """The newest row was hours old then, and one look was enough for the pager."""
    rounds = Rounds()
    waiting, world.waiting = world.waiting, {PAIR: 0}
    rounds.look()
    world.waiting = waiting

    assert 0 < rounds.look()["payments_newest_row_age_seconds", ()] < 40


def test_values_of_a_job(world: World, flink: FakeFlink) -> None:
    flink.put(job(), running=3, restarts=3, failures=[failure(5)])
    values = Rounds(flink.address).look()

    assert values["payments_job_lives", ()] == 1
    assert values["payments_stopped_tasks", ()] == 0.25
    assert values["payments_checkpoint_age_seconds", ()] == pytest.approx(3, abs=2)
    assert values["payments_state_bytes", ()] == 1_000
    assert values["payments_watermark_age_seconds", ()] == pytest.approx(7, abs=2)
    assert values["payments_restarts", ()] == 3
    age_sec = values["payments_last_failure_age_seconds", ("CannotDecode",)]
    assert age_sec == pytest.approx(5, abs=2)
    assert values["payments_claim_lost", ()] == 0


def test_what_a_job_cannot_have_yet_is_left_out(world: World, flink: FakeFlink) -> None:
    flink.put(job(), checkpoint_sec_ago=None, watermark_ms=-(2**63))
    names = {name for name, _ in Rounds(flink.address).look()}

    assert not names & {
        "payments_checkpoint_age_seconds",
        "payments_state_bytes",
        "payments_watermark_age_seconds",
        "payments_last_failure_age_seconds",
    }


def test_cluster_without_a_job_has_stopped_tasks(world: World, flink: FakeFlink) -> None:
    values = Rounds(flink.address).look()

    assert values["payments_job_lives", ()] == 0
    assert values["payments_stopped_tasks", ()] == 1
    assert ("payments_restarts", ()) not in values


def test_verdict_and_holder_are_told(world: World) -> None:
    before = age_of(world)
    values = Rounds().look()

    assert values["payments_claim_held", ()] == 1
    assert values["payments_claim_timestamp_seconds", ()] == run("claim").started_at.timestamp()
    assert values["payments_reconcile_balanced", ()] == 1
    assert 3_600 + before <= values["payments_reconcile_age_seconds", ()] <= 3_600 + age_of(world)

    world.verdict = Verdict("not_reconciled", NOW, 7, 2, 1)
    world.chain = [exporter_world.root("1"), run("claim", ended_at=NOW)]
    values = Rounds().look()

    assert values["payments_claim_held", ()] == 0
    assert values["payments_reconcile_balanced", ()] == 0
    found = [values[f"payments_reconcile_{name}", ()] for name in ("missing", "double", "unknown")]
    assert found == [7, 2, 1]


def test_tables_that_nobody_has_checked_have_no_verdict(world: World) -> None:
    world.verdict, world.chain = None, []
    names = {name for name, _ in Rounds().look()}

    assert "payments_reconcile_balanced" not in names
    assert "payments_claim_held" in names and "payments_claim_timestamp_seconds" not in names


def test_job_whose_run_was_followed_by_another_is_told(world: World, flink: FakeFlink) -> None:
    other = dataclasses.replace(run("other"), job_name="payments-other")
    world.chain = [exporter_world.root("1"), run("claim", followed_by="other"), other]
    flink.put(job("a1"))
    flink.put(job("b2", name="payments-other"))
    values = Rounds(flink.address).look()

    assert values["payments_claim_lost", ()] == 1
    assert values["payments_probe_success", ("flink",)] == 1  # which job is meant, `runs` says


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        ("CannotDecode: not JSON", "CannotDecode"),
        ("OutOfMemoryError", "OutOfMemoryError"),
        ("the card 4111 1111 was refused", "other"),
        ('Bad"Class\n: x', "other"),
        ("", "other"),
        ("X" * 65, "other"),
    ],
)
def test_kind_of_a_failure_is_no_free_text(cause: str, kind: str) -> None:
    assert readings.kind_of(Failure(NOW, cause)) == kind


def test_odd_characters_in_labels_come_back_as_they_were(world: World) -> None:
    odd = 'a"b\\c\nd{e="f"},ü'
    world.reasons = {odd: 1}

    assert Rounds().look()["payments_recent_dead_letters", (odd,)] == 1


# --- Looks ---------------------------------------------------------------------------------------


def test_rows_that_are_read_reach_back_as_far_as_the_partition_that_is_behind(world: World) -> None:
    rounds = Rounds()
    rounds.look()
    rounds.look()

    first, second = world.asked
    assert first["recent_sec"] == 2 * 86_400 + 3_600 and not first["known"]
    assert second["recent_sec"] == 600 + 3_600 and second["known"] == {PAIR}
    world.tables = world.tables._replace(newest={PAIR: world.now - dt.timedelta(days=3)})
    before = age_of(world)
    rounds.look()
    rounds.look()
    asked = world.asked[-1]["recent_sec"] - 3 * 86_400 - 3_600
    assert int(before) <= asked <= age_of(world) + 1

    world.waiting = {PAIR: 0}  # it is old because nothing comes
    rounds.look()
    rounds.look()
    assert world.asked[-1]["recent_sec"] == 600 + 3_600


def test_lateness_is_that_of_the_run(world: World) -> None:
    world.chain = [exporter_world.root("1"), run("claim", allowed_lateness_sec=7_200)]
    rounds = Rounds()
    rounds.look()
    rounds.look()

    assert world.asked[1]["recent_sec"] == 600 + 7_200


def test_partition_without_rows_is_not_looked_for_at_every_look(
    world: World, clock: list[float]
) -> None:
    world.ranges = [*world.ranges, OffsetRange("payments", 1, 0, 5)]
    rounds = Rounds()
    for _ in range(3):
        rounds.look()
    assert [("payments", 1) in each["known"] for each in world.asked] == [False, True, True]

    clock[0] += 1_000
    rounds.look()
    assert ("payments", 1) not in world.asked[-1]["known"]


def test_reach_stays_where_a_quiet_partition_stood(world: World) -> None:
    rounds = Rounds()
    rounds.look()
    world.tables = world.tables._replace(reach={}, newest={}, recent={})
    values = rounds.look()

    assert values["payments_reach_offset", PLACE] == 107
    assert values["payments_recent_records", ("accepted",)] == 0


# --- Sources that are down -----------------------------------------------------------------------

OWN = {
    "kafka": "payments_topic_end_offset",
    "tables": "payments_recent_records",
    "audit": "payments_reconcile_balanced",
    "flink": "payments_job_lives",
}


@pytest.mark.parametrize("down", OWN)
def test_source_that_is_down_leaves_the_others_fresh(
    down: str, world: World, flink: FakeFlink, clock: list[float]
) -> None:
    flink.put(job())
    rounds = Rounds(flink.address)
    rounds.look()
    world.down.add(down)
    if down == "flink":
        flink.jobs["a1"] = {"jid": "a1"}  # no answer that can be read
    rounds.look()

    values = rounds.values()
    probes = {source: values["payments_probe_success", (source,)] for source in OWN}
    assert probes == {source: source != down for source in OWN}
    assert OWN[down] in {name for name, _ in values}  # one look that fails takes nothing

    clock[0] += 190
    rounds.look()
    names = {name for name, _ in rounds.values()}
    assert {source for source, name in OWN.items() if name in names} == OWN.keys() - {down}
    lag_is_told = down not in ("kafka", "tables")
    assert ("payments_lag_records" in names) == lag_is_told
    assert ("payments_newest_row_age_seconds" in names) == lag_is_told
    assert values["payments_probe_age_seconds", (down,)] >= 0

    world.down.clear()
    flink.put(job())
    assert rounds.look()["payments_probe_success", (down,)] == 1
    assert OWN[down] in {name for name, _ in rounds.values()}


def test_source_that_is_slow_is_not_silent(clock: list[float]) -> None:
    def look() -> list[Sample]:
        clock[0] += 40
        return [Sample("payments_job_lives", 1)]

    slow = loop.Loop("flink", 15, look)
    slow.look()
    clock[0] += 55  # its pause, and as long as the look that is under way
    assert slow.succeeds and slow.samples
    clock[0] += 80
    assert not slow.succeeds and not slow.samples


def test_look_that_hangs_is_no_success(world: World, clock: list[float]) -> None:
    rounds = Rounds()
    rounds.look()
    clock[0] += 47  # three looks of 15 s
    values = rounds.values()

    assert values["payments_probe_success", ("kafka",)] == 0
    assert values["payments_probe_success", ("tables",)] == 1
    assert ("payments_topic_end_offset", PLACE) not in values


def test_tables_are_asked_without_partitions_when_kafka_is_down(world: World) -> None:
    world.down.add("kafka")
    values = Rounds().look()

    assert world.asked[0]["ranges"] is None
    assert values["payments_recent_records", ("accepted",)] == 97
    assert ("payments_lag_records", PLACE) not in values


def test_error_of_ours_in_a_look_is_told_with_its_stack_and_takes_one_source(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.ranges = None  # type: ignore[assignment]
    values = Rounds().look()

    assert values["payments_probe_success", ("kafka",)] == 0
    assert values["payments_probe_success", ("audit",)] == 1
    assert "TypeError" in caplog.text


def test_source_that_goes_away_is_told_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    rounds = Rounds()
    world.down.add("audit")
    for _ in range(3):
        rounds.by_source("audit").look()
    world.down.clear()
    rounds.by_source("audit").look()

    assert [record.getMessage() for record in caplog.records] == [
        "could not ask audit: audit does not answer",
        "audit answers again",
    ]


def test_loop_looks_at_its_own_pace_and_anew_when_it_is_asked() -> None:
    looked: list[float] = []

    def look() -> list[Sample]:
        looked.append(time.monotonic())
        return []

    slow = loop.Loop("kafka", 60, look)
    slow.start()
    try:
        slow.look_anew(10)
        before = len(looked)
        asked_at = time.monotonic()
        slow.look_anew(10)
    finally:
        slow.stop()
    assert looked[before] >= asked_at
    assert slow.succeeds


def test_loop_that_hangs_is_waited_for_no_longer_than_said() -> None:
    stuck = loop.Loop("kafka", 60, lambda: [])
    began = time.monotonic()
    stuck.look_anew(0.1)  # it was never started

    assert 0.1 <= time.monotonic() - began < 5


# --- The server ----------------------------------------------------------------------------------


def test_scrape_is_served_and_asks_nobody(world: World) -> None:
    rounds = Rounds()
    rounds.look()
    asked = len(world.asked)
    address = f"127.0.0.1:{free_port()}"
    server = serve(address, Board(rounds.loops))
    try:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            text = answer.read().decode()
            kind = answer.headers["Content-Type"]
        with urllib.request.urlopen(f"http://{address}/healthz", timeout=10) as answer:
            assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://{address}/other", timeout=10)
    finally:
        server.shutdown()
        server.server_close()
    assert kind.startswith("text/plain")
    assert exporter_world.values_of(text)["payments_topic_end_offset", PLACE] == 110
    assert len(world.asked) == asked


def test_port_that_is_taken_is_a_line_and_3(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        assert command.main([*FLAGS, f"--listen={listen}"]) == exit_codes.COULD_NOT_LOOK

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: cannot listen on {listen}: Address already in use. Hint: ")


@pytest.mark.parametrize("flag", ["--listen=9250", "--tables_every_sec=0", "--window_sec=x"])
def test_flag_that_is_wrong_is_a_line_and_2(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        command.main([*FLAGS, flag])

    assert end.value.code == exit_codes.USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert flag.partition("=")[0] in line


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signal_ends_it_though_sources_are_down(number: int, code: int) -> None:
    address = f"127.0.0.1:{free_port()}"
    program = subprocess.Popen(
        [sys.executable, "-m", "payments", "exporter", *FLAGS, f"--listen={address}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        # A shell's background jobs ignore Ctrl-C, and so would what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert program.stdout is not None
        assert program.stdout.readline() == f"serving http://{address}/metrics\n"
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            values = exporter_world.values_of(answer.read().decode())
        program.send_signal(number)
        _, said = program.communicate(timeout=20)
    finally:
        program.kill()
    assert values["payments_probe_success", ("kafka",)] == 0
    assert program.returncode == code, said
    assert "Traceback" not in said


# --- What it costs -------------------------------------------------------------------------------


def test_help_tells_what_the_defaults_cost(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--help"])
    said = capsys.readouterr().out

    cost = query_cost.of_a_day(flags.TABLES_EVERY_SEC, flags.AUDIT_EVERY_SEC, 10_000)
    assert str(cost) in said
    assert re.search(r"4,320 queries a day that read \d+ GB", said)


def test_cost_follows_rate_and_records() -> None:
    often, seldom = (query_cost.of_a_day(pause, 86_400, 10_000) for pause in (60, 600))
    assert often.queries == 2 * 1_440 + 1
    assert often.read_bytes == pytest.approx(10 * seldom.read_bytes, rel=0.01)

    # Of small tables ten megabytes each are billed.
    assert query_cost.of_a_day(86_400, 86_400, 0).read_bytes == 80_000_000
