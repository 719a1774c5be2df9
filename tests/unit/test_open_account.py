"""An account judged step by step is the account judged by looking at everything."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import fraud_reference
from tests.support.payments import SECOND_US, START_US, transaction
from transforms.payment.fraud_rules import HOUR_US, FraudRules
from transforms.payment.transaction import Transaction
from transforms.state.account_memory import RECENT_MAX
from transforms.state.account_state import judge
from transforms.state.open_account import OpenAccount

RULES = FraudRules(memory_us=10_000 * SECOND_US)

# Steps between arrivals, a negative one for a record from behind the watermark.
FORWARD = st.sampled_from((0, 1, 200, 600, 601, 3_600, 3_601, 20_000))
ANYWHERE = st.one_of(FORWARD, st.sampled_from((-1, -700, -4_000)))
AMOUNTS = st.sampled_from((1, 19, 20, 21, 400, 8_000))
CURRENCIES = st.sampled_from(("EUR", "JPY"))


def payments(steps: list[tuple[int, int, str]]) -> list[Transaction]:
    at_us, found = START_US, []
    for n, (step_sec, amount_minor, currency) in enumerate(steps):
        at_us += step_sec * SECOND_US
        found.append(
            transaction(f"tx-{n}", arrival_us=at_us, amount_minor=amount_minor, currency=currency)
        )
    return found


def check(story: list[Transaction], pauses: set[int] = frozenset()) -> None:
    """Compares after every payment; at a pause the account rests in state and comes back."""
    memory: fraud_reference.Memory | None = None
    account: OpenAccount | None = None
    for n, payment in enumerate(story):
        if n in pauses and account is not None:
            account = OpenAccount.decode(account.encode())
        memory, expected = fraud_reference.judge(RULES, memory, payment)
        account, raised = judge(RULES, account, payment)

        assert raised == expected
        assert account.encode() == encoded(memory)


def encoded(memory: fraud_reference.Memory) -> bytes:
    """Returns the account with this memory as it rests in state."""
    recent = [tuple(column) for column in zip(*memory.recent, strict=True)]
    baselines = {currency: tuple(each) for currency, each in memory.baselines.items()}
    return orjson.dumps((memory.last_arrival_us, recent, baselines, *memory[3:]))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(FORWARD, AMOUNTS, CURRENCIES), max_size=40), st.sets(st.integers(0, 40)))
def test_step_by_step_is_as_by_scanning(
    steps: list[tuple[int, int, str]], pauses: set[int]
) -> None:
    check(payments(steps), pauses)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(ANYWHERE, AMOUNTS, CURRENCIES), max_size=40), st.sets(st.integers(0, 40)))
def test_payment_from_behind_the_watermark_changes_nothing_about_that(
    steps: list[tuple[int, int, str]], pauses: set[int]
) -> None:
    check(payments(steps), pauses)


def test_busy_account_keeps_as_many_payments_as_its_memory() -> None:
    steps = [(n % 3, 1 + n % 900, "EUR") for n in range(RECENT_MAX + 200)]

    check(payments(steps))
    check(payments([*steps, (-5, 7, "EUR"), *steps[:9]]))


def test_account_counts_step_by_step_again_once_a_late_payment_has_left_the_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scans = []
    scan = OpenAccount._scan
    monkeypatch.setattr(OpenAccount, "_scan", lambda *it: scans.append(it) or scan(*it))
    late = [(0, 5, "EUR"), (100, 5, "EUR"), (-50, 5, "EUR")]

    check(payments([*late, *[(100, 5, "EUR")] * 60]))

    assert 30 < len(scans) < 40


def test_control_an_hour_that_is_a_second_short_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("transforms.state.open_account.HOUR_US", HOUR_US - SECOND_US)
    on_the_edge = payments([(0, 1, "EUR"), (3_599, 1, "EUR"), (0, 1, "EUR")])

    with pytest.raises(AssertionError):
        check(on_the_edge)
