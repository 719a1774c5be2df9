"""Laws of the simulator by contract: its records are read by the decoder as they were meant."""

from __future__ import annotations

import pathlib
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.contracts import amounts, find
from simulator.contracts.encoder import Encoder, Sample, Written
from simulator.contracts.meaning import Meant
from simulator.contracts.not_payments import NotPayments
from simulator.contracts.spoil import Spoiler
from simulator.generate import Payment
from tests.support.contract_records import Record
from tests.support.contracts import schemas_of
from transforms.codecs.contract import shipped
from transforms.codecs.contract.decoder import Decoder
from transforms.codecs.contract.load import load
from transforms.payment.dead_letter import Reason, Rejected
from transforms.payment.transaction import Transaction

NAMES = st.text(string.ascii_letters + string.digits + "-._", min_size=1, max_size=20)
# Two digits, none, three; those in which Stripe and Adyen deviate; one that Adyen does not say.
CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD", "CLP", "ISK", "UGX", "CVE", "MGA", "IDR", "HUF"])
TYPES = st.sampled_from(["purchase", "refund", "transfer", "withdrawal"])
ARRIVAL_US = 1_800_000_000_123_000


@st.composite
def payments(draw: st.DrawFn) -> tuple[Payment, int]:
    time_us = draw(st.integers(946_771_200_000_000, 1_800_000_000_000_000))
    payment = Payment(
        f"tx-{draw(st.integers(0, 2**64 - 1)):016x}",
        draw(NAMES),
        draw(NAMES),
        draw(TYPES),
        draw(st.integers(1, 10**15)),
        draw(CURRENCIES),
        "",
        draw(st.sampled_from(["DE", None])),
        draw(st.one_of(NAMES, st.none())),
    )
    return payment, time_us


def record_of(written: Written, offset: int = 7) -> Record:
    return Record(
        offset=offset,
        broker_time_us=ARRIVAL_US,
        key=written.key,
        payload=written.payload,
        headers=written.headers,
    )


def meant_as(encoder: Encoder, meant: Meant) -> tuple[object, ...]:
    time_us = ARRIVAL_US if encoder.time_is_arrival else meant.event_time_us
    return (
        *(meant.transaction_id, meant.account_id, meant.merchant_id, meant.payment_type),
        *(meant.amount_minor, meant.currency, time_us, meant.country, meant.device_id),
    )


def read_alone(decoder: Decoder, written: Written) -> Transaction:
    decoded = decoder.decode([record_of(written)])
    assert not decoded.rejected, decoded.rejected[0][1]
    assert not decoded.skipped, decoded.skipped
    return decoded.transactions[0]


def check_law(encoder: Encoder, decoder: Decoder) -> None:
    @given(payments())
    @settings(max_examples=40, deadline=None)
    def same(made: tuple[Payment, int]) -> None:
        meant, written = encoder.encode(*made)
        assert read_alone(decoder, written)[:9] == meant_as(encoder, meant)

    same()


def shipped_encoder(name: str) -> Encoder:
    return find.encoder_at_hand(find.Named(name))


def decoder_of(encoder: Encoder) -> Decoder:
    return Decoder(encoder.contract, schemas_of(encoder.contract.name))


@pytest.mark.parametrize("name", shipped.NAMES)
def test_what_is_written_is_read_as_it_is_meant(name: str) -> None:
    encoder = shipped_encoder(name)
    check_law(encoder, decoder_of(encoder))


@pytest.mark.parametrize("name", shipped.NAMES)
def test_and_so_in_batches(name: str) -> None:
    encoder = shipped_encoder(name)

    @given(st.lists(payments(), min_size=2, max_size=8))
    @settings(max_examples=5, deadline=None)
    def same(made: list[tuple[Payment, int]]) -> None:
        sent = [encoder.encode(*each) for each in made]
        decoded = decoder_of(encoder).decode([record_of(written) for _, written in sent])
        assert [each[:9] for each in decoded.transactions] == [
            meant_as(encoder, meant) for meant, _ in sent
        ]

    same()


