"""Each shipped contract: its sample, its formats back and forth, alone and in batches."""

from __future__ import annotations

import dataclasses
import json
import pickle
import string

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.contract import samples
from tests.support import payments
from tests.support.contract_records import CONTRACTS, ENCODERS, Paid
from tests.support.contracts import accepted, schemas_of
from tests.support.contracts import shipped as contract_of
from transforms.codecs import batch_decode, wire_format
from transforms.codecs.contract import language, shipped
from transforms.codecs.contract.decoder import Decoder
from transforms.codecs.contract.fingerprint import fingerprint
from transforms.codecs.contract.native import is_native
from transforms.payment.dead_letter import Rejected
from transforms.payment.rules import MINOR_DIGITS
from transforms.payment.transaction import Transaction

NOW_US = 1_800_000_000_000_000
# Of their records: accepted, skipped.
SAMPLES = {
    "native": (2, 0),
    "stripe": (2, 1),
    "adyen": (2, 2),
    "paypal": (2, 1),
    "square": (1, 2),
    "hyperswitch": (1, 2),
    "mojaloop": (1, 0),
    "debezium-json": (1, 3),
    "debezium-avro": (1, 2),
    "pacs008": (1, 0),
    "confluent-avro": (2, 0),
    "cloudevents": (1, 1),
    "outbox": (1, 1),
    "protobuf": (1, 1),
}


def sample(name: str) -> list:
    containers = samples.ContainerSchemas(None)
    found = samples.records_of(shipped.sample_of(name), None, NOW_US, containers)
    return [each.record for each in found]


def decoder_of(name: str) -> Decoder:
    return Decoder(contract_of(name), schemas_of(name))


def test_there_is_one_of_each_name() -> None:
    assert set(shipped.NAMES) == set(SAMPLES) == set(ENCODERS)
    assert {path.stem for path in CONTRACTS.glob("*.yaml")} == set(shipped.NAMES)


@pytest.mark.parametrize("name", shipped.NAMES)
def test_sample_is_read_as_it_is_meant(name: str) -> None:
    records = sample(name)
    decoded = decoder_of(name).decode(records)

    assert not decoded.rejected, decoded.rejected
    assert (len(decoded.transactions), len(decoded.skipped)) == SAMPLES[name]
    assert decoded.transactions[0].amount_minor == 1250


@pytest.mark.parametrize("name", shipped.NAMES)
def test_shipped_contract_says_what_it_counts(name: str) -> None:
    text = (CONTRACTS / f"{name}.yaml").read_text()

    assert text.startswith("# ")
    assert len(contract_of(name).means) > 20
    assert yaml.safe_load(text)["facts"], "facts are said, not assumed"


def test_every_word_of_the_language_is_known_to_its_code() -> None:
    from transforms.codecs.contract import amount_kinds, times

    assert set(amount_kinds._READERS) == set(language.AMOUNT_KINDS)
    assert set(times._READERS) | set(times.PER_SECOND) == set(language.TIME_KINDS)


# decode(encode(x)) = x

NAMES = st.text(string.ascii_letters + string.digits, min_size=1, max_size=20)
NUMBERS = st.integers(1, 2**60).map(str)
CURRENCIES = st.sampled_from(["EUR", "USD", "JPY", "KWD", "CLP", "ISK", "UGX", "HUF"])


@st.composite
def paid(draw: st.DrawFn, name: str) -> Paid:
    numbers = name.startswith(("debezium", "confluent"))
    kind = NUMBERS if numbers else NAMES
    currency = draw(CURRENCIES)
    if numbers and MINOR_DIGITS[currency] > 2:  # a column of two digits
        currency = "EUR"
    amount = draw(st.integers(1, 10**12))
    identity = draw(NAMES)
    merchant = draw(kind)
    if name == "adyen":
        identity = f"AUTHORISATION:{identity}"
    elif name == "hyperswitch":
        identity, merchant = f"{merchant}:{identity}", merchant
    elif name == "cloudevents":
        identity = f"/shop#{identity}"
    elif name == "outbox":
        merchant = "order-service"
    time = draw(st.integers(946_684_800_000_000, 1_800_000_000_000_000))
    time -= time % {"stripe": 1_000_000, "confluent-avro": 1_000, "outbox": 1_000}.get(name, 1)
    return Paid(identity, draw(kind), merchant, amount, currency, time)


WITHOUT_PAYER = ("adyen", "paypal", "hyperswitch")


@pytest.mark.parametrize("name", shipped.NAMES)
def test_what_is_written_is_read(name: str) -> None:
    said, schemas = contract_of(name), schemas_of(name)

    @given(paid(name))
    @settings(max_examples=25, deadline=None)
    def same(payment: Paid) -> None:
        found = accepted(said, ENCODERS[name](payment), schemas=schemas)
        payer = None if name in WITHOUT_PAYER else payment.account_id
        assert found[:3] == (payment.transaction_id, payer, payment.merchant_id)
        assert found[4:7] == payment[3:]

    same()


