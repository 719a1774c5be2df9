"""Every invalid payload is rejected for the reason that the simulator expects."""

import collections
import random

import orjson
import pytest

from simulator import generate, invalid
from simulator.routing import Route
from simulator.send import Send
from tests.support.contracts import REASONS_OF_CONTRACTS
from transforms.codecs import wire_format
from transforms.payment import rules
from transforms.payment.dead_letter import Reason, Rejected
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import KafkaRecord

NOW_US = 1_767_225_600_000_000
POOLS = generate.make_pools(3, accounts=5)
PAYMENT = generate.PaymentSource(3, POOLS).next(NOW_US)[1]
ROUTE = Route(b"acc-1", 2)
RULES = rules.Rules(clock_skew_us=300_000_000)
MIB = 1_048_576


def spoiled(kind: str) -> Send:
    return invalid.Corruptor(random.Random(3)).spoil(kind, PAYMENT, ROUTE, NOW_US)


def reason_of(send: Send, arrival_us: int) -> Reason | None:
    record = KafkaRecord("payments", 2, 0, arrival_us, send.key, send.payload)
    try:
        RULES.check(wire_format.decode(record))
    except Rejected as rejected:
        return rejected.reason
    return None


def test_the_payment_before_it_is_spoiled_is_valid() -> None:
    record = KafkaRecord("payments", 2, 0, NOW_US, b"k", PAYMENT.encode())

    RULES.check(wire_format.decode(record))


@pytest.mark.parametrize("kind", invalid.KINDS)
def test_the_contract_gives_the_expected_reason(kind: str) -> None:
    send = spoiled(kind)

    assert send.expected is Outcome.INVALID and send.reason is not None
    assert send.fault == f"invalid_{kind}"
    assert reason_of(send, NOW_US) is send.reason
    assert reason_of(send, NOW_US + 60_000_000) is send.reason  # after a minute on the network
    assert len(send.payload or b"") < MIB - 10_000  # what a broker takes by default


def test_rule_about_two_fields_is_broken_by_both(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = rules.RULES[0]._replace(
        broken_by=lambda of: {"transaction_id": "no id", "device_id": of["account_id"]}
    )
    monkeypatch.setitem(invalid._RULE_KINDS, "two_fields", rule)

    send = spoiled("two_fields")

    said = orjson.loads(send.payload or b"")
    assert (said["transaction_id"], said["device_id"]) == ("no id", PAYMENT.account_id)
    assert (send.facts.transaction_id, send.reason) == ("no id", Reason.BAD_TRANSACTION_ID)


def test_every_reason_of_a_payload_occurs() -> None:
    reasons = {spoiled(kind).reason for kind in invalid.KINDS}

    others = {Reason.REFUSED_BY_BIGQUERY, Reason.BAD_REPLAY_HEADER, *REASONS_OF_CONTRACTS}
    assert reasons == set(Reason) - others


@pytest.mark.parametrize("kind", invalid.KINDS)
def test_the_ledger_tells_what_can_be_read(kind: str) -> None:
    send = spoiled(kind)
    try:
        fields = orjson.loads(send.payload or b"")
    except orjson.JSONDecodeError:
        fields = None
    id_ = fields.get("transaction_id") if isinstance(fields, dict) else None

    if send.facts.transaction_id is not None:
        assert send.facts.transaction_id == id_
    elif isinstance(id_, str):  # readable, but the contract never gets as far
        assert send.reason in {Reason.TOO_LARGE, Reason.REPEATED_FIELD, Reason.WRONG_TYPE} | {
            Reason.NOT_JSON
        }


def test_a_run_has_every_kind_and_few_huge_ones() -> None:
    corruptor = invalid.Corruptor(random.Random(3))
    count = collections.Counter(
        later.send.fault
        for _ in range(10 * len(invalid.KINDS))
        for later in corruptor.corrupt(PAYMENT, ROUTE, NOW_US)
    )

    assert {f"invalid_{kind}" for kind in invalid.KINDS} | {"corrected"} == set(count)
    assert count["invalid_payload_900_kb"] <= 3
    assert count["corrected"] > len(invalid.KINDS)


def test_a_corrected_payment_follows_with_the_same_id_and_counts() -> None:
    corruptor = invalid.Corruptor(random.Random(4))

    for _ in range(300):
        broken, *rest = [later.send for later in corruptor.corrupt(PAYMENT, ROUTE, NOW_US)]
        for corrected in rest:
            assert corrected.facts.transaction_id == broken.facts.transaction_id
            assert corrected.expected is Outcome.ACCEPTED
            assert reason_of(corrected, NOW_US) is None
