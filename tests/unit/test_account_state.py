"""The state of accounts judges as the rules do, is rebuilt from its log, and stays small."""

import random

import pytest

from tests.support import fraud_reference
from tests.support.payments import SECOND_US, START_US, transaction
from transforms.payment.fraud_rules import FraudRules
from transforms.payment.transaction import Transaction
from transforms.state.account_state import AccountState, BookHeader
from transforms.state.open_account import OpenAccount

MEMORY_SEC = 500
RULES = FraudRules(MEMORY_SEC * SECOND_US)


def traffic(seed: int, count: int = 600) -> list[Transaction]:
    rng = random.Random(seed)
    return [
        transaction(
            f"tx-{n}",
            arrival_us=START_US + n * 7 * SECOND_US,
            account_id=f"acc-{rng.randrange(9)}",
            amount_minor=rng.choice((90, 100, 5_000)),
            country=rng.choice(("DE", "FR")),
            device_id=f"dev-{rng.randrange(20)}",
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("open_weight_max", [0, 60, 10_000])
def test_batches_restarts_closing_and_rewriting_change_no_indicator(
    seed: int, open_weight_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transforms.state.account_state._SMALL_BYTES", 0)
    monkeypatch.setattr("transforms.state.account_state._PART_BYTES_MAX", 500)
    monkeypatch.setattr("transforms.state.account_state._OPEN_WEIGHT_ALL", 32 * open_weight_max)
    rng, payments = random.Random(seed), traffic(seed)
    book, log, told, rewritten = AccountState(RULES, BookHeader()), [], [], 0
    left = payments
    while left:
        size = rng.randrange(1, 40)
        batch, left = left[:size], left[size:]
        raised, part = book.judge(batch)
        told += raised
        log.append(part)
        if book.needs_rewriting():
            log, rewritten = list(book.rewritten()), rewritten + 1
        if rng.random() < 0.3:
            rng.shuffle(log)  # state promises no order
            book = AccountState(RULES, BookHeader.decode(book.header.encode()), log)

    assert told == fraud_reference.judge_all(RULES, payments)
    assert rewritten > 0
    assert book.header.log_bytes == sum(map(len, log))
    assert book.header.parts == len(log)


def test_control_a_log_read_in_the_wrong_order_changes_indicators() -> None:
    payments = traffic(1)
    book = AccountState(RULES, BookHeader())
    log = [book.judge([payment])[1] for payment in payments[:300]]
    backwards = [b"%d\n" % n + part.partition(b"\n")[2] for n, part in enumerate(reversed(log))]
    raised, _ = AccountState(RULES, book.header, backwards).judge(payments[300:])
    told = fraud_reference.judge_all(RULES, payments[:300]) + raised

    assert told != fraud_reference.judge_all(RULES, payments)


def test_batch_appends_its_payments_and_not_all_that_is_remembered_of_their_accounts() -> None:
    book = AccountState(RULES, BookHeader())
    busy = [
        transaction(f"tx-{n}", arrival_us=START_US + n * SECOND_US, offset=n) for n in range(400)
    ]
    book.judge(busy[:-1])

    _, part = book.judge(busy[-1:])

    assert len(part) < 200


def test_account_in_use_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    decode = OpenAccount.decode
    monkeypatch.setattr(OpenAccount, "decode", lambda it: decoded.append(it) or decode(it))
    book = AccountState(RULES, BookHeader())
    book.judge(traffic(1))
    cold = AccountState(RULES, book.header, list(book.rewritten()))
    for payment in traffic(1)[-90:]:
        cold.judge([payment])

    assert len(decoded) == len(cold) == 9


def test_open_accounts_are_bounded_by_what_they_weigh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transforms.state.account_state._OPEN_WEIGHT_ALL", 32 * 100)
    book = AccountState(RULES, BookHeader())
    for payment in traffic(1):
        book.judge([payment])

    assert len(book) == 9
    assert 0 < sum(16 + account.count_1h() for account in book._open.values()) <= 100


def test_accounts_are_forgotten_when_they_may_be_and_not_before() -> None:
    book = AccountState(RULES, BookHeader())
    log = [
        book.judge([transaction(account_id="acc-1")])[1],
        book.judge([transaction(account_id="acc-2", arrival_us=START_US + SECOND_US)])[1],
    ]
    forget_at_us = START_US + MEMORY_SEC * SECOND_US
    cold = AccountState(RULES, BookHeader.decode(book.header.encode()), log)
    closed = AccountState(RULES, BookHeader(), list(book.rewritten()))

    for each in (book, cold, closed):
        assert each.forget(forget_at_us - 1) == 0
        assert each.forget(forget_at_us) == 1
        assert len(each) == 1
        assert len(AccountState(RULES, each.header, list(each.rewritten()))) == 1
