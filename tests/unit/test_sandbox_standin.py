"""The stand-in's smaller parts: the shared port, the faults, and rows that are written down."""

import asyncio
import json
import threading

import pyarrow
import pytest

from sandbox import ports
from sandbox.bigquery import connections, durable_streams
from sandbox.bigquery.append_log import AppendLog
from sandbox.bigquery.faults import Faults, due
from sandbox.bigquery.single_port import SinglePort, Upstreams
from templates.flink import loopback


@pytest.mark.parametrize(
    ("opening", "port"),
    [
        (b"\x16\x03\x01", 2),
        (b"PRI * HTTP/2.0", 3),
        (b"GET /", 1),
        (b"POST /", 1),
        (b"PUT /", 1),
        (b"PATCH /", 1),
        (b"PROPFIND /", 1),
        (b"", None),
        (b"P", None),
        (b"PR", None),
    ],
)
def test_first_bytes_decide(opening, port) -> None:
    assert Upstreams(rest=1, tls=2, grpc=3).of(opening) == port


def test_bytes_pass_through_the_shared_port_in_both_directions() -> None:
    async def scenario() -> list[bytes]:
        async def answer(name: bytes, reader, writer) -> None:
            writer.write(name + await reader.read())
            writer.close()

        servers = [
            await asyncio.start_server(lambda r, w, n=name: answer(n, r, w), loopback.HOST, 0)
            for name in (b"rest:", b"tls:", b"grpc:")
        ]
        upstreams = Upstreams(*(server.sockets[0].getsockname()[1] for server in servers))
        port = next(number for number in range(ports.PORT_MAX, 32_700) if ports.free(number))
        SinglePort(port, upstreams).start()

        async def ask(*pieces: bytes) -> bytes:
            reader, writer = await asyncio.open_connection(loopback.HOST, port)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)  # or the system would hand them over as one
            writer.write_eof()
            return await reader.read()

        return [
            await ask(b"GET /"),
            await ask(b"\x16\x03"),
            await ask(b"PRI * HTTP/2.0"),
            await ask(b"P", b"R", b"I", b" *"),
            await ask(b"P", b"O", b"S", b"T /"),
            await ask(b"P", b"R"),
        ]

    assert asyncio.run(scenario()) == [
        b"rest:GET /",
        b"tls:\x16\x03",
        b"grpc:PRI * HTTP/2.0",
        b"grpc:PRI *",
        b"rest:POST /",
        b"rest:PR",
    ]


def test_without_a_file_no_answer_is_lost(tmp_path) -> None:
    faults = Faults.read(tmp_path / "faults.json")

    assert not any(due(count, faults.drop_after_append_every) for count in range(1, 1_000))


def test_every_nth_answer_is_lost(tmp_path) -> None:
    path = tmp_path / "faults.json"
    path.write_text(json.dumps({"drop_after_append_every": 3}))

    every = Faults.read(path).drop_after_append_every

    assert [count for count in range(1, 10) if due(count, every)] == [3, 6, 9]


@pytest.mark.parametrize(
    ("asked", "refusals"),
    [
        ({}, [None, None, None]),
        ({"unavailable": True}, ["UNAVAILABLE"] * 3),
        ({"append_not_found_every": 2}, [None, "NOT_FOUND", None]),
        ({"append_exhausted_every": 3}, [None, None, "RESOURCE_EXHAUSTED"]),
        ({"append_deadline_every": 2}, [None, "DEADLINE_EXCEEDED", None]),
        ({"flush_not_found_every": 1, "create_exhausted_every": 1}, [None] * 3),
        ({"append_delay_ms": 9, "flush_delay_ms": 9, "drop_after_append_every": 1}, [None] * 3),
    ],
)
def test_appends_are_refused_as_asked_and_otherwise_applied(tmp_path, asked, refusals) -> None:
    path = tmp_path / "faults.json"
    path.write_text(json.dumps(asked))

    assert [Faults.read(path).refusal(count) for count in (1, 2, 3)] == refusals


