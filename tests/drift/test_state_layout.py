"""The layout of a savepoint is interface: the next version must read what this one kept.

Beam's coders tell no error when a layout changes: they read other values. When a test here fails,
docs/upgrade.md says what may change and how.
"""

from typing import NamedTuple, Optional

import apache_beam as beam
import orjson
import pytest
from apache_beam.coders import ListCoder, RowCoder
from apache_beam.transforms.userstate import StateSpec, TimerSpec
from apache_beam.typehints.schemas import schema_from_element_type

from tests.support.payments import transaction
from transforms.judge_by_stretch import JudgeByStretch
from transforms.payment.number_limits import BUCKETS_PER_HORIZON
from transforms.payment.transaction import ReplayOf, Transaction
from transforms.per_id_dedup import KeepFirstOfId
from transforms.sharded_dedup import KeepFirstOfShard
from transforms.state import packed
from transforms.state.account_memory import Paid
from transforms.state.arrival_queue import CELLS
from transforms.state.id_memory import ENTRY
from transforms.state.stretch import STRETCH_US, Piece

# Payments wait in the state of ScoreFraud packed by the column: fields by their place.
TRANSACTION = [
    "transaction_id",
    "account_id",
    "merchant_id",
    "payment_type",
    "amount_minor",
    "currency",
    "event_time_us",
    "country",
    "device_id",
    "topic",
    "partition",
    "offset",
    "broker_time_us",
    "replay_of",
]
REPLAY_OF = ["topic", "partition", "offset", "original_time_us"]

KEPT = {
    KeepFirstOfShard: {"shard_catalogue", *(f"ids_{n}" for n in range(6)), "ts-forget"},
    KeepFirstOfId: {"first_seen", "ts-forget"},
    JudgeByStretch: {
        "arrival_queue",
        *(f"waiting_{n}" for n in range(CELLS)),
        "account_header",
        "account_payments",
        "ts-settle",
        "ts-sweep",
    },
}


@pytest.mark.parametrize("step", KEPT, ids=lambda step: step.__name__)
def test_names_of_state_and_timers(step: type[beam.DoFn]) -> None:
    specs = [each for each in vars(step).values() if isinstance(each, StateSpec | TimerSpec)]

    assert {each.name for each in specs} == KEPT[step]


def test_fields_of_rows_in_state_are_only_ever_added_at_the_end() -> None:
    assert list(Transaction._fields[: len(TRANSACTION)]) == TRANSACTION
    assert list(ReplayOf._fields) == REPLAY_OF  # nested: nothing may be added even at the end


def test_field_added_at_the_end_has_its_default_in_what_was_packed_before() -> None:
    whole = packed.pack([transaction(offset=7), transaction(offset=8)])
    before = orjson.dumps(orjson.loads(whole)[: TRANSACTION.index("replay_of")])

    assert packed.unpack(before) == packed.unpack(whole)


def test_places_in_which_ids_are_sought() -> None:
    assert (BUCKETS_PER_HORIZON, STRETCH_US, CELLS) == (4, 5_000_000, 8)
    assert ENTRY.names == (
        "id_high", "id_low", "facts", "offset", "arrival_ms", "partition", "topic",
    )  # fmt: skip
    assert ENTRY.itemsize == 40


def test_layout_of_payments_that_wait_and_that_accounts_remember() -> None:
    assert (
        Piece(1, 2, b"[]").encode() == bytes.fromhex("0100000000000000 02000000 02000000") + b"[]"
    )
    assert Paid._fields == (
        "account_id", "broker_time_us", "amount_minor", "currency", "event_time_us", "country",
        "device_id",
    )  # fmt: skip


class Before(NamedTuple):
    payer: str
    payee: str
    amount_minor: int


class AtTheEnd(NamedTuple):
    payer: str
    payee: str
    amount_minor: int
    device: Optional[str]  # noqa: UP045  Beam reads Optional


class InAnotherOrder(NamedTuple):
    payee: str
    payer: str
    amount_minor: int


KEPT_BEFORE = [Before("anna", "shop", 100), Before("ben", "bank", 200)]


def read_as(layout: type) -> list:
    return coder(layout).decode(coder(Before).encode(KEPT_BEFORE))


def coder(layout: type) -> ListCoder:
    return ListCoder(RowCoder(schema_from_element_type(layout)))


def test_field_added_at_the_end_is_null_in_rows_kept_before() -> None:
    assert [tuple(row) for row in read_as(AtTheEnd)] == [(*row, None) for row in KEPT_BEFORE]


def test_control_beam_reads_other_values_and_raises_nothing() -> None:
    """Why the lists above exist. Should Beam go by name one day, they may go."""
    assert [row.payer for row in read_as(InAnotherOrder)] == ["shop", "bank"]
