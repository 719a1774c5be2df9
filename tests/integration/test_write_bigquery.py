"""The sink's calls, and the whole step on DirectRunner, against a stand-in that has bad days."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.integration.sink_dataset import Dataset, append, payments
from tests.integration.standin_process import Standin
from tests.support.bigquery_parts import Clock, part, part_of
from tests.support.dead_letters import letter
from transforms.bigquery import append_connection, append_rows, patience
from transforms.bigquery.arrow_rows import ENCODERS
from transforms.bigquery.errors import CannotWrite
from transforms.bigquery.table_stream import Position
from transforms.bigquery.write_client import WriteClient
from transforms.payment.dedup_policy import DedupPolicy, RepeatedRecord

pytestmark = pytest.mark.integration

_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    running = Standin(tmp_path_factory.mktemp("standin"))
    yield running
    running.kill()


@pytest.fixture
def dataset(standin: Standin) -> Iterator[Dataset]:
    made = Dataset(standin)
    yield made
    for each in made.connections.values():
        each.close()
    made.client.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


# --- The calls ------------------------------------------------------------------------------------


# The stand-in counts every answer; what is appended again must not always be the one it spoils.
APPEND_FAULTS = [
    {"drop_after_append_every": 7},
    {"append_not_found_every": 3},
    {"append_exhausted_every": 3},
    {"append_deadline_every": 3},
    {"append_offset_taken_every": 3},
    {"drop_after_flush_every": 2},
    {"flush_unavailable_every": 2},
    {"create_exhausted_every": 2, "append_not_found_every": 3},
]


@pytest.mark.parametrize("faults", APPEND_FAULTS, ids=lambda faults: "+".join(faults))
def test_rows_are_visible_once_whatever_befalls_a_call(dataset, standin, clock, faults) -> None:
    with standin.spoiled(**faults):
        first = append(dataset, 11)
        second = append(dataset, 11, first.position)
        append(dataset, 1, second.position)
    assert dataset.counted() == (46, 46)


def test_a_call_that_hangs_is_given_up_and_made_again(dataset, standin, clock, monkeypatch) -> None:
    monkeypatch.setattr(append_connection, "ANSWER_SEC", 1.0)
    with standin.spoiled(append_hangs_every=4):
        append(dataset, 6)
    assert dataset.counted() == (12, 12)


def test_answers_that_come_after_they_were_given_up_change_nothing(
    dataset, standin, clock, monkeypatch
) -> None:
    first = append(dataset, 1)
    stream = dataset.stream()
    monkeypatch.setattr(append_connection, "ANSWER_SEC", 0.05)
    late = [part("late-1", offset=7), part("late-2", offset=8)]
    # Every append is applied, later than it is waited for, and answered to nobody.
    with standin.spoiled(append_delay_ms=700), pytest.raises(CannotWrite):
        stream.append(first.position, late)
    monkeypatch.setattr(append_connection, "ANSWER_SEC", 30.0)
    append(dataset, 2, first.position)
    assert dataset.counted() == (6, 6)
    assert dataset.sql("SELECT COUNT(*) FROM `IN_transactions` WHERE transaction_id LIKE 'late%'")[
        0
    ] == (0,)


def test_bigquery_may_be_unavailable_for_a_while(dataset, standin, clock, monkeypatch) -> None:
    first = append(dataset, 2)

    def sleep(seconds: float) -> None:
        clock.pauses.append(seconds)
        if len(clock.pauses) == 5:
            standin.faults.write_text("{}")

    monkeypatch.setattr(clock, "sleep", sleep)
    with standin.spoiled(unavailable=True):
        second = append(dataset, 3, first.position)
    assert len(clock.pauses) == 5
    assert second.position.stream == first.position.stream
    assert dataset.counted() == (10, 10)


def test_bigquery_may_die_and_come_back(tmp_path, clock, monkeypatch) -> None:
    monkeypatch.setattr(patience, "GIVE_UP_SEC", 1e9)  # a start takes as long as it takes
    standin = Standin(tmp_path)
    try:
        dataset = Dataset(standin)
        first = append(dataset, 2)
        unseen = dataset.stream()
        unseen.append(first.position, [part("unseen", offset=7)])
        standin.kill()

        def sleep(seconds: float) -> None:
            if standin.process.poll() is not None:
                standin.start()
            time.sleep(0.05)  # gRPC connects again when it is let

        monkeypatch.setattr(clock, "sleep", sleep)
        dataset.flush(unseen)
        append(dataset, 3, unseen.position)
        assert dataset.counted() == (11, 11)
    finally:
        standin.kill()


def test_a_flush_of_rows_that_are_gone_names_stream_and_offset(dataset, standin, clock) -> None:
    stream = dataset.stream()
    stream.append(Position(), [part("a", "b", "c")])
    name = stream.position.stream
    with standin.spoiled(flush_not_found_every=1), pytest.raises(CannotWrite) as told:
        dataset.flush(stream)
    assert f"stream {name} cannot be flushed up to offset 2 (NOT_FOUND" in str(told.value)
    with pytest.raises(CannotWrite, match=r"up to offset 8 .OUT_OF_RANGE"):
        dataset.client.flush(name, 9)
    dataset.flush(stream)
    dataset.flush(stream)  # twice does the same as once
    assert dataset.counted() == (3, 3)


def test_patience_ends_in_one_line(dataset, standin, clock) -> None:
    asks = {
        "open a stream of transactions": lambda: dataset.client.create_stream("transactions"),
        "flush nothing": lambda: dataset.client.flush("nothing", 1),
    }
    with standin.spoiled(unavailable=True):
        for what, ask in asks.items():
            with pytest.raises(CannotWrite, match=f"would not {what} for 300 s") as told:
                ask()
            assert "\n" not in str(told.value)


def test_a_table_that_is_missing_is_said_in_one_line(dataset, clock) -> None:
    with pytest.raises(CannotWrite, match=r"opens no stream of .*/tables/nowhere: .*tables diff"):
        dataset.client.create_stream("nowhere")


def test_a_stream_of_another_attempt_is_left_where_state_ends(dataset, clock) -> None:
    first = append(dataset, 2)
    zombie = dataset.stream()
    zombie.append(first.position, [part("zombie", offset=77)])
    second = append(dataset, 3, first.position)
    assert second.position.stream != first.position.stream
    zombie.append(zombie.position, [part("zombie again", offset=78)])
    append(dataset, 1, second.position)
    assert dataset.counted() == (12, 12)


def test_the_largest_request_is_taken(dataset, clock) -> None:
    largest = letter(key=b"k" * 2**21, payload=b"p" * 2**21)
    stream = dataset.stream("dead_letters")
    stream.append(Position(), [part_of("dead_letters", [largest])])
    dataset.flush(stream)
    asked = "SELECT COUNT(*), MAX(LENGTH(key)), MAX(LENGTH(payload)) FROM `IN_dead_letters`"
    assert dataset.sql(asked) == [(1, 2**21, 2**21)]


# --- Nothing is left behind -----------------------------------------------------------------------


def _append_threads() -> int:
    return sum(each.name == "append-rows" for each in threading.enumerate())


def test_threads_do_not_grow_with_problems(dataset, standin, clock) -> None:
    append(dataset, 1)
    before = threading.active_count()
    with standin.spoiled(drop_after_append_every=7):
        for _ in range(10):
            append(dataset, 4)
    assert _append_threads() <= len(dataset.connections)
    for each in dataset.connections.values():
        each.close()
    dataset.connections.clear()
    _settle(before)


def test_a_step_that_is_torn_down_leaves_no_thread(dataset, clock) -> None:
    before = threading.active_count()
    for _ in range(3):
        step = append_rows._AppendFn(dataset.sink, ENCODERS, "version", WriteClient)
        step.setup()
        known: dict[str, Position] = {}
        step._append_all(known, {"transactions": [part(f"{next(_NUMBERS)}")]})
        step.teardown()
    _settle(before)


def _settle(before: int) -> None:
    for each in threading.enumerate():
        if each is not threading.main_thread() and threading.active_count() > before:
            each.join(1)
    assert threading.active_count() <= before, [each.name for each in threading.enumerate()]


# --- The whole step -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "faults",
    [
        {},
        {"drop_after_append_every": 7},
        {"append_not_found_every": 2, "create_exhausted_every": 3},
        {"append_exhausted_every": 2, "drop_after_flush_every": 2},
        {"append_offset_taken_every": 2, "flush_unavailable_every": 2},
    ],
    ids=lambda faults: "+".join(faults) or "none",
)
def test_the_whole_step_writes_every_element_once(dataset, standin, clock, faults) -> None:
    paid = payments(300)
    copies = [RepeatedRecord(each, DedupPolicy(1).remember(each)) for each in paid[:40]]
    with standin.spoiled(**faults):
        dataset.write(
            transactions=paid,
            duplicates=copies,
            late_transactions=paid[:7],
            dead_letters=[letter(offset=number) for number in range(5)],
        )
    assert dataset.counted() == (300, 300)
    assert dataset.counted("duplicates") == (40, 40)
    assert dataset.counted("late_transactions") == (7, 7)
    assert dataset.counted("dead_letters") == (5, 5)
    [[amount, minor, versions]] = dataset.sql(
        "SELECT SUM(amount), SUM(amount_minor), COUNT(DISTINCT pipeline_version) "
        "FROM `IN_transactions`"
    )
    assert minor == sum(each.amount_minor for each in paid)
    assert amount == Decimal(minor) / 100
    assert versions == 1


def test_refused_rows_are_kept_as_dead_letters_with_their_lineage(dataset, standin, clock) -> None:
    paid = payments(60)
    bad = [13, 14, 30, 44, 59]  # more than the three that an answer names
    for number in bad:
        paid[number] = paid[number]._replace(merchant_id="REFUSE-ME")
    with standin.spoiled(refuse_rows_with="REFUSE-ME", refuse_tables=["transactions"]):
        dataset.write(transactions=paid)
    assert dataset.counted() == (55, 55)
    found = dataset.sql(
        "SELECT kafka_topic, kafka_partition, kafka_offset, reason, step FROM `IN_dead_letters` "
        "ORDER BY kafka_offset"
    )
    assert found == [
        ("payments", 0, number, "refused_by_bigquery", "WriteBigQuery") for number in bad
    ]


def test_a_refused_dead_letter_stops_the_job(dataset, standin, clock) -> None:
    faults = {"refuse_rows_with": "REFUSE-ME", "refuse_tables": ["dead_letters"]}
    told = pytest.raises(Exception, match="BigQuery refused a row of dead_letters")
    with standin.spoiled(**faults), told:
        dataset.write(dead_letters=[letter(detail="REFUSE-ME")])
    assert dataset.counted("dead_letters") == (0, 0)


def test_many_refused_rows_stop_the_job_and_none_is_visible(dataset, standin, clock) -> None:
    told = pytest.raises(Exception, match="refuses one row of transactions after the other")
    with standin.spoiled(refuse_rows_with="REFUSE-ME"), told:
        dataset.write(transactions=payments(150, merchant_id="REFUSE-ME"))
    assert dataset.counted() == (0, 0)
    assert dataset.counted("dead_letters") == (0, 0)


def test_a_job_that_cannot_flush_stops(dataset, standin, clock) -> None:
    told = pytest.raises(Exception, match=r"/streams/.* cannot be flushed up to offset \d+")
    with standin.spoiled(flush_not_found_every=1), told:
        dataset.write(transactions=payments(3))
