"""Formats that no shipped contract has: a sample of each comes in by a YAML file alone.

The samples follow the public documentation of their formats; ids and amounts are invented.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import NamedTuple

import pytest

from operations.contract import samples
from tests.fuzz.contracts import spoil
from tests.support.contracts import outcome
from transforms.codecs.contract.decoder import Decoder
from transforms.codecs.contract.load import load, load_file
from transforms.codecs.contract.mistakes import ContractError
from transforms.payment.transaction import KafkaRecord, Transaction

FORMATS = Path(__file__).parent / "other_formats"
HALF_PAST_US = 1_795_421_730_000_000  # 2026-11-23T08:15:30Z
QUARTER_SEC_US = 250_000
DAY_US = HALF_PAST_US - (8 * 3_600 + 15 * 60 + 30) * 1_000_000
BERLIN_DAY_US = DAY_US - 3_600_000_000


class Paid(NamedTuple):
    transaction_id: str
    account_id: str | None
    merchant_id: str
    payment_type: str
    amount_minor: int
    currency: str
    event_time_us: int


IBAN = "DE89370400440532013000"
PAYER = "FR7630006000011234567890189"
PLAID = "BxBXxLj1m4HMXBm9WZZmCWVbPjX16EHwv99vp"
MONGO = ("6654a1b2c3d4e5f600000001", "c-1", "shop", "purchase")
# What becomes of each record of a sample: a payment, or the rule that skips it.
EXPECTED: dict[str, list[Paid | str]] = {
    "camt054": [
        Paid(f"{IBAN}:2026112300001", PAYER, IBAN, "transfer", 1250, "EUR", HALF_PAST_US),
        Paid(f"{IBAN}:2026112300002", "Müller-GmbH", IBAN, "transfer", 1250, "EUR", BERLIN_DAY_US),
        "Sts.Cd=PDNG",
    ],
    "dynamodb": [
        Paid("p-1", "c-1", "shop", "purchase", 1250, "EUR", HALF_PAST_US + QUARTER_SEC_US),
        "eventName=REMOVE",
    ],
    "eventbridge": [
        Paid("p-1", "c-1", "111122223333", "purchase", 1250, "EUR", HALF_PAST_US),
        "detail-type: else",
    ],
    "fednow": [
        Paid("Scenario01InstrId001", "123456", "567890", "transfer", 1250, "USD", HALF_PAST_US),
        "TxSts=PDNG",
    ],
    "firestore": [
        Paid("p-1", "c-1", "shop", "purchase", 1250, "EUR", HALF_PAST_US + QUARTER_SEC_US),
        "state=open",
    ],
    "googletypes": [
        Paid("p-1", "c-1", "shop", "purchase", 1250, "EUR", HALF_PAST_US + QUARTER_SEC_US),
        Paid("p-1", "DE89", "shop", "purchase", 1250, "EUR", HALF_PAST_US + QUARTER_SEC_US),
        "status: else",
    ],
    "iso8583": [
        Paid(
            "MERCH0000000001:TERM0001:632709000123",
            *(None, "MERCH0000000001", "purchase", 1250, "EUR", HALF_PAST_US),
        ),
        "fields.39: else",
    ],
    "java": [Paid("p-1", "c-1", "shop", "purchase", 1250, "EUR", HALF_PAST_US + QUARTER_SEC_US)],
    "maxwell": [
        Paid("1", "7", "8", "transfer", 1250, "EUR", HALF_PAST_US + QUARTER_SEC_US),
        "type=delete",
    ],
    "mongodb": [
        Paid(*MONGO, 1250, "EUR", HALF_PAST_US + QUARTER_SEC_US),
        Paid(*MONGO, 1200, "EUR", HALF_PAST_US + QUARTER_SEC_US),
        Paid(*MONGO, 1250, "EUR", HALF_PAST_US + QUARTER_SEC_US),
        "operationType=delete",
    ],
    "plaid": [
        Paid(
            "yhnUVvtcGGcCKU0bcz8PDQr5ZUxUXebUvbKC0",
            *(PLAID, "0b6G1nvKkL", "purchase", 1250, "USD", DAY_US),
        ),
        Paid("y2", PLAID, "unknown", "refund", 1250, "USD", DAY_US),
        "pending=true",
    ],
    "razorpay": [
        Paid(
            "pay_MOZKhEFBTQLYJl",
            *("asha@example.com", "acc_BFQ7uQEaa7j2z7", "purchase", 1250, "INR", HALF_PAST_US),
        ),
        "event=payment.authorized",
    ],
    "unions": [
        Paid("p-1", "c-1", "9", "purchase", 1250, "EUR", HALF_PAST_US + QUARTER_SEC_US),
        Paid("p-1", "DE89", "shop", "transfer", 1250, "EUR", HALF_PAST_US + QUARTER_SEC_US),
        "kind=REFUSED",
    ],
    "wise": [
        Paid(
            "111/2026-11-23T08:15:30Z",
            *(None, "222", "transfer", 1250, "GBP", HALF_PAST_US),
        ),
        "event_type: else",
    ],
}


def records_of(name: str) -> list[KafkaRecord]:
    [sample] = (path for path in FORMATS.glob(f"{name}.*") if path.suffix in (".ndjson", ".b64"))
    found = samples.records_of(sample, None, HALF_PAST_US, samples.ContainerSchemas(None))
    return [each.record for each in found]


def test_each_format_is_expected() -> None:
    assert {path.stem for path in FORMATS.glob("*.yaml")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_format_comes_in_by_a_file(name: str) -> None:
    contract = load_file(FORMATS / f"{name}.yaml")
    found = [outcome(contract, record) for record in records_of(name)]

    assert [_told(each) for each in found] == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_records_read_together_get_the_answers_that_each_gets_alone(name: str) -> None:
    rng = random.Random(3)
    decoder = Decoder(load_file(FORMATS / f"{name}.yaml"), interpreted=True)
    for share in (0.0, 0.05, 0.5):
        records = [
            spoil(rng, each) if rng.random() < share else each for each in records_of(name) * 40
        ]
        together, alone = decoder.decode(records), decoder._one_by_one(records)
        assert together.transactions == alone.transactions
        assert together.skipped == alone.skipped
        assert [(record, why.reason, why.detail) for record, why in together.rejected] == [
            (record, why.reason, why.detail) for record, why in alone.rejected
        ]


def _told(found: Transaction | tuple[str, str]) -> Paid | str:
    if isinstance(found, Transaction):
        return Paid(*(getattr(found, name) for name in Paid._fields))
    assert found[0] == "skipped", found
    return found[1]


def test_wrapper_is_its_value_and_a_path_into_it_is_a_mistake() -> None:
    text = (FORMATS / "googletypes.yaml").read_text().replace("id: merchant", "id: merchant.value")

    with pytest.raises(ContractError, match=r"merchant\.value leads nowhere in the schema"):
        load(text, "mine", lambda name: (FORMATS / name).read_bytes())
