"""AppendRows refuses what BigQuery refuses, in the form in which BigQuery does."""

import pyarrow
import pytest
from google.cloud.bigquery_storage_v1 import types

from sandbox.bigquery import append_answers, durable_streams
from sandbox.bigquery.append_answers import RowError
from sandbox.bigquery.append_rows import ExtraColumnsError, arrow_rows, nulls_in_required_columns

S = "projects/p/datasets/d/tables/t/streams/s"
_COLUMNS = pyarrow.schema(
    [
        pyarrow.field("id", pyarrow.string(), nullable=False),
        pyarrow.field("n", pyarrow.int64()),
        pyarrow.field("at", pyarrow.timestamp("us", tz="UTC")),
    ]
)


def sent(**columns: pyarrow.Array) -> tuple[bytes, bytes]:
    batch = pyarrow.record_batch(list(columns.values()), list(columns))
    return batch.schema.serialize().to_pybytes(), batch.serialize().to_pybytes()


def test_rows_are_kept_in_the_bytes_in_which_they_came() -> None:
    # In another order than the table has, and without one of its columns, which is null then.
    schema, batch = sent(n=pyarrow.array([1, None]), id=pyarrow.array(["a", "b"]))

    rows = arrow_rows(schema, batch, _COLUMNS)

    assert rows.table.to_pylist() == [{"id": "a", "n": 1}, {"id": "b", "n": None}]
    assert rows.table.schema.names == ["id", "n"]
    assert rows.kept == schema + batch
    kept = durable_streams.decode(rows.kept)
    assert kept.select(["id", "n"]).to_pylist() == rows.table.to_pylist()


def test_required_column_that_was_not_written_is_missing_in_every_row() -> None:
    rows = arrow_rows(*sent(n=pyarrow.array([1, 2])), _COLUMNS)

    assert [error.index for error in nulls_in_required_columns(rows.table)] == [0, 1]


def test_rows_of_another_width_are_converted_and_not_kept_as_they_came() -> None:
    rows = arrow_rows(*sent(n=pyarrow.array([7], pyarrow.int32())), _COLUMNS)

    assert rows.table.column("n").type == pyarrow.int64()
    assert rows.kept is None


@pytest.mark.parametrize(
    "columns",
    [{"at": pyarrow.array([1])}, {"n": pyarrow.array(["1"])}, {"id": pyarrow.array([b"a"])}],
)
def test_type_of_another_kind_is_refused(columns) -> None:
    # Arrow itself would convert each of them.
    with pytest.raises(TypeError, match="is not one for column"):
        arrow_rows(*sent(**columns), _COLUMNS)


def test_column_that_the_table_does_not_have_is_refused() -> None:
    with pytest.raises(ExtraColumnsError, match="more"):
        arrow_rows(*sent(id=pyarrow.array(["a"]), more=pyarrow.array([1])), _COLUMNS)


def test_missing_values_of_required_columns_are_named_row_by_row() -> None:
    rows = arrow_rows(*sent(id=pyarrow.array(["a", None, "c", None])), _COLUMNS)

    assert [error.index for error in nulls_in_required_columns(rows.table)] == [1, 3]


def test_complete_rows_have_no_errors() -> None:
    rows = arrow_rows(*sent(id=pyarrow.array(["a"]), n=pyarrow.array([None], "int64")), _COLUMNS)

    assert nulls_in_required_columns(rows.table) == []


@pytest.mark.parametrize(
    ("encoded", "code", "cause"),
    [
        (append_answers.offset_taken(S, expected=9, received=3), 6, "OFFSET_ALREADY_EXISTS"),
        (append_answers.offset_beyond_end(S, expected=3, received=9), 11, "OFFSET_OUT_OF_RANGE"),
        (append_answers.finalized(S), 3, "STREAM_FINALIZED"),
    ],
)
def test_refusal_says_its_cause_in_the_details(encoded, code, cause) -> None:
    answer = types.AppendRowsResponse.deserialize(encoded)

    assert answer.error.code == code
    detail = types.StorageError.pb()()
    assert answer.error.details[0].Unpack(detail)
    assert types.StorageError.StorageErrorCode(detail.code).name == cause
    assert answer.write_stream == detail.entity == S


def test_list_of_refused_rows_may_be_incomplete() -> None:
    encoded = append_answers.rows_refused(S, [RowError(index, "why") for index in range(9)])

    answer = types.AppendRowsResponse.deserialize(encoded)

    assert answer.error.code == 3
    assert [(error.index, error.message) for error in answer.row_errors] == [
        (0, "why"),
        (1, "why"),
        (2, "why"),
    ]
