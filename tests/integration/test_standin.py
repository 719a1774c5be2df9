"""BigQuery's stand-in does what a sink that writes Arrow relies on; no whole sandbox is needed."""

import datetime as dt
import itertools
import signal
import threading
import time
from collections.abc import Iterator
from decimal import Decimal

import grpc
import pyarrow
import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types
from google.cloud.bigquery_storage_v1.services.big_query_write import transports

from tests.integration.standin_process import Connection, Standin

pytestmark = pytest.mark.integration

_UNKNOWN = "projects/sandbox/datasets/writes/tables/none/streams/0123456789abcdef"
_COLUMNS = [
    bigquery.SchemaField("id", "STRING", "REQUIRED"),
    bigquery.SchemaField("amount", "NUMERIC"),
    bigquery.SchemaField("at", "TIMESTAMP"),
    bigquery.SchemaField("raw", "BYTES"),
    bigquery.SchemaField("n", "INT64"),
    bigquery.SchemaField("score", "FLOAT64"),
]
_SCHEMA = pyarrow.schema(
    {
        "id": pyarrow.string(),
        "amount": pyarrow.decimal128(38, 9),
        "at": pyarrow.timestamp("us", tz="UTC"),
        "raw": pyarrow.binary(),
        "n": pyarrow.int64(),
        "score": pyarrow.float64(),
    }
)
_numbers = itertools.count()


@pytest.fixture(scope="module")
def standin(tmp_path_factory) -> Iterator[Standin]:
    running = Standin(tmp_path_factory.mktemp("standin"))
    yield running
    running.kill()


class Table:
    """A table of one test's, and the client with which it is written."""

    def __init__(self, standin: Standin) -> None:
        self.name = f"t{next(_numbers)}"
        self.writer = standin.writer()
        self._rest = standin.rest()
        self._rest.create_table(bigquery.Table(f"sandbox.writes.{self.name}", schema=_COLUMNS))

    def open(self) -> str:
        buffered = types.WriteStream(type_=types.WriteStream.Type.BUFFERED)
        parent = f"projects/sandbox/datasets/writes/tables/{self.name}"
        request = types.CreateWriteStreamRequest(parent=parent, write_stream=buffered)
        return self.writer.create_write_stream(request, retry=None).name

    def connect(self, stream: str) -> Connection:
        return Connection(self.writer, stream, _SCHEMA)

    def flush(self, stream: str, offset: int) -> None:
        request = types.FlushRowsRequest(write_stream=stream, offset=offset)
        self.writer.flush_rows(request, retry=None)

    def rows(self) -> list[dict]:
        asked = f"SELECT * FROM `sandbox.writes.{self.name}` ORDER BY id"
        return [dict(row.items()) for row in self._rest.query(asked).result()]

    def row_count(self) -> int:
        """Returns what the catalog says."""
        return self._rest.get_table(f"sandbox.writes.{self.name}").num_rows

    def ids(self) -> list[str]:
        return [row["id"] for row in self.rows()]


@pytest.fixture
def table(standin) -> Table:
    return Table(standin)


def batch(*ids: str | None, **columns: list) -> pyarrow.RecordBatch:
    given = {"id": ids, **columns}
    nothing = [None] * len(ids)
    arrays = [pyarrow.array(given.get(field.name, nothing), field.type) for field in _SCHEMA]
    return pyarrow.record_batch(arrays, schema=_SCHEMA)


def cause(answer: types.AppendRowsResponse) -> str:
    """Returns what the details of an answer say of its error."""
    detail = types.StorageError.pb()()
    assert answer.error.details[0].Unpack(detail)
    return types.StorageError.StorageErrorCode(detail.code).name


# --- One port -------------------------------------------------------------------------------------


def _secure_writer(standin: Standin) -> BigQueryWriteClient:
    credentials = grpc.ssl_channel_credentials(standin.authority)
    channel = grpc.secure_channel(standin.address, credentials)
    return BigQueryWriteClient(transport=transports.BigQueryWriteGrpcTransport(channel=channel))


