"""The sink does the right thing after each answer to an append, with an in-process BigQuery."""

from __future__ import annotations

import itertools
import json

import grpc
import pytest

from tests.support.bigquery_parts import Clock, part, part_of
from tests.support.dead_letters import letter
from tests.support.fake_bigquery import FakeBigQuery, FakeClient
from tests.support.payments import transaction
from transforms.bigquery import append_rows
from transforms.bigquery.append_connection import Part, Problem, Storage
from transforms.bigquery.append_rows import decode, encode
from transforms.bigquery.arrow_rows import ENCODERS
from transforms.bigquery.errors import CannotWrite, RefusedRow
from transforms.bigquery.sink import BigQuerySink
from transforms.bigquery.table_stream import REFUSED_ROWS_MAX, Flush, Position, TableStream
from transforms.payment.transaction import ReplayOf

_DATASETS = itertools.count()
Code = grpc.StatusCode
HELPED_BY_WAITING = [
    Code.UNAVAILABLE,
    Code.RESOURCE_EXHAUSTED,
    Code.DEADLINE_EXCEEDED,
    Code.ABORTED,
    Code.INTERNAL,
    Code.CANCELLED,
    Code.UNKNOWN,
]
LOST = [
    Problem(Code.ALREADY_EXISTS, "told"),
    Problem(Code.OUT_OF_RANGE, "told"),
    Problem(Code.NOT_FOUND, "told"),
    Problem(Code.FAILED_PRECONDITION, "told"),
    Problem(Code.INVALID_ARGUMENT, "told", Storage.STREAM_FINALIZED),
    Problem(Code.INVALID_ARGUMENT, "told", Storage.INVALID_STREAM_STATE),
    Problem(Code.INVALID_ARGUMENT, "told of an ended stream, without a code"),
]


