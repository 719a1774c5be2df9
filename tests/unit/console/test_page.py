"""The live page without services: what it shows and does; browsers are in tests/browser."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import threading
import time
from decimal import Decimal
from typing import Any

import pytest

from console import books, figures, page_parts, pages, runbook, send, watch
from console.board import Board, Point, Shown
from console.cards import Cards
from console.faults import Kill, Step
from console.job import Progress
from console.look_up import Answer, look_up
from console.pages import LANES
from console.watch import Loop
from operations.errors import CannotCheck
from operations.health.indicators import Indicator
from operations.reconcile.truth import Place
from operations.trace import text
from operations.trace.found import Asked, State, Trace
from operations.trace.row import Row
from simulator import by_hand
from simulator.contracts import find
from simulator.contracts.speech import Speech
from tests.support import console_world as world
from tests.support.console_world import OWN
from transforms.codecs import wire_format
from transforms.codecs.contract import shipped
from transforms.codecs.contract.decoder import Decoder
from transforms.codecs.contract.load import load_file
from transforms.payment.outcome import Outcome
from transforms.payment.tables import OUTCOME_TABLES
from transforms.payment.transaction import KafkaRecord

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
WELL = Indicator("lag_records", 12, 600_000, "records in Kafka that are in no table yet")
ILL = Indicator("state_bytes", 6e8, 5e8, "size of the newest checkpoint")


def row(outcome: Outcome, offset: int, first: int | None = None, **cells: Any) -> Row:
    columns = {name: None for table in OUTCOME_TABLES for name in table.column_names}
    columns |= {"kafka_topic": "payments", "kafka_partition": 2, "kafka_offset": offset}
    columns |= {"broker_time": world.ARRIVED, "transaction_id": "tx-1", "currency": "EUR"}
    if first is not None:
        columns |= {"first_topic": "payments", "first_partition": 2, "first_offset": first}
        columns["first_broker_time"] = world.ARRIVED
    return Row(outcome, columns | cells)


def page(parts: Any) -> str:
    return world.client(parts).get("/").text


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_page_is_whole_before_anything_is_known() -> None:
    html = page(world.parts())

    assert "Counting…" in html and ">looking<" in html
    assert all(f">{outcome.value}<" in html for outcome in Outcome)


def test_there_is_a_lane_for_every_outcome() -> None:
    """Whoever adds an outcome has a lane for it."""
    assert sorted(each.value for each in LANES) == sorted(each.value for each in Outcome)


def test_sum_says_all_terms_and_adds_up() -> None:
    parts = world.parts()
    parts.board.change(books=world.books(accepted=90, duplicate=4), records=100, partitions=4)

    said = text_of(pages.parts(parts)["sum"])

    assert said.startswith("100 in Kafka = 90 accepted + 4 duplicate + ")
    assert "6 waiting" in said and "No record stands twice" in said


def test_control_double_rows_are_said_aloud() -> None:
    parts = world.parts()
    parts.board.change(books=world.books(double=3, accepted=93), records=100, partitions=4)

    html = pages.parts(parts)["sum"]

    assert "3 rows stand twice: the books are wrong" in html and "sum wrong" in html
    assert "10 waiting" in text_of(html)


def test_what_retention_has_removed_is_no_mistake() -> None:
    parts = world.parts()
    parts.board.change(books=world.books(accepted=90), records=50, partitions=4)

    assert "retention has removed the oldest" in pages.parts(parts)["sum"]


def test_books_of_today_are_not_compared_with_the_whole_topic() -> None:
    parts = world.parts(world.READING)
    today = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)
    counted = world.books(accepted=7)
    parts.board.change(books=books.Books(counted.counts, 0, (), today), records=5_000)

    said = text_of(pages.parts(parts)["sum"])

    assert said.startswith("7 counted today = 7 accepted")
    assert "waiting" not in said and "5,000" not in said


@pytest.mark.parametrize(
    ("indicators", "badge"),
    [((WELL,), "badge well"), ((WELL, ILL), "badge unwell")],
)
def test_badge_is_the_verdict_of_health(indicators: Any, badge: str) -> None:
    parts = world.parts()
    parts.board.change(sections=(world.section(*indicators),))

    found = pages.parts(parts)

    assert badge in found["verdict"]
    assert "500 MB" in found["health"] if ILL in indicators else "600,000" in found["health"]


def test_source_that_is_down_is_told() -> None:
    parts = world.parts()
    parts.board.change(sections=(world.section(problem="Flink does not answer"),))

    assert "could not ask flink" in pages.parts(parts)["verdict"]
    assert "Flink does not answer" in pages.parts(parts)["health"]


def test_records_are_text_whatever_they_hold() -> None:
    parts = world.parts()
    hostile = world.counted(
        Outcome.INVALID, 7, transaction_id=HOSTILE, reason=HOSTILE, amount=HOSTILE
    )
    long = world.counted(Outcome.ACCEPTED, 8, transaction_id="x" * 65_536)
    parts.board.change(books=world.books(newest=(hostile, long)), records=2, partitions=1)
    parts.cards.add(HOSTILE, HOSTILE, parts.sender.send(send.wanted("payment", HOSTILE)), 0.0)  # type: ignore[union-attr]
    parts.killer.newest = Kill(HOSTILE, 1, world.ARRIVED, 0, (Step(HOSTILE, HOSTILE, 1.0),))  # type: ignore[union-attr]

    html = page(parts)

    assert "<script>alert" not in html and "<img" not in html
    assert "&lt;script&gt;" in html
    assert "x" * 65 not in html


def test_what_is_asked_for_is_text_as_well() -> None:
    answer = world.client(world.parts()).get("/", params={"q": HOSTILE})
    part = world.client(world.parts()).get("/look-up", params={"q": HOSTILE + "x" * 20_000})

    assert "cannot look that up" in answer.text and "TOPIC/PARTITION/OFFSET" in part.text
    for html in (answer.text, part.text):
        assert "<script>alert" not in html and "<img" not in html


@pytest.mark.parametrize("outcome", Outcome)
def test_look_up_shows_records_of_each_outcome(outcome: Outcome) -> None:
    """Columns that a table does not have are not in the document."""
    found = row(outcome, 4, amount=Decimal("12.5"), reason=HOSTILE, detail=HOSTILE)
    bare = row(outcome, 5, 4, transaction_id=None, currency=None)
    asked = Asked("tx-1", ("payments",), 0, 0)
    document = text.document(Trace(asked, State.COUNTED, (found, bare)))

    html = pages.look_up(Answer("tx-1", document))

    assert "payments/2/4" in html and "payments/2/5" in html
    assert "<script>" not in html and "&lt;script&gt;" in html


def test_look_up_tells_who_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise CannotCheck("BigQuery does not answer")

    monkeypatch.setattr("operations.trace.tables_side.TablesSide", away)

    assert look_up(world.READING, "tx-1").problem == "BigQuery does not answer"


@pytest.mark.parametrize("kind", send.KINDS)
def test_each_button_sends_what_it_says(kind: str) -> None:
    parts = world.parts()
    browser = world.client(parts)
    first = browser.post("/send", content="kind=payment", headers=OWN).json()["id"]

    answer = browser.post("/send", content=f"kind={kind}", headers=OWN)

    assert answer.json()["card"] == 2
    asked = parts.sender.asked[-1]  # type: ignore[union-attr]
    about = asked.fields["transaction_id"]
    assert (about == first) is send.KINDS[kind].of_known
    assert answer.json()["id"] == (about if send.KINDS[kind].remembered else first)
    assert asked.count == (send.STORM if kind == "storm" else 1)


def payload(kind: str) -> Any:
    sent = world.NotedSender().send(send.wanted(kind, "tx-mine"))[0].send
    now_us = time.time_ns() // 1_000
    return sent, KafkaRecord("payments", 0, 1, now_us, None, sent.payload)


def test_again_has_the_same_facts_and_conflict_another_amount() -> None:
    first, again, other = (
        wire_format.decode(payload(kind)[1]) for kind in ("payment", "again", "conflict")
    )

    assert (first.transaction_id, first.amount_minor) == (again.transaction_id, again.amount_minor)
    assert other.transaction_id == first.transaction_id
    assert other.amount_minor != first.amount_minor


def speech_of(name: str) -> Speech:
    return Speech(find.encoder_at_hand(find.Named(name)))


WITHOUT_REGISTRY = [
    name
    for name in shipped.NAMES
    if name != "native" and load_file(shipped.path_of(name)).schema.registry is None
]


@pytest.mark.parametrize("name", WITHOUT_REGISTRY)
def test_buttons_speak_the_contract(name: str) -> None:
    speech = speech_of(name)
    decoder = Decoder(speech.encoder.contract)
    found = {}
    for kind in send.kinds(speech):
        asked = send.wanted(kind, "tx-mine", speech)
        now_us = time.time_ns() // 1_000
        made = next(by_hand.planned(asked, 1, now_us, speech))
        read = KafkaRecord("payments", 0, 1, now_us, made.key, made.payload, None, made.headers)
        found[kind] = made, decoder.decode([read])

    first, again, other = (
        found[kind][1].transactions[0] for kind in ("payment", "again", "conflict")
    )
    assert first.transaction_id == found["payment"][0].facts.transaction_id
    assert again.transaction_id == other.transaction_id == first.transaction_id
    assert again.amount_minor == first.amount_minor != other.amount_minor
    assert len(found["broken"][1].rejected) == 1
    assert ("late" in found) is speech.can_be_late
    # Control: as our own JSON they are no payments.
    assert not Decoder(shipped.native()).decode([read]).transactions


def test_page_of_a_contract_whose_time_is_the_arrival_has_no_late_button() -> None:
    speeches = map(speech_of, WITHOUT_REGISTRY)
    by_arrival = next(each for each in speeches if not each.can_be_late)
    places = dataclasses.replace(world.ACTING, speech=by_arrival)

    shown = world.client(world.parts(places)).get("/").text
    refused = world.client(world.parts(places)).post("/send", content="kind=late", headers=OWN)

    assert 'value="late"' not in shown
    assert 'value="late"' in world.client(world.parts()).get("/").text
    assert refused.status_code == 400


@pytest.mark.parametrize(("kind", "fate"), [("late", Outcome.LATE), ("broken", Outcome.INVALID)])
def test_late_and_broken_must_end_so(kind: str, fate: Outcome) -> None:
    assert payload(kind)[0].expected is fate


@pytest.mark.parametrize("kind", ["", "sell", HOSTILE])
def test_unknown_kind_is_refused(kind: str) -> None:
    parts = world.parts()

    answer = world.client(parts).post("/send", content=f"kind={kind}", headers=OWN)

    assert answer.status_code == 400 and answer.headers["content-type"].startswith("text/plain")
    assert parts.sender.asked == []  # type: ignore[union-attr]


def test_what_kafka_refuses_is_told_in_its_words() -> None:
    parts = world.parts()
    parts.sender.refuses = "cannot connect to Kafka"  # type: ignore[union-attr]

    answer = world.client(parts).post("/send", content="kind=payment", headers=OWN)

    assert (answer.status_code, answer.text) == (409, "cannot connect to Kafka\n")
    assert parts.cards.all == []  # type: ignore[union-attr]


def test_form_without_script_comes_back_to_the_page() -> None:
    browser = world.client(world.parts())
    headers = {"sec-fetch-site": "same-origin", "accept": "text/html"}

    answer = browser.post("/send", content="kind=payment", headers=headers, follow_redirects=False)

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "tx-live-" in browser.get("/").text


@pytest.mark.parametrize(
    ("path", "body"),
    [("/send", "kind=payment"), ("/kill", "component=taskmanager-1"), ("/prove", "")],
)
def test_page_that_only_reads_does_nothing(path: str, body: str) -> None:
    parts = world.parts(world.READING)
    browser = world.client(parts)

    assert browser.post(path, content=body, headers=OWN).status_code == 403
    assert "This page only reads" in browser.get("/").text
    assert "/kill" not in browser.get("/").text


def test_parts_that_act_are_made_for_a_sandbox_alone() -> None:
    assert page_parts.Parts.of(world.READING).sender is None
    assert page_parts.Parts.of(world.READING).killer is None
    assert page_parts.Parts.of(world.ACTING).sender is not None


@pytest.mark.parametrize("component", ["kafka", "", "taskmanager-1; rm -rf /", HOSTILE])
def test_only_a_task_manager_is_killed(component: str) -> None:
    browser = world.client(world.parts())

    assert browser.post("/kill", data={"component": component}, headers=OWN).status_code == 409


def test_card_follows_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = world.parts()
    cards = parts.cards
    assert cards is not None
    kafka = parts.sender.send(send.wanted("payment", "tx-1"))  # type: ignore[union-attr]
    place = Place("payments", kafka[0].send.partition, 4_711)
    tables: list[Row] = []

    class Tables:
        def __init__(self, _: object) -> None: ...

        def at(self, places: Any, since: object) -> list[Row]:
            wanted = list(places)
            return [each for each in tables if each.place in wanted]

    monkeypatch.setattr("console.cards.TablesSide", Tables)
    monkeypatch.setattr(Cards, "_checkpoint", lambda self: 812)
    cards.add("Send it again", "tx-1", kafka, time.monotonic() - 3.4)

    cards.follow()
    assert "waits for checkpoint 812" in text_of(pages.parts(parts)["cards"])

    facts = {"amount_minor": 1_300, "kafka_partition": place.partition}
    tables += [row(Outcome.ACCEPTED, 9, amount_minor=1_250)]
    tables += [row(Outcome.CONFLICT, 4_711, 9, **facts)]
    cards.follow()
    said = text_of(pages.parts(parts)["cards"])
    assert "conflict , after 3." in said
    assert "because it contradicts payments/2/9 in amount_minor 1300, accepted 1250" in said
    assert "twice" not in said

    tables += [row(Outcome.CONFLICT, 4_711, 9, **facts)]  # as the control does
    cards.follow()
    assert "1 rows too many: counted twice" in text_of(pages.parts(parts)["cards"])


def progress(*states: tuple[bool, int]) -> Any:
    answers = iter([Progress(running, 47, 47, restores) for running, restores in states])
    return lambda: next(answers)


def test_time_line_follows_the_job_until_it_has_caught_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.faults._POLL_SEC", 0.0)
    parts = world.parts()
    killer = parts.killer
    assert killer is not None
    kill = killer.kill("taskmanager-1")
    later = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)
    parts.board.change(books=world.books(accepted=5), records=5, looked_at=later)
    look = progress((True, 0), (False, 0), (False, 0), (False, 1), (False, 1), (True, 1), (True, 1))

    killer.follow(kill, Progress(True, 46, None, 0), look, time.monotonic())

    assert killer.newest is not None and killer.newest.over
    names = [step.name for step in killer.newest.steps]
    assert names == ["killed", "noticed", "restored", "running", "caught up"]
    assert all(step.at_sec is not None for step in killer.newest.steps)
    assert "from checkpoint 47" in pages.parts(parts)["kill"]
    assert "Counted twice since the kill: 0" in text_of(pages.parts(parts)["kill"])


def test_job_that_does_not_come_back_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.faults._GIVEN_UP_SEC", 0.0)
    parts = world.parts()
    assert parts.killer is not None
    kill = parts.killer.kill("taskmanager-1")

    parts.killer.follow(kill, Progress(True, 46, None, 0), progress((False, 0)), time.monotonic())

    assert "is the job well?" in pages.parts(parts)["kill"]
    assert not parts.killer.busy


def test_proof_that_cannot_look_ends_with_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise CannotCheck("Kafka does not answer")

    monkeypatch.setattr("console.proof.limits.of_runs", away)
    parts = world.parts()
    assert parts.prover is not None

    parts.prover.start()
    deadline = time.monotonic() + 10
    while parts.prover.busy:
        assert time.monotonic() < deadline
        time.sleep(0.01)

    assert "Could not look: Kafka does not answer" in pages.parts(parts)["proof"]


def test_events_begin_with_all_that_is_shown() -> None:
    parts = world.parts()
    from console.app import App

    async def first() -> list[str]:
        found = []
        async for event in App(parts)._changes():
            found.append(str(event.data))
            if len(found) == len(pages.parts(parts)):
                return found
        return found

    import asyncio

    told = asyncio.run(first())
    assert {name for name in pages.parts(parts) if f'"name":"{name}"' in "".join(told)} == set(
        pages.parts(parts)
    )


def test_rates_are_those_of_ten_seconds() -> None:
    moment = iter([100.0, 105.0, 110.0])
    board = Board(lambda: next(moment))
    for records, accepted in ((0, 0), (50, 40), (200, 180)):
        board.change(records=records, books=world.books(accepted=accepted))
        board.add_point()

    records, rows = board.rates()

    assert (records, rows[Outcome.ACCEPTED]) == (20.0, 18.0)


def test_rate_before_two_looks_is_unknown() -> None:
    assert Board().rates() == (None, {})
    assert figures.figure("rate", None) == "–"


def test_loop_tells_what_does_not_answer_and_goes_on() -> None:
    told: list[str | None] = []
    turns = iter([CannotCheck("away"), ValueError("a bug"), None])
    over = threading.Event()

    def turn() -> None:
        error = next(turns, None)
        if error is not None:
            raise error

    def tell(said: str | None) -> None:
        told.append(said)
        if said is None:
            over.set()

    loop = Loop("look", 0.001, turn, tell)
    loop.start()
    assert over.wait(10)
    loop.stop()

    assert told[0] == "away" and "an error of this program" in str(told[1]) and told[2] is None


def test_only_todays_rows_are_counted_where_that_costs_money() -> None:
    reading = watch.Watch(world.READING, Board())
    standin = watch.Watch(world.ACTING, Board())

    assert standin._since() is None
    since = reading._since()
    assert since is not None and since.hour == 0
    sql = books.BooksReader(world.READING.dataset, world.READING.topics)._counts_sql(since)
    assert sql.count(" AND broker_time >= TIMESTAMP '") == len(OUTCOME_TABLES)
    assert sql.count(" AND event_time >= TIMESTAMP '") == 1


def test_counted_record_is_read_with_its_amount() -> None:
    cells = [
        "accepted",
        "payments",
        2,
        9,
        world.ARRIVED,
        "tx-1",
        Decimal("12.5"),
        "EUR",
        None,
        None,
    ]

    assert books._counted(cells).amount == "12.50 EUR"
    letter = [
        "invalid",
        "payments",
        2,
        9,
        world.ARRIVED,
        None,
        None,
        None,
        "not_json",
        b'{"transaction_id":"a"}',
    ]
    assert books._counted(letter).transaction_id == "a"


def test_indicator_leads_to_the_page_of_the_runbook_that_names_it(tmp_path: Any) -> None:
    (tmp_path / "PaymentsLag.md").write_text(
        "# Lag\n\n`payments_lag_records` is beyond its limit.\n"
    )

    assert runbook.about("lag_records", tmp_path) == "PaymentsLag"
    assert runbook.about("state_bytes", tmp_path) is None
    assert "beyond its limit" in str(runbook.page("PaymentsLag", tmp_path))
    assert runbook.page("../secret", tmp_path) is None


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("checkpoint_age_sec", 4.26, "4.3 s"),
        ("newest_row_age_sec", 120, "2 min"),
        ("state_bytes", 1_234_567, "1.2 MB"),
        ("state_bytes", 500_000_000, "500 MB"),
        ("dead_letter_ratio", 0.0123, "1.2%"),
        ("lag_records", 600_000, "600,000"),
        ("lag_records", None, "–"),
    ],
)
def test_figures_have_their_units(name: str, value: float | None, said: str) -> None:
    assert figures.figure(name, value) == said


def test_points_of_charts_are_plain_numbers() -> None:
    [point] = pages.series([Point(1.0, 5, {}, 2.0, None, 3.0)])

    assert point == {"at": 1.0, "records": 5, "state": 2.0, "age": None, "lag": 3.0}
    assert Shown().waiting is None