def test_one_port_answers_rest_and_grpc_with_tls_and_without(standin) -> None:
    # Both reach the Write API: nothing but it says NOT_FOUND of a stream.
    for writer in (standin.writer(), _secure_writer(standin)):
        with pytest.raises(exceptions.NotFound, match="Requested entity was not found"):
            writer.finalize_write_stream(name=_UNKNOWN)
    rest = standin.rest()  # POST
    assert [dataset.dataset_id for dataset in rest.list_datasets()] == ["writes"]  # GET
    dataset = rest.get_dataset("writes")
    dataset.description = "changed"
    rest.update_dataset(dataset, ["description"])  # PATCH begins with P as well
    assert rest.get_dataset("writes").description == "changed"


# --- What is written ------------------------------------------------------------------------------


def test_values_of_every_type_arrive_as_they_were_sent(table) -> None:
    stream = table.open()
    largest = Decimal("99999999999999999999999999999.999999999")
    at = dt.datetime(2026, 11, 29, 23, 59, 59, 999_999, dt.UTC)
    rows = batch(
        "a", "b", "c",
        amount=[largest, largest.copy_negate(), None],
        at=[at, dt.datetime(1970, 1, 1, tzinfo=dt.UTC), None],
        raw=[b"\x00\xff", b"", None],
        n=[2**63 - 1, -(2**63), None],
        score=[0.1, -1e300, None],
    )  # fmt: skip

    assert table.connect(stream).append(rows, 0).append_result.offset == 0
    table.flush(stream, 2)

    assert table.rows() == rows.to_pylist()


def test_schema_is_sent_once_for_each_connection(table) -> None:
    stream = table.open()
    first, second = table.connect(stream), table.connect(stream)

    assert first.append(batch("a"), 0).append_result.offset == 0
    assert first.append(batch("b"), 1).append_result.offset == 1
    assert second.append(batch("c"), 2).append_result.offset == 2
    assert first.append(batch("d"), 3).append_result.offset == 3

    table.flush(stream, 3)
    assert table.ids() == ["a", "b", "c", "d"]


def test_appended_rows_survive_the_process(tmp_path) -> None:
    standin = Standin(tmp_path)
    try:
        table = Table(standin)
        stream = table.open()
        connection = table.connect(stream)
        connection.append(batch("a", "b", amount=[Decimal("1.5"), None]), 0)
        connection.append(batch("c", raw=[b"\xff"]), 2)
        table.flush(stream, 0)

        standin.kill()
        standin.start()

        table.writer = standin.writer()
        connection = table.connect(stream)
        assert connection.append(batch("c"), 2).error.code == 6
        connection.append(batch("d"), 3)
        assert table.row_count() == 1
        with pytest.raises(exceptions.AlreadyExists):
            table.flush(stream, 0)
        table.flush(stream, 3)
        assert table.row_count() == 4
        assert [(row["id"], row["amount"], row["raw"]) for row in table.rows()] == [
            ("a", Decimal("1.5"), None),
            ("b", None, None),
            ("c", None, b"\xff"),
            ("d", None, None),
        ]
    finally:
        standin.kill()


def test_a_stream_that_is_flushed_whole_goes_on_where_it_ended(tmp_path) -> None:
    """Nothing of it lies in the append log any more, which would tell where it ends."""
    standin = Standin(tmp_path)
    try:
        table = Table(standin)
        stream = table.open()
        table.connect(stream).append(batch("a", "b"), 0)
        table.flush(stream, 1)
        for offset, name in ((2, "c"), (3, "d")):
            standin.kill()
            standin.start()

            table.writer = standin.writer()
            with pytest.raises(exceptions.AlreadyExists):
                table.flush(stream, offset - 1)
            assert table.connect(stream).append(batch("late"), 0).error.code == 6
            assert table.connect(stream).append(batch(name), offset).append_result.offset == offset
            table.flush(stream, offset)
        assert table.ids() == ["a", "b", "c", "d"]
    finally:
        standin.kill()