class World:
    """One table's stream, and the BigQuery that it appends to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, table: str = "transactions") -> None:
        self.clock = Clock(monkeypatch)
        self.dataset = f"table_stream_{next(_DATASETS)}"
        self.bigquery = FakeBigQuery(self.dataset)
        self.client = FakeClient(BigQuerySink("project", self.dataset))
        self.connections: dict = {}
        self.stream = TableStream(self.client, table, ENCODERS[table].schema, self.connections)

    def append(self, *parts: Part, at: Position = Position()) -> Position:
        self.stream.append(at, parts)
        return self.stream.position

    def visible(self) -> list[str]:
        """Flushes as told, and returns the ids that are visible then."""
        for stream, end in self.stream.flushes:
            self.client.flush(stream, end)
        rows = self.bigquery.rows().get("transactions", [])
        return [row.transaction_id for row in rows]


@pytest.fixture
def world(monkeypatch) -> World:
    return World(monkeypatch)


# --- Taken ----------------------------------------------------------------------------------------


def test_rows_lie_one_behind_the_other_and_are_visible_when_flushed(world) -> None:
    first = world.append(part("a", "b"), part("c"))
    assert first == Position("transactions/0", 3)
    assert world.bigquery.rows() == {}
    assert world.visible() == ["a", "b", "c"]

    assert world.append(part("d"), at=first) == Position("transactions/0", 4)
    assert world.stream.flushes == [Flush("transactions/0", 4)]
    assert world.visible() == ["a", "b", "c", "d"]


def test_one_connection_serves_many_appends(world) -> None:
    position = Position()
    for number in range(20):
        position = world.append(part(f"{number}"), at=position)
    assert list(world.connections) == ["transactions/0"]


# --- Problems that pass ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", [*HELPED_BY_WAITING, Code.UNAUTHENTICATED], ids=lambda code: code.name
)
def test_what_was_not_applied_is_appended_again_at_the_same_offset(world, code) -> None:
    world.bigquery.problems = [Problem(code, "told")] * 3
    assert world.append(part("a"), part("b")) == Position("transactions/0", 2)
    assert world.visible() == ["a", "b"]
    assert len(world.clock.pauses) == 3


@pytest.mark.parametrize("code", HELPED_BY_WAITING, ids=lambda code: code.name)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_rows_whose_answer_was_lost_are_visible_once(world, code, count) -> None:
    before = world.append(part("a"))
    world.visible()
    world.bigquery.lost_answers = [Problem(code, "told")] * count
    after = world.append(*[part(id_) for id_ in "bcdefg"], at=before)

    assert after.stream != before.stream
    assert sorted(world.visible()) == list("abcdefg")
    assert world.bigquery.flushed[before.stream] == 1


def test_patience_ends_in_one_line(world) -> None:
    world.bigquery.problems = [Problem(Code.UNAVAILABLE, "told by the server")] * 1_000
    with pytest.raises(CannotWrite, match="UNAVAILABLE told by the server") as told:
        world.append(part("a"))
    assert "\n" not in str(told.value)
    assert 300 < sum(world.clock.pauses) < 310
    assert max(world.clock.pauses) <= 5
    assert world.connections == {}


# --- Streams that cannot be gone on with ----------------------------------------------------------


@pytest.mark.parametrize("problem", LOST, ids=lambda problem: problem.message)
def test_a_lost_stream_ends_at_what_state_covers(world, problem) -> None:
    before = world.append(part("a"))
    world.visible()
    world.bigquery.problems = [problem]
    after = world.append(part("b"), part("c"), at=before)

    assert after == Position("transactions/1", 2)
    # Its rows have a Flush already. Of a stream that is gone another would stop the job.
    assert world.stream.flushes == [Flush("transactions/1", 2)]
    assert world.stream.letters == []
    assert world.visible() == ["a", "b", "c"]


def test_rows_of_another_attempt_are_never_flushed(world) -> None:
    saved = world.append(part("a"))
    world.append(part("zombie 1"), part("zombie 2"), at=saved)
    world.connections.clear()

    world.append(part("b"), at=saved)
    assert world.visible() == ["b"]
    world.client.flush(*saved)
    assert world.visible() == ["a", "b"]


def test_a_stream_that_bigquery_removed_while_the_job_stood_still_is_not_flushed(world) -> None:
    saved = world.append(part("a"))
    world.visible()
    del world.bigquery.streams[saved.stream]
    world.connections.clear()

    world.append(part("b"), at=saved)
    assert world.visible() == ["b"]


def test_rows_that_were_taken_just_before_a_stream_is_lost_are_flushed(world) -> None:
    first = world.append(part("a"))
    world.bigquery.lost_answers = [Problem(Code.UNAVAILABLE, "told")]
    world.stream._connections.clear()
    world.append(part("b"), at=first)
    world.bigquery.lost_answers = []
    assert sorted(world.visible()) == ["b"]


# --- What stops the job ---------------------------------------------------------------------------


@pytest.mark.parametrize("code", [Code.PERMISSION_DENIED, Code.UNIMPLEMENTED])
def test_anything_else_stops_the_job(world, code) -> None:
    world.bigquery.problems = [Problem(code, "told")]
    with pytest.raises(CannotWrite, match=f"transactions: {code.name} told"):
        world.append(part("a"))
    assert world.connections == {}


def test_rows_are_not_blamed_for_a_table_without_a_column(world) -> None:
    extra = Storage.SCHEMA_MISMATCH_EXTRA_FIELDS
    world.bigquery.problems = [Problem(Code.INVALID_ARGUMENT, "more fields", extra)]
    with pytest.raises(CannotWrite, match=r"more fields.*tables diff"):
        world.append(part("a"))
    assert world.stream.letters == []


def test_a_connection_is_closed_when_an_append_breaks(world, monkeypatch) -> None:
    # The answers that are still to come would be taken for those of the next append.
    before = world.append(part("a"))
    connection = world.connections[before.stream]
    closed: list[bool] = []

    def broken(offset: int, parts: object) -> None:
        raise CannotWrite("took rows at another offset")

    monkeypatch.setattr(connection, "append", broken)
    monkeypatch.setattr(connection, "close", lambda: closed.append(True))
    with pytest.raises(CannotWrite):
        world.append(part("b"), at=before)
    assert world.connections == {}
    assert closed == [True]


# --- Refused rows ---------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("bad", [[0], [6], [2, 3], [0, 5, 6], list(range(7))])
def test_refused_rows_become_letters_and_the_others_are_taken(world, named, bad) -> None:
    ids = list("abcdefg")
    world.bigquery.refused_ids = frozenset(ids[place] for place in bad)
    world.bigquery.names_refused = named
    world.append(part("before"), part(*ids, offset=10), part("behind"))

    kept = [id_ for place, id_ in enumerate(ids) if place not in bad]
    assert world.visible() == ["before", *kept, "behind"]
    assert sorted(each.offset for each in world.stream.letters) == [10 + place for place in bad]
    found = {json.loads(each.payload)["transaction_id"] for each in world.stream.letters}
    assert found == world.bigquery.refused_ids


def test_names_that_are_wrong_are_found_out(world) -> None:
    world.bigquery.refused_ids = frozenset({"b"})
    beyond = Problem(Code.INVALID_ARGUMENT, "told", refused={7: "there is no such row"})
    world.bigquery.problems = [beyond]
    world.append(part("a", "b", "c"))
    assert world.visible() == ["a", "c"]
    assert [each.offset for each in world.stream.letters] == [1]


def test_a_letter_has_the_lineage_of_its_record(world) -> None:
    origin = ReplayOf("payments.dlq", 3, 99, 1_767_225_600_123_456)
    payment = transaction("bad", topic="t", partition=5, offset=77, replay_of=origin)
    world.bigquery.refused_ids = frozenset({"bad"})
    world.append(part_of("transactions", [payment]))

    (found,) = world.stream.letters
    assert (found.topic, found.partition, found.offset) == ("t", 5, 77)
    assert found.broker_time_us == payment.broker_time_us
    assert found.replay_of == origin
    assert found.reason == "refused_by_bigquery"
    assert found.detail == "refused by the test"
    assert json.loads(found.payload)["amount"] == "12.500000000"


def test_a_refused_letter_stops_the_job_without_a_word_of_its_content(monkeypatch) -> None:
    world = World(monkeypatch, "dead_letters")
    world.bigquery.problems = [Problem(Code.INVALID_ARGUMENT, "told", refused={0: "too bad"})]
    with pytest.raises(RefusedRow, match=r"dead_letters.*4711.*too bad") as told:
        world.append(part_of("dead_letters", [letter(payload=b"secret")]))
    assert "secret" not in str(told.value)


def test_more_refused_rows_at_once_than_a_bug_stop_the_job(world) -> None:
    ids = [f"id-{number}" for number in range(REFUSED_ROWS_MAX + 1)]
    world.bigquery.refused_ids = frozenset(ids)
    with pytest.raises(CannotWrite, match="tables diff"):
        world.append(part(*ids, "good"))


def test_a_table_that_takes_nothing_stops_the_job_however_slowly_rows_come(world) -> None:
    function = append_rows._AppendFn(
        BigQuerySink("p", world.dataset), ENCODERS, "version", FakeClient
    )
    function._client = world.client
    function._connections, function._untaken = {}, append_rows.Counter()
    function._schemas = {table: each.schema for table, each in ENCODERS.items()}
    ids = [f"id-{number}" for number in range(REFUSED_ROWS_MAX + 1)]
    world.bigquery.refused_ids = frozenset(ids)
    known: dict[str, Position] = {}
    with pytest.raises(CannotWrite, match="refused the last 101 rows of transactions"):
        for id_ in ids:
            function._append_all(known, {"transactions": [part(id_)]})
    function._untaken.clear()
    for id_ in [*ids[:-1], "good", *ids[:-1]]:
        function._append_all(known, {"transactions": [part(id_)]})


# --- Positions in state ---------------------------------------------------------------------------


def test_positions_rest_in_state() -> None:
    positions = {"transactions": Position("stream", 2**53 + 1), "conflicts": Position()}
    assert decode(encode(positions)) == positions
    assert decode(None) == {}


def test_state_of_a_version_that_knew_a_stream_alone_is_read() -> None:
    assert decode(b'{"transactions":["stream"]}') == {"transactions": Position("stream", 0)}
