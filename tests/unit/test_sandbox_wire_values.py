"""A value comes out of the wire as it went in."""

import datetime
from decimal import Decimal

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.bigquery import wire_values

NUMERIC = pyarrow.decimal128(38, 9)
NUMERIC_MAX = 10**38 - 1  # unscaled


def as_the_java_client_encodes(unscaled: int) -> bytes:
    return unscaled.to_bytes((unscaled.bit_length() + 8) // 8, "little", signed=True)


def as_civil_time_encoder_packs(value: datetime.time) -> int:
    return value.hour << 32 | value.minute << 26 | value.second << 20 | value.microsecond


@given(st.integers(-NUMERIC_MAX, NUMERIC_MAX))
def test_no_digit_of_an_amount_is_lost(unscaled) -> None:
    amount = wire_values.decode(as_the_java_client_encodes(unscaled), NUMERIC)

    assert isinstance(amount, Decimal)
    assert amount.as_tuple().exponent == -9
    assert int(amount.scaleb(9, wire_values._EXACT)) == unscaled


@pytest.mark.parametrize(
    ("encoded", "amount"),
    [(b"\x00\xca\x9a\x3b", "1"), (b"\x80\x69\x67\xff", "-0.01"), (b"\x00", "0")],
)
def test_known_encodings(encoded, amount) -> None:
    assert wire_values.decode(encoded, NUMERIC) == Decimal(amount)


@given(st.datetimes())
def test_datetime_survives(value) -> None:
    date = value.year << 9 | value.month << 5 | value.day
    packed = date << 37 | as_civil_time_encoder_packs(value.time())

    assert wire_values.decode(packed, pyarrow.timestamp("us")) == value


@given(st.times())
def test_time_survives(value) -> None:
    packed = as_civil_time_encoder_packs(value)

    assert wire_values.decode(packed, pyarrow.time64("us")) == value


@pytest.mark.parametrize(
    ("value", "arrow_type"),
    [
        (1_767_323_045_678_901, pyarrow.timestamp("us", tz="UTC")),  # TIMESTAMP is a plain number
        (b"\x00\x01\xff", pyarrow.binary()),
        ("12.5", NUMERIC),  # as REST sends it
        (True, pyarrow.bool_()),
        (None, NUMERIC),
    ],
)
def test_other_values_pass_unchanged(value, arrow_type) -> None:
    assert wire_values.decode(value, arrow_type) is value