def test_flush_that_takes_long_keeps_nobody_else_waiting(standin, table) -> None:
    slow, other = table.open(), table.open()
    table.connect(slow).append(batch("slow"), 0)
    with standin.spoiled(flush_delay_ms=3_000):
        flushing = threading.Thread(target=table.flush, args=(slow, 0))
        flushing.start()
        time.sleep(0.3)
    started_at = time.monotonic()
    table.connect(other).append(batch("quick"), 0)
    table.flush(other, 0)
    assert table.ids() == ["quick"]
    assert time.monotonic() - started_at < 2.5
    flushing.join()
    assert table.ids() == ["quick", "slow"]


def test_columns_may_be_added_between_flushes(standin, table) -> None:
    """Each in the middle of flushes of other threads."""
    stop = threading.Event()
    failures: list[Exception] = []

    def write() -> None:
        stream = table.open()
        connection = table.connect(stream)
        for offset in itertools.count():
            if stop.is_set():
                return
            try:
                assert not connection.append(batch("a"), offset).error.code
                table.flush(stream, offset)
            except exceptions.GoogleAPICallError as error:
                failures.append(error)
                return

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    rest = standin.rest()
    for number in range(5):
        added = rest.get_table(f"sandbox.writes.{table.name}")
        added.schema = [*added.schema, bigquery.SchemaField(f"more{number}", "STRING")]
        rest.update_table(added, ["schema"])
    stop.set()
    for writer in writers:
        writer.join()

    assert failures == []


# --- What is refused ------------------------------------------------------------------------------


def test_wrong_offset_is_an_answer_and_the_connection_goes_on(table) -> None:
    stream = table.open()
    connection = table.connect(stream)
    connection.append(batch("a", "b"), 0)

    taken, beyond = connection.append(batch("x"), 1), connection.append(batch("x"), 3)

    assert (taken.error.code, cause(taken)) == (6, "OFFSET_ALREADY_EXISTS")
    assert "expected offset 2, received 1" in taken.error.message
    assert (beyond.error.code, cause(beyond)) == (11, "OFFSET_OUT_OF_RANGE")
    assert connection.append(batch("c"), 2).append_result.offset == 2
    table.flush(stream, 2)
    assert table.ids() == ["a", "b", "c"]


def test_append_to_an_unknown_stream_ends_the_call_with_not_found(table) -> None:
    with pytest.raises(exceptions.NotFound):
        table.connect(table.open()[:-16] + "0123456789abcdef").append(batch("a"), 0)


def test_finalized_stream_takes_neither_rows_nor_flushes(table) -> None:
    stream = table.open()
    connection = table.connect(stream)
    connection.append(batch("a", "b"), 0)

    assert table.writer.finalize_write_stream(name=stream).row_count == 2
    assert table.writer.finalize_write_stream(name=stream).row_count == 2

    refused = connection.append(batch("c"), 2)
    assert (refused.error.code, cause(refused)) == (3, "STREAM_FINALIZED")
    with pytest.raises(exceptions.InvalidArgument, match="finalized"):
        table.flush(stream, 1)
    assert table.ids() == []


def test_flush_beyond_the_end_or_again_or_of_an_unknown_stream_is_refused(table) -> None:
    stream = table.open()
    table.connect(stream).append(batch("a"), 0)

    with pytest.raises(exceptions.OutOfRange):
        table.flush(stream, 1)
    table.flush(stream, 0)
    with pytest.raises(exceptions.AlreadyExists):
        table.flush(stream, 0)
    with pytest.raises(exceptions.NotFound):
        table.flush(_UNKNOWN, 0)
    with pytest.raises(exceptions.NotFound):
        table.writer.finalize_write_stream(name=_UNKNOWN, retry=None)


@pytest.mark.parametrize("size", [10_000_000, 20_000_000])
def test_request_that_is_too_big_is_refused_and_the_connection_goes_on(table, size) -> None:
    stream = table.open()
    connection = table.connect(stream)

    refused = connection.append(batch("a", raw=[bytes(size)]), 0)

    assert refused.error.code == 3
    assert "too large" in refused.error.message
    assert connection.append(batch("a", raw=[bytes(9_900_000)]), 0).append_result.offset == 0


