"""A trace tells apart what is counted, what waits, and every way in which a record is not there."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from operations.errors import CannotCheck
from operations.reconcile.truth import Place
from operations.runs.run import Run
from operations.trace import command, flags, text
from operations.trace.found import Asked, State, Trace
from operations.trace.row import Raised, Total, micros, moment_of
from operations.trace.trace import Tracer
from payments import cli, exit_codes
from tests.support import contracts, no_runs
from tests.support.payments import SECOND_US, payload, record
from tests.support.traces import LONG_AGO, START_US, FakeTables, FakeTopic, place, row
from transforms.codecs.contract.decoder import Decoder
from transforms.kafka.reader import CannotRead
from transforms.payment import replay
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import ReplayOf

RUN = Run("run-1/a", "run-1", moment_of(START_US), "me@here", "1", runner="FlinkRunner")
ACCEPTED = row(Outcome.ACCEPTED, 7)
FLAGS = [
    "--kafka_bootstrap_servers=broker:9092",
    "--kafka_topics=payments",
    "--bigquery_dataset=my-project.payments",
]


def trace(
    target: Place | str, tables: FakeTables | None = None, topic: FakeTopic | None = None
) -> Trace:
    asked = Asked(target, ("payments",), micros(LONG_AGO), 1_000)
    sides: Any = (tables or FakeTables(), topic or FakeTopic())
    return Tracer(*sides).trace(asked)


def said(found: Trace) -> str:
    return "\n".join(text.lines(found))


# --- States ---------------------------------------------------------------------------------------


CONTRACT = contracts.contract(keep=[{"at": "state", "in": ["done"], "skip": ["open"]}])


def of_contract(state: str, **skipped: bool) -> Trace:
    """Returns what is told of a record in ranges, which are whole or have others between."""
    there = record(contracts.payload(state=state))
    sides: Any = (FakeTables(skipped=skipped), FakeTopic([there]))
    asked = Asked(place(7), ("payments",), micros(LONG_AGO), 1_000)
    return Tracer(*sides, decoder=Decoder(CONTRACT)).trace(asked)


def test_record_in_a_range_is_skipped_by_its_rule() -> None:
    [(_, rule)] = Decoder(CONTRACT).decode([record(contracts.payload(state="open"))]).skipped

    found = of_contract("open", **{rule: False})

    assert (found.state, found.skipped_by) == (State.SKIPPED, rule)
    assert f"skipped by {rule!r}" in said(found) and found.state.found


def test_control_what_only_lies_between_skipped_records_is_not_skipped() -> None:
    assert of_contract("open", other=False).state is not State.SKIPPED
    assert of_contract("done", **{"state=open": False}).state is not State.SKIPPED
    assert of_contract("open").state is not State.SKIPPED


def test_without_the_record_a_whole_range_says_enough() -> None:
    found = trace(place(7), FakeTables(skipped={"state=open": True}))

    assert (found.state, found.skipped_by) == (State.SKIPPED, "state=open")
    assert trace(place(7), FakeTables(skipped={"a": False})).state is not State.SKIPPED


def test_counted_id_is_found() -> None:
    found = trace("tx-1", FakeTables([ACCEPTED]))

    assert (found.state, found.rows) == (State.COUNTED, (ACCEPTED,))
    assert "tx-1: 1 accepted" in said(found)
    assert "payments/0/7" in said(found) and "12.50 EUR" in said(found)


def test_control_another_id_is_unknown() -> None:
    found = trace("tx-2", FakeTables([ACCEPTED]))

    assert (found.state, found.rows) == (State.UNKNOWN, ())
    assert not found.state.found
    assert "tx-2: unknown" in said(found)


@pytest.mark.parametrize("target", ["tx-1", place(8)])
def test_record_that_a_running_job_has_not_counted_waits_for_a_checkpoint(
    target: Place | str,
) -> None:
    topic = FakeTopic([record(payload(), offset=8)])

    found = trace(target, FakeTables(run=RUN), topic)

    assert found.state is State.WAITS_FOR_CHECKPOINT and found.state.found
    assert "waits for a checkpoint" in said(found)
    assert "run run-1 of me@here" in said(found)


@pytest.mark.parametrize("target", ["tx-1", place(8)])
def test_control_without_a_job_it_waits_for_one(target: Place | str) -> None:
    found = trace(target, FakeTables(), FakeTopic([record(payload(), offset=8)]))

    assert found.state is State.WAITS_FOR_JOB
    assert "no run that reads its topic holds the tables" in said(found)


@pytest.mark.parametrize(
    ("topic", "state"),
    [("payments", State.WAITS_FOR_CHECKPOINT), ("other", State.WAITS_FOR_JOB)],
)
def test_job_that_reads_another_topic_is_not_waited_for(topic: str, state: State) -> None:
    run = dataclasses.replace(RUN, topics=json.dumps({topic: "id"}))

    found = trace(place(8), FakeTables(run=run), FakeTopic([record(payload(), offset=8)]))

    assert found.state is state


@pytest.mark.parametrize(
    ("later_sec", "state"), [(599, State.WAITS_FOR_CHECKPOINT), (601, State.PASSED_OVER)]
)
def test_record_that_the_tables_have_passed_is_told(later_sec: int, state: State) -> None:
    tables = FakeTables([row(Outcome.ACCEPTED, 20, later_sec, transaction_id="tx-2")], run=RUN)

    found = trace(place(8), tables, FakeTopic([record(payload(), offset=8)]))

    assert found.state is state
    assert ("payments reconcile" in said(found)) == (state is State.PASSED_OVER)


@pytest.mark.parametrize(
    ("target", "state", "told"),
    [
        (place(3), State.REMOVED, "removed by retention: payments[0] begins at 5"),
        (place(8), State.NO_RECORD, "a marker of a transaction"),
        (place(100), State.NOT_COMMITTED, "held back by an open transaction"),
        (place(120), State.BEYOND, "payments[0] ends at 110"),
        (place(8, partition=4), State.UNKNOWN, "payments has 1 partitions"),
        (Place("other", 0, 8), State.UNKNOWN, "there is no topic 'other'"),
    ],
)
def test_every_way_of_not_being_there_is_told_apart(target: Place, state: State, told: str) -> None:
    found = trace(target, topic=FakeTopic(start=5, end=100, uncommitted_end=110))

    assert found.state is state
    assert told in said(found)


@pytest.mark.parametrize("offset", [3, 8, 100, 120])
def test_control_a_row_counts_whatever_kafka_has(offset: int) -> None:
    tables = FakeTables([row(Outcome.ACCEPTED, offset)])

    found = trace(place(offset), tables, FakeTopic(start=5, end=100, uncommitted_end=110))

    assert found.state is State.COUNTED


@pytest.mark.parametrize("problem", [CannotRead("gone"), CannotCheck("gone")])
@pytest.mark.parametrize("target", ["tx-1", place(7)])
def test_tables_are_told_when_kafka_does_not_answer(
    target: Place | str, problem: Exception
) -> None:
    found = trace(target, FakeTables([ACCEPTED]), FakeTopic(problem=problem))

    assert (found.state, found.kafka_problem) == (State.COUNTED, "gone")
    assert trace(target, topic=FakeTopic(problem=problem)).state is State.NOT_ASKED


# --- What stands beside it ------------------------------------------------------------------------


def test_conflict_is_told_with_both_values_and_a_copy_with_what_agrees() -> None:
    copy = row(Outcome.DUPLICATE, 8, 1, first=ACCEPTED)
    other = {"amount_minor": 1300, "merchant_id": "shop-2"}
    conflict = row(Outcome.CONFLICT, 9, 2, first=ACCEPTED, **other)

    found = trace("tx-1", FakeTables([conflict, ACCEPTED, copy]))

    assert found.rows == (ACCEPTED, copy, conflict)
    assert text.what(conflict, found) == (
        "contradicts payments/0/7 in amount_minor 1300, accepted 1250, "
        "merchant_id shop-2, accepted shop-1"
    )
    assert text.what(copy, found) == (
        "copies payments/0/7: amount_minor, currency, account_id, merchant_id agree"
    )
    [_, _, document] = text.document(found)["records"]
    assert document["differs_in"][0] == {"fact": "amount_minor", "value": 1300, "accepted": 1250}


def test_accepted_record_older_than_the_window_is_fetched() -> None:
    old = row(Outcome.ACCEPTED, 7, -30 * 86_400)
    copy = row(Outcome.DUPLICATE, 8, first=old)
    tables = FakeTables([old, copy])

    found = trace("tx-1", tables)

    assert found.rows == (old, copy)
    assert [since for name, since in tables.asked if name == "at"] == [old.arrived_at]


def test_every_question_is_bounded() -> None:
    forged = row(Outcome.DUPLICATE, 8, first=ACCEPTED, original_time=moment_of(0))
    tables = FakeTables([forged])

    trace("tx-1", tables)

    assert min(since for _, since in tables.asked) == LONG_AGO - dt.timedelta(days=366)
    assert [since for name, since in tables.asked if name == "of_id"] == [LONG_AGO]


def test_record_that_kafka_has_is_looked_up_from_its_arrival_on() -> None:
    tables = FakeTables([ACCEPTED])

    trace(place(7), tables, FakeTopic([record(payload(), offset=7)]))

    assert tables.asked[0] == ("at", moment_of(START_US))


@pytest.mark.parametrize(
    ("original_us", "since_us"),
    [
        (START_US - 30 * 86_400 * SECOND_US, START_US - 30 * 86_400 * SECOND_US),
        (0, START_US - 366 * 86_400 * SECOND_US),  # forged
    ],
)
def test_replay_is_looked_up_from_its_first_arrival_on(original_us: int, since_us: int) -> None:
    header = replay.encode(ReplayOf("payments", 0, 3, original_us))
    sent_again = record(payload(), offset=7)._replace(replay_header=header)
    tables = FakeTables([ACCEPTED])

    trace(place(7), tables, FakeTopic([sent_again]))

    assert tables.asked[0] == ("at", moment_of(since_us))


@pytest.mark.parametrize("target", ["tx-1", place(3), place(7)])
def test_replays_are_linked_both_ways(target: Place | str) -> None:
    letter = row(Outcome.INVALID, 3, -60, payload=payload(currency="EURO"))
    replayed = row(Outcome.ACCEPTED, 7, replay_of=letter)

    found = trace(target, FakeTables([letter, replayed]))

    assert found.rows == (letter, replayed)
    assert text.what(letter, found) == "unknown_currency: EURO; sent again as payments/0/7"
    assert text.what(replayed, found) == "sends payments/0/3 again"


def test_chain_of_replays_that_is_a_circle_ends() -> None:
    one = row(Outcome.INVALID, 3, payload=b"{}")
    two = row(Outcome.INVALID, 4, 1, replay_of=one, payload=b"{}")
    circle = row(Outcome.INVALID, 3, replay_of=two, payload=b"{}")

    assert len(trace(place(3), FakeTables([circle, two])).rows) == 2


def test_row_that_is_there_twice_is_told_twice() -> None:
    found = trace("tx-1", FakeTables([ACCEPTED, ACCEPTED]))

    assert found.rows == (ACCEPTED, ACCEPTED)
    assert "note: payments/0/7 has more than one row" in said(found)
    assert "more than one row" not in said(trace("tx-1", FakeTables([ACCEPTED])))


def test_minute_and_indicators_are_told() -> None:
    minute = Total(moment_of(START_US), "EUR", 3, Decimal("40"), 1)
    other = minute._replace(currency="USD")
    raised = [Raised("new_device", place(7)), Raised("conflict", place(99))]

    found = trace("tx-1", FakeTables([ACCEPTED], [minute, other], raised))

    assert (found.totals, found.indicators) == ((minute,), (raised[0],))
    assert "minute 2026-01-01 00:00 UTC: 3 payments, 40.00 EUR in all, 1 corrections" in said(found)
    assert "indicator new_device, raised by payments/0/7" in said(found)


def test_what_waits_is_compared_with_what_is_accepted() -> None:
    waits = [
        record(payload(amount_minor=1300), offset=8),
        record(payload(), offset=9),
        record(b'{"transaction_id":"tx-1"}', offset=10),
    ]

    found = trace("tx-1", FakeTables([ACCEPTED], run=RUN), FakeTopic(waits))

    assert found.state is State.COUNTED
    assert "1 accepted, 3 not counted yet" in said(found)
    assert [text.expected(each, found) for each in found.waiting] == [
        "has the id of payments/0/7, and differs in amount_minor 1300, accepted 1250",
        "has the id and the facts of payments/0/7",
        "",
    ]


def test_record_counted_meanwhile_does_not_wait() -> None:
    found = trace("tx-1", FakeTables([ACCEPTED]), FakeTopic([record(payload(), offset=7)]))

    assert found.waiting == ()


def test_id_of_a_dead_letter_cannot_command_the_terminal() -> None:
    letter = row(Outcome.INVALID, 3, payload=payload(transaction_id="\x1b[2J"))

    assert "\x1b" not in said(trace(place(3), FakeTables([letter])))


def test_records_left_out_are_told() -> None:
    assert "note: 5 older records" in said(trace("tx-1", topic=FakeTopic(left_out=5)))


# --- The command ----------------------------------------------------------------------------------


@pytest.fixture
def sides(monkeypatch: pytest.MonkeyPatch) -> tuple[FakeTables, FakeTopic]:
    tables, topic = FakeTables(), FakeTopic()
    no_runs.pretend(monkeypatch)

    @contextmanager
    def connected(topics: object) -> Iterator[FakeTopic]:
        if topic.problem is not None:
            raise topic.problem
        yield topic

    monkeypatch.setattr(command.tables_side, "TablesSide", lambda dataset: tables)
    monkeypatch.setattr(command.topic_side, "connected", connected)
    return tables, topic


def test_exit_codes(
    sides: tuple[FakeTables, FakeTopic], capsys: pytest.CaptureFixture[str]
) -> None:
    tables, topic = sides
    since = f"--since={LONG_AGO:%Y-%m-%dT%H:%MZ}"
    tables.rows = [ACCEPTED]

    assert cli.main(["trace", "tx-1", since, *FLAGS]) == exit_codes.WELL
    assert cli.main(["trace", "tx-2", since, *FLAGS]) == exit_codes.FINDING
    topic.problem = CannotCheck("no Kafka broker answers")
    capsys.readouterr()
    assert cli.main(["trace", "tx-1", since, *FLAGS]) == exit_codes.COULD_NOT_LOOK
    printed = capsys.readouterr()
    assert "1 accepted" in printed.out
    assert printed.err == "note: Kafka was not asked what waits: no Kafka broker answers\n"


def test_tables_that_do_not_answer_are_told_in_a_line(
    sides: tuple[FakeTables, FakeTopic],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuses(dataset: object) -> FakeTables:
        raise CannotCheck("BigQuery does not answer")

    monkeypatch.setattr(command.tables_side, "TablesSide", refuses)

    assert cli.main(["trace", "tx-1", *FLAGS]) == exit_codes.COULD_NOT_LOOK
    assert capsys.readouterr().err == "error: BigQuery does not answer\n"


def test_document_is_json(
    sides: tuple[FakeTables, FakeTopic], capsys: pytest.CaptureFixture[str]
) -> None:
    tables, topic = sides
    topic.records = [record(payload(), offset=8)]
    tables.rows = [ACCEPTED]
    tables.total = [Total(moment_of(START_US), "EUR", 3, Decimal("40.00"), 0)]

    cli.main(["trace", "payments/0/7", "--since=2025-12-25", "--json", *FLAGS])

    found = json.loads(capsys.readouterr().out)
    assert (found["asked"], found["state"], found["found"]) == ("payments/0/7", "counted", True)
    assert found["records"][0]["columns"]["amount"] == "12.5"
    assert found["totals"][0]["amount"] == "40.00"


@pytest.mark.parametrize(
    ("target", "read"),
    [("tx-1", "tx-1"), ("payments/0/7", place(7)), ("payments[0]@7", place(7))],
)
def test_target_is_an_id_or_a_place(target: str, read: Place | str) -> None:
    assert flags.parser().parse_args([target, *FLAGS]).target == read


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["payments/0"], "a place must be TOPIC/PARTITION/OFFSET, got 'payments/0'"),
        (["tx 1"], "must be a transaction_id"),
        (["tx-1", "--days=0"], "must be a whole number from 1 to 3650, got '0'"),
        (["tx-1", "--days=1", "--since=1h"], "not allowed with argument"),
        ([], "are required"),
    ],
)
def test_mistakes_are_told_in_a_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        command.main([*arguments, *FLAGS])

    assert end.value.code == exit_codes.USAGE
    [line] = capsys.readouterr().err.splitlines()
    assert told in line


def test_a_day_is_a_day() -> None:
    arguments = flags.parser().parse_args(["tx-1", "--days=2", *FLAGS])

    now_us = dt.datetime.now(dt.UTC).timestamp() * 1e6
    assert now_us - flags.since_us(arguments) == pytest.approx(2 * 86_400 * SECOND_US, abs=5e6)