@pytest.mark.parametrize(
    ("asked", "refusals"),
    [
        ({}, [None, None, None]),
        ({"flush_not_found_every": 2}, [None, "NOT_FOUND", None]),
        ({"flush_unavailable_every": 3}, [None, None, "UNAVAILABLE"]),
        ({"append_not_found_every": 1, "drop_after_flush_every": 1}, [None] * 3),
    ],
)
def test_flushes_are_refused_as_asked_and_otherwise_applied(tmp_path, asked, refusals) -> None:
    path = tmp_path / "faults.json"
    path.write_text(json.dumps(asked))

    assert [Faults.read(path).flush_refusal(count) for count in (1, 2, 3)] == refusals


_ROWS = pyarrow.table({"n": [1, 2, 3], "a": ["x", None, "a bad one"], "b": ["bad", "y", None]})


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ({}, []),
        ({"refuse_rows_with": "bad"}, [0, 2]),
        ({"refuse_rows_with": "good"}, []),
        ({"refuse_rows_with": "bad", "refuse_tables": ["dead_letters"]}, []),
        ({"refuse_rows_with": "bad", "refuse_tables": ["dead_letters", "payments"]}, [0, 2]),
    ],
)
def test_rows_with_a_text_are_refused_where_asked(tmp_path, asked, refused) -> None:
    path = tmp_path / "faults.json"
    path.write_text(json.dumps(asked))

    wrong = Faults.read(path).refused_rows("payments", _ROWS)

    assert [error.index for error in wrong] == refused


@pytest.mark.parametrize(
    "asked",
    [
        {"refuse_rows_with": "bad", "refuse_tables": "payments"},
        {"refuse_tables": ["payments"]},
    ],
)
def test_tables_that_refuse_nothing_are_an_error(tmp_path, asked) -> None:
    path = tmp_path / "faults.json"
    path.write_text(json.dumps(asked))

    with pytest.raises(TypeError, match="refuse_tables"):
        Faults.read(path)


def test_misspelt_fault_is_an_error(tmp_path) -> None:
    path = tmp_path / "faults.json"
    path.write_text(json.dumps({"drop_every": 3}))

    with pytest.raises(TypeError, match="drop_every"):
        Faults.read(path)


def test_rows_written_down_are_read_back_as_they_were() -> None:
    rows = pyarrow.table(
        {
            "id": ["a", None],
            "raw": pyarrow.array([b"\x00\xff", b""], pyarrow.binary()),
            "at": pyarrow.array([1, 2], pyarrow.timestamp("us", tz="UTC")),
        }
    )

    assert durable_streams.decode(durable_streams.encode(rows)).equals(rows)


def test_append_log_outlives_its_process_and_forgets_what_was_flushed(tmp_path) -> None:
    log = AppendLog(tmp_path)
    log.write("one", 0, 2, b"ab")
    log.write("one", 2, 3, b"c")
    log.write("other", 0, 1, b"z")
    log.forget("one", 2)

    reopened = AppendLog(tmp_path)

    assert list(reopened.read("one")) == [(2, 3, b"c")]
    assert list(reopened.read("other")) == [(0, 1, b"z")]


def test_append_log_keeps_an_append_that_is_flushed_in_part(tmp_path) -> None:
    log = AppendLog(tmp_path)
    log.write("one", 0, 2, b"ab")

    log.forget("one", 1)

    assert list(log.read("one")) == [(0, 2, b"ab")]


def test_other_threads_get_a_connection_of_their_own() -> None:
    class Connection:
        def __init__(self) -> None:
            self.executed: list[str] = []

        def cursor(self) -> "Connection":
            return Connection()

        def execute(self, sql: str) -> None:
            self.executed.append(sql)

    opened = Connection()
    getter = connections.connection_of_thread(lambda engine: opened)
    seen: list[Connection] = []
    thread = threading.Thread(target=lambda: seen.extend([getter(None), getter(None)]))
    thread.start()
    thread.join()

    assert getter(None) is opened
    assert seen[0] is seen[1] is not opened
    assert seen[0].executed == ["SET TimeZone = 'UTC'"]  # or timestamps would be read as local