@pytest.mark.parametrize("name", shipped.NAMES)
def test_alone_is_as_in_a_batch(name: str) -> None:
    records = sample(name)
    records += [records[0]._replace(payload=b"?"), records[-1]._replace(payload=None)]
    decoder = decoder_of(name)
    alone = [decoder.decode([record]) for record in records]
    together = decoder.decode(records)

    assert together.transactions == [each for one in alone for each in one.transactions]
    assert together.skipped == [each for one in alone for each in one.skipped]
    assert list(map(told, together.rejected)) == [told(e) for one in alone for e in one.rejected]
    assert sum(map(len, together[1:4])) == len(records)  # none lost, none twice


def told(rejected: tuple[object, Rejected]) -> tuple[object, ...]:
    return rejected[0], rejected[1].reason, rejected[1].detail


# our own JSON


def test_native_goes_the_fast_way_and_nothing_else_does() -> None:
    native = contract_of("native")

    assert is_native(native)
    for name in shipped.NAMES[1:]:
        assert not is_native(contract_of(name))
    assert not is_native(dataclasses.replace(native, tombstones="skip"))
    account = dataclasses.replace(native.fields["account_id"], kind="id")
    assert not is_native(
        dataclasses.replace(native, fields={**native.fields, "account_id": account})
    )


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.sampled_from(["2026-11-23T08:15:30.250Z", "EUR", "purchase", "DE", "tx-1", 1250, ...]),
)
CHANGES = st.dictionaries(st.sampled_from([*payments.fields(), "other"]), VALUES, max_size=3)


@given(CHANGES, st.booleans())
@settings(max_examples=200, deadline=None)
def test_interpreter_gives_the_answers_of_the_wire_format(changes: dict, spaced: bool) -> None:
    fields = payments.fields(**changes)
    raw = json.dumps(fields, separators=None if spaced else (",", ":")).encode()
    assert answer_of_interpreter(raw) == answer_of_wire_format(raw)


@given(st.binary(max_size=40), st.integers(0, 200))
@settings(max_examples=200, deadline=None)
def test_and_so_for_spoiled_bytes(junk: bytes, at: int) -> None:
    raw = payments.payload()
    spoiled = raw[:at] + junk + raw[at + len(junk) :]
    assert answer_of_interpreter(spoiled) == answer_of_wire_format(spoiled)


INTERPRETER = Decoder(contract_of("native"), interpreted=True)
Answer = Transaction | tuple[str, str]


def answer_of_interpreter(raw: bytes | None) -> Answer:
    return answer(INTERPRETER.decode([payments.record(raw)]))


def answer(decoded: object) -> Answer:
    transactions, rejected = decoded.transactions, decoded.rejected  # type: ignore[attr-defined]
    return transactions[0] if transactions else (rejected[0][1].reason, rejected[0][1].detail)


def answer_of_wire_format(raw: bytes | None) -> Answer:
    found = answer(batch_decode.decode([payments.record(raw)]))
    try:
        assert found == wire_format.decode(payments.record(raw))
    except Rejected as rejected:
        assert found == (rejected.reason, rejected.detail)
    return found


@pytest.mark.parametrize("raw", [None, b"x" * 70_000, b'{"a":1,"a":2}', b"[]", b"null", b"1e999"])
def test_corner_cases_are_answered_alike(raw: bytes | None) -> None:
    assert answer_of_interpreter(raw) == answer_of_wire_format(raw)


def test_replay_header_is_read_by_both() -> None:
    record = payments.record(payments.payload())._replace(replay_header=b"{}")

    assert answer(INTERPRETER.decode([record])) == answer(batch_decode.decode([record]))


# for the job


def test_decoder_travels_to_a_worker() -> None:
    decoder = pickle.loads(pickle.dumps(decoder_of("stripe")))
    record = ENCODERS["stripe"](Paid("pi", "c", "m", 5, "EUR", 1_795_421_730_000_000))

    assert decoder.decode([record]).transactions[0].amount_minor == 5


def test_contract_says_which_headers_must_be_carried() -> None:
    assert contract_of("cloudevents").headers == ("ce_id", "ce_source", "ce_time", "ce_type")
    assert contract_of("native").headers == ()


def test_fingerprint_follows_id_facts_and_digits_only() -> None:
    stripe = contract_of("stripe")
    first = fingerprint(stripe)
    fields = stripe.fields

    def with_field(**changes: language.Field) -> str:
        return fingerprint(dataclasses.replace(stripe, fields={**fields, **changes}))

    assert fingerprint(dataclasses.replace(stripe, means="x", topics=("a",), keep=())) == first
    other_id = dataclasses.replace(fields["transaction_id"], case="upper")
    assert with_field(transaction_id=other_id) != first
    assert fingerprint(dataclasses.replace(stripe, facts=("amount", "currency"))) != first
    amount = dataclasses.replace(fields["amount"], amount=language.Amount())
    assert with_field(amount=amount) != first
    assert (
        with_field(event_time=dataclasses.replace(fields["event_time"], kind="epoch_ms")) == first
    )
    moved = dataclasses.replace(fields["transaction_id"], line=99)
    assert with_field(transaction_id=moved) == first
