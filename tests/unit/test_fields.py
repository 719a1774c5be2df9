"""Fields declare their columns; what is declared later is decoded and read back as well."""

from __future__ import annotations

import dataclasses
from typing import Annotated, NamedTuple

import pytest

from simulator.generate import Payment
from transforms.codecs import batch_decode, wire_format
from transforms.payment import cells
from transforms.payment.dead_letter import Rejected
from transforms.payment.fields import (
    Column,
    Declared,
    Field,
    Payload,
    columns_of,
    declares,
    fields_of,
)
from transforms.payment.tables import TRANSACTIONS
from transforms.payment.transaction import PAYLOAD, PaymentFacts, Transaction, facts_of, made_by


@declares
class Parcel(NamedTuple):
    """Not a payment."""

    parcel_id: Annotated[str, Payload("Its id.")]
    weight_g: Annotated[int, Field("In kilograms.", "weight", "NUMERIC"), Payload("In grams.")]
    sent_us: Annotated[int | None, Field("When.", "sent", "TIMESTAMP")]
    note: str = ""  # in no table


def test_field_says_its_columns_and_keeps_its_type() -> None:
    assert columns_of(Parcel) == (
        Column("parcel_id", "STRING", "Its id."),
        Column("weight", "NUMERIC", "In kilograms."),
        Column("weight_g", "INT64", "In grams."),
        Column("sent", "TIMESTAMP", "When.", nullable=True),
    )
    assert [each.name for each in fields_of(Parcel) if each.in_payload] == ["parcel_id", "weight_g"]
    assert columns_of(Parcel, ["sent_us", "parcel_id"]) == columns_of(Parcel)[::-3]
    # Beam would take anything else for a pickle.
    assert Parcel.__annotations__["weight_g"] is int
    assert Transaction.__annotations__["country"] == str | None


def test_columns_that_came_later_stand_last_in_the_order_in_which_they_came() -> None:
    # Far above the numbers of the table's own columns.
    later = [Column(f"c{n}", "STRING", "", nullable=True, added=n) for n in (1002, 1001)]
    table = dataclasses.replace(TRANSACTIONS, columns=(*later, *TRANSACTIONS.columns))

    assert table.column_names == (*TRANSACTIONS.column_names, "c1001", "c1002")


def test_column_that_came_later_must_be_nullable() -> None:
    with pytest.raises(ValueError, match=r"transactions\.c1 came later, so it must be nullable"):
        dataclasses.replace(TRANSACTIONS, columns=(Column("c1", "STRING", "", added=1),))


def test_facts_are_fields_of_a_transaction() -> None:
    values = {name: name for name in Transaction._fields}

    assert facts_of(Transaction(**values)) == PaymentFacts(*PaymentFacts._fields)


def test_simulator_writes_the_fields_that_payloads_were_made_with() -> None:
    assert list(Payment._fields) == [each.column.name for each in PAYLOAD if not each.column.added]


def test_transaction_is_made_by_expressions_and_of_what_else_there_is() -> None:
    make = made_by(
        "row", {"offset": "row['o']", "currency": "upper(row['c'])"}, {"upper": str.upper}
    )
    made = make({"o": 7, "c": "eur"})

    assert isinstance(made, Transaction)
    assert (made.offset, made.currency, made.transaction_id) == (7, "EUR", None)
    assert cells.made_of(["offset", "topic"])([7, "t"])[9:12] == ("t", None, 7)


# What no payload holds so far.
TIME = "2026-01-01T00:00:00.25Z"
LATER = [
    ("STRING", "app", [7, True]),
    ("INT64", -(2**63), ["7", True, 1.5, 2**63, -(2**63) - 1]),
    ("TIMESTAMP", TIME, [7, "yesterday", "2026-02-30T00:00:00Z"]),
]


@pytest.mark.parametrize(("kind", "good", "bad"), LATER, ids=[kind for kind, *_ in LATER])
def test_optional_field_of_any_type_is_decoded_in_a_batch_as_alone(kind, good, bad) -> None:
    field = Declared("later", Column("later", kind, "", nullable=True), in_payload=True)
    alone = wire_format._optional(wire_format._DECODE[kind])

    for values in ([good, None, good], [None, None], [good]):
        decoded = [alone({"later": each}, "later") for each in values]
        assert list(batch_decode._column(field, values)) == decoded
    assert alone({}, "later") is None
    for each in bad:
        assert batch_decode._column(field, [good, None, each]) is None
        with pytest.raises(Rejected):
            alone({"later": each}, "later")