@pytest.mark.parametrize("name", shipped.NAMES)
def test_control_an_encoder_that_writes_a_minor_unit_too_much_is_found(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = shipped_encoder(name)
    exact = amounts.written

    def broken(*arguments: object) -> tuple[int, int]:
        unscaled, scale = exact(*arguments)  # type: ignore[arg-type]
        return unscaled * 10, scale

    monkeypatch.setattr(amounts, "written", broken)
    with pytest.raises(AssertionError):
        check_law(encoder, decoder_of(encoder))


def test_what_no_field_maps_stays_as_in_the_sample() -> None:
    encoder = shipped_encoder("stripe")
    _, written = encoder.encode(Payment("tx-1", "a", "m", "purchase", 5, "EUR", "", None, None), 0)

    assert b'"livemode":true' in written.payload
    assert b'"currency":"eur"' in written.payload


# contracts that are not shipped: YAML alone

LEDGER_YAML = """
contract: 1
means: A posting that is committed.
format: json
unwrap:
  - {at: data.transactions, as: single}
  - {at: postings, as: single}
keep: [{at: "outer:type", in: [COMMITTED_TRANSACTIONS], else: skip}]
fields:
  transaction_id: {join: ["outer:ledger", "outer:data.transactions.0.id"]}
  account_id: source
  merchant_id: destination
  payment_type: {const: transfer}
  amount: {at: amount, as: minor_integer}
  currency: {at: asset, before: /}
  event_time: {at: "outer:date", as: rfc3339}
"""
LEDGER_SAMPLE = b"""{"ledger":"default","type":"COMMITTED_TRANSACTIONS","date":
"2026-11-23T08:15:30.25Z","data":{"transactions":[{"id":12,"postings":[{"source":"a","destination":
"b","amount":1250,"asset":"EUR/2"}]}]}}"""
BANK_YAML = """
contract: 1
means: A booked transaction of an account.
format: json
keep: [{at: pending, in: [false], skip: [true]}]
fields:
  transaction_id: transaction_id
  account_id: account_id
  merchant_id: {at: merchant_entity_id, absent: unknown}
  payment_type: {const: purchase}
  amount: {at: amount, as: decimal_number, positive_is: purchase, negative_is: refund}
  currency: iso_currency_code
  event_time: {at: date, as: date, zone: Europe/Berlin}
"""
BANK_SAMPLE = b"""{"account_id":"BxBX","amount":72.1,"iso_currency_code":"USD","date":"2026-11-23",
"merchant_entity_id":"O5W5","pending":false,"transaction_id":"lPNj"}"""
TIME_PARTS_YAML = """
contract: 1
means: A sale that the till has closed.
format: json
unwrap: [{at: body, as: base64_json}]
fields:
  transaction_id: {at: "key:sale", case: upper}
  account_id: {at: "header:payer", absent: null}
  merchant_id: shop
  payment_type: {at: kind, map: {S: purchase, R: refund}}
  amount: {at: total, as: decimal_text, decimal_mark: ",", before: " "}
  currency: {at: total, after: " "}
  event_time: {at: time, as: pattern, pattern: "%d.%m.%Y %H:%M:%S", zone: Europe/Berlin}
"""


@pytest.mark.parametrize(
    ("text", "sample"),
    [
        (LEDGER_YAML, LEDGER_SAMPLE),
        (BANK_YAML, BANK_SAMPLE),
        (TIME_PARTS_YAML, None),
    ],
)
def test_contract_that_is_not_shipped_is_spoken_too(text: str, sample: bytes | None) -> None:
    said = load(text, "own", lambda name: pathlib.Path(name).read_bytes())
    encoder = find.encoder(said, Sample(sample))
    check_law(encoder, Decoder(said))


# records that are not the payment, and such as must be refused

USUAL = (
    Payment("tx-00000000000000ff", "acc-1", "shop-1", "purchase", 1250, "EUR", "", "DE", "d"),
    1_795_421_730_250_000,
)
RULES_SKEW_US = 300_000_000


@pytest.mark.parametrize("name", shipped.NAMES)
def test_what_is_not_the_payment_is_skipped(name: str) -> None:
    encoder = shipped_encoder(name)
    ways = NotPayments(encoder)
    expected = sum(len(each.skip) + (each.otherwise == "skip") for each in encoder.contract.keep)
    assert len(ways.ways) >= expected + (encoder.contract.tombstones == "skip")

    for _ in ways.ways:
        way, written = ways.write(encoder.meaning.of(*USUAL))
        record = Record() if written is None else record_of(written)
        decoded = decoder_of(encoder).decode([record])
        assert [rule for _, rule in decoded.skipped], (way, decoded)


@pytest.mark.parametrize("name", shipped.NAMES)
@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
def test_what_is_spoiled_is_refused_with_its_reason(name: str, currency: str) -> None:
    encoder = shipped_encoder(name)
    spoiler, decoder = Spoiler(encoder), decoder_of(encoder)
    meant = encoder.meaning.of(USUAL[0]._replace(currency=currency), USUAL[1])
    assert len(spoiler.kinds) > 4

    for kind in spoiler.kinds:
        spoiled = spoiler.write(kind, meant)
        if spoiled is None:
            continue
        reason, written = spoiled
        record = Record() if written is None else record_of(written)
        assert reason_of(decoder, record) is reason, kind


def reason_of(decoder: Decoder, record: Record) -> Reason | None:
    decoded = decoder.decode([record])
    if decoded.rejected:
        return decoded.rejected[0][1].reason
    if decoded.skipped:
        return None
    with pytest.raises(Rejected) as raised:
        decoder.contract.rules(RULES_SKEW_US).check(decoded.transactions[0])
    return raised.value.reason
