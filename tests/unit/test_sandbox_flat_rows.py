"""A row that is decoded by the column is the row that was sent."""

import datetime as dt
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pyarrow
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from hypothesis import given
from hypothesis import strategies as st

from sandbox.bigquery import flat_rows

COLUMNS = {
    "name": (Field.TYPE_STRING, pyarrow.string()),
    "raw": (Field.TYPE_BYTES, pyarrow.binary()),
    "count": (Field.TYPE_INT64, pyarrow.int64()),
    "share": (Field.TYPE_DOUBLE, pyarrow.float64()),
    "at": (Field.TYPE_INT64, pyarrow.timestamp("us", tz="UTC")),
    "amount": (Field.TYPE_BYTES, pyarrow.decimal128(38, 9)),
}


def decoder_of(columns: dict[str, int]) -> Any:
    """As the emulator makes one of a writer's schema."""
    file = descriptor_pb2.FileDescriptorProto(name="row.proto", syntax="proto2")
    message = file.message_type.add(name="Row")
    for number, (name, kind) in enumerate(columns.items(), 1):
        message.field.add(name=name, number=number, type=kind, label=Field.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    descriptor = pool.FindMessageTypeByName("Row")
    return SimpleNamespace(
        _descriptor=descriptor, _message_class=message_factory.GetMessageClass(descriptor)
    )


DECODER = decoder_of({name: kind for name, (kind, _) in COLUMNS.items()})
SCHEMA = pyarrow.schema([(name, kind) for name, (_, kind) in COLUMNS.items()])

values = st.fixed_dictionaries(
    {
        "name": st.none() | st.text(max_size=5),
        "raw": st.none() | st.binary(max_size=5),
        "count": st.none() | st.integers(-(2**63), 2**63 - 1),
        "share": st.none() | st.floats(allow_nan=False),
        "at": st.none() | st.datetimes(min_value=dt.datetime(1970, 1, 1)),
        "amount": st.none() | st.decimals(-(10**15), 10**15, places=9),
    }
)


def sent(row: dict[str, Any]) -> bytes:
    """As the Java client encodes it."""
    fields = {name: value for name, value in row.items() if value is not None}
    if "at" in fields:
        since = fields["at"] - dt.datetime(1970, 1, 1)
        fields["at"] = since // dt.timedelta(microseconds=1)
    if "amount" in fields:
        unscaled = int(fields["amount"].scaleb(9))
        length = (unscaled.bit_length() + 8) // 8
        fields["amount"] = unscaled.to_bytes(length, "little", signed=True)
    message: bytes = DECODER._message_class(**fields).SerializeToString()
    return message


@given(st.lists(values, max_size=4))
def test_every_value_is_what_was_sent_and_nothing_stays_nothing(rows: list[dict[str, Any]]) -> None:
    table = flat_rows.flat_to_arrow(DECODER, [sent(row) for row in rows], SCHEMA)

    assert table.schema == SCHEMA
    for got, row in zip(table.to_pylist(), rows, strict=True):
        at = row["at"]
        assert got == {**row, "at": None if at is None else at.replace(tzinfo=dt.UTC)}


def test_column_missing_from_the_writer_is_null() -> None:
    schema = SCHEMA.append(pyarrow.field("added_later", pyarrow.string()))

    [row] = flat_rows.flat_to_arrow(DECODER, [sent({"count": 7})], schema).to_pylist()

    assert (row["count"], row["added_later"]) == (7, None)


def test_amount_with_more_digits_than_a_float_keeps_them() -> None:
    amount = Decimal("12345678901234567.890123456")

    table = flat_rows.flat_to_arrow(DECODER, [sent({"amount": amount})], SCHEMA)

    assert table["amount"].to_pylist() == [amount]


@pytest.mark.parametrize(("repeated", "kind"), [(True, "TYPE_INT64"), (False, "TYPE_MESSAGE")])
def test_nested_fields_are_left_to_the_emulator(repeated: bool, kind: str) -> None:
    field = SimpleNamespace(
        is_repeated=repeated, type=Field.Type.Value(kind), TYPE_MESSAGE=Field.TYPE_MESSAGE
    )

    assert flat_rows._nested(field)