def test_missing_value_of_a_required_column_refuses_the_whole_append(table) -> None:
    stream = table.open()
    connection = table.connect(stream)

    refused = connection.append(batch("a", None, "c", None), 0)

    assert refused.error.code == 3
    assert [(error.index, error.code.name) for error in refused.row_errors] == [
        (1, "FIELDS_ERROR"),
        (3, "FIELDS_ERROR"),
    ]
    assert "id" in refused.row_errors[0].message
    assert connection.append(batch("a", "c"), 0).append_result.offset == 0
    table.flush(stream, 1)
    assert table.ids() == ["a", "c"]


def test_column_that_the_table_does_not_have_is_refused(table) -> None:
    rows = pyarrow.record_batch({"id": ["a"], "more": ["b"]})

    refused = Connection(table.writer, table.open(), rows.schema).append(rows, 0)

    assert (refused.error.code, cause(refused)) == (3, "SCHEMA_MISMATCH_EXTRA_FIELDS")


# --- Faults ---------------------------------------------------------------------------------------


def test_refused_rows_are_named_and_nothing_of_the_append_is_kept(standin, table) -> None:
    stream = table.open()
    connection = table.connect(stream)
    with standin.spoiled(refuse_rows_with="bad", refuse_tables=[table.name]):
        refused = connection.append(batch("a", "bad1", "bad2", "b", "bad3", "bad4"), 0)
        accepted = connection.append(batch("a", "b"), 0)
        other = Table(standin)
        elsewhere = other.connect(other.open()).append(batch("bad"), 0)

    assert refused.error.code == 3
    assert [error.index for error in refused.row_errors] == [1, 2, 4]  # of four
    assert accepted.append_result.offset == 0
    assert not elsewhere.error.code
    table.flush(stream, 1)
    assert table.ids() == ["a", "b"]


def _append_in_vain(connection: Connection) -> None:
    with pytest.raises(exceptions.GoogleAPICallError):
        connection.append(batch("a"), 0)


def test_append_that_hangs_is_not_applied_and_does_not_hold_its_process(tmp_path) -> None:
    standin = Standin(tmp_path)
    try:
        table = Table(standin)
        stream = table.open()
        with standin.spoiled(append_hangs_every=1):
            with pytest.raises(exceptions.DeadlineExceeded):
                table.connect(stream).append(batch("a"), 0, timeout=1)
            hanging = threading.Thread(target=_append_in_vain, args=(table.connect(stream),))
            hanging.start()
            time.sleep(0.5)
        assert table.connect(stream).append(batch("b"), 0).append_result.offset == 0
        table.flush(stream, 0)
        assert table.ids() == ["b"]
        assert hanging.is_alive()
        standin.process.send_signal(signal.SIGTERM)
        assert standin.process.wait(10) == 0
        hanging.join()
    finally:
        standin.kill()


def test_append_past_its_deadline_is_not_applied(standin, table) -> None:
    stream = table.open()
    with (
        standin.spoiled(append_deadline_every=1),
        pytest.raises(exceptions.DeadlineExceeded),
    ):
        table.connect(stream).append(batch("a"), 0)

    assert table.connect(stream).append(batch("a"), 0).append_result.offset == 0


def test_append_at_an_offset_said_to_be_taken_is_not_applied(standin, table) -> None:
    stream = table.open()
    connection = table.connect(stream)
    with standin.spoiled(append_offset_taken_every=1):
        refused = connection.append(batch("a"), 0)

    assert (refused.error.code, cause(refused)) == (6, "OFFSET_ALREADY_EXISTS")
    assert connection.append(batch("a"), 0).append_result.offset == 0


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("flush_not_found_every", exceptions.NotFound),
        ("flush_unavailable_every", exceptions.ServiceUnavailable),
    ],
)
def test_refused_flush_shows_nothing_and_may_be_repeated(standin, table, fault, error) -> None:
    stream = table.open()
    table.connect(stream).append(batch("a"), 0)
    with standin.spoiled(**{fault: 1}), pytest.raises(error):
        table.flush(stream, 0)

    assert table.ids() == []
    table.flush(stream, 0)
    assert table.ids() == ["a"]


def test_refused_stream_is_not_made(standin, table) -> None:
    with standin.spoiled(create_exhausted_every=1), pytest.raises(exceptions.ResourceExhausted):
        table.open()

    assert table.open()
