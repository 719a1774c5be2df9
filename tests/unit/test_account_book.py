"""A book of accounts judges as the rules do, comes back from its log, and stays small."""

import random

import pytest

from tests.support.payments import NOON_US, SECOND_US, transaction
from transforms.contract.account_book import AccountBook, BookHeader
from transforms.contract.account_memory import AccountMemory
from transforms.contract.fraud_rules import FraudRules, Raised
from transforms.contract.transaction import Transaction

MEMORY_SEC = 500
RULES = FraudRules(MEMORY_SEC * SECOND_US)


def traffic(seed: int, count: int = 600) -> list[Transaction]:
    rng = random.Random(seed)
    return [
        transaction(
            f"tx-{n}",
            arrival_us=NOON_US + n * 7 * SECOND_US,
            account_id=f"acc-{rng.randrange(9)}",
            amount_minor=rng.choice((90, 100, 5_000)),
            country=rng.choice(("DE", "FR")),
            device_id=f"dev-{rng.randrange(20)}",
        )
        for n in range(count)
    ]


def by_rules(payments: list[Transaction]) -> list[Raised]:
    memories: dict[str, AccountMemory] = {}
    told: list[Raised] = []
    for payment in payments:
        memory = memories.get(payment.account_id)
        memories[payment.account_id], raised = RULES.judge(memory, payment)
        told += raised
    return told


@pytest.mark.parametrize("seed", range(5))
def test_batches_restarts_and_rewriting_change_no_indicator(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transforms.contract.account_book._SMALL_BYTES", 0)
    rng, payments = random.Random(seed), traffic(seed)
    book, log, told, rewritten = AccountBook(BookHeader()), [], [], 0
    left = payments
    while left:
        size = rng.randrange(1, 40)
        batch, left = left[:size], left[size:]
        raised, part = book.judge(RULES, batch)
        told += raised
        log.append(part)
        if book.needs_rewriting():
            log, rewritten = [book.rewritten()], rewritten + 1
        if rng.random() < 0.3:
            rng.shuffle(log)  # state promises no order
            book = AccountBook(BookHeader.decode(book.header.encode()), log)

    assert told == by_rules(payments)
    assert rewritten > 0
    assert book.header.log_bytes == sum(map(len, log))


def test_control_a_log_read_in_the_wrong_order_changes_indicators() -> None:
    payments = traffic(1)
    book = AccountBook(BookHeader())
    log = [book.judge(RULES, [payment])[1] for payment in payments[:300]]
    backwards = [b"%d\n" % n + part.partition(b"\n")[2] for n, part in enumerate(reversed(log))]
    raised, _ = AccountBook(book.header, backwards).judge(RULES, payments[300:])

    assert by_rules(payments[:300]) + raised != by_rules(payments)


def test_accounts_are_forgotten_when_they_may_be_and_not_before() -> None:
    book = AccountBook(BookHeader())
    book.judge(RULES, [transaction(account_id="acc-1")])
    book.judge(RULES, [transaction(account_id="acc-2", arrival_us=NOON_US + SECOND_US)])
    forget_at_us = NOON_US + MEMORY_SEC * SECOND_US

    assert book.forget(RULES, forget_at_us - 1) == 0
    assert book.forget(RULES, forget_at_us) == 1
    assert len(book) == 1
    assert len(AccountBook(book.header, [book.rewritten()])) == 1
