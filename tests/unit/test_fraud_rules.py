"""Each indicator is raised where its question is asked, and nowhere else."""

import dataclasses
import random
import statistics

import pytest

from tests.support.payments import SECOND_US, START_US, transaction
from transforms.payment.fraud_rules import (
    FRAUD_RULES,
    HOUR_US,
    Features,
    FraudAlert,
    FraudRules,
    Indicator,
)
from transforms.payment.transaction import Transaction
from transforms.state import account_state
from transforms.state.account_memory import DEVICES_MAX, RECENT_MAX, InCurrency
from transforms.state.open_account import OpenAccount

RULES = FraudRules()
# Raises something of every payment, so that its features can be looked at.
ALWAYS = dataclasses.replace(RULES, small_min=0)


def pay(at_sec: float, **changes: object) -> Transaction:
    return transaction(arrival_us=START_US + round(at_sec * SECOND_US), **changes)


def judge(*payments: Transaction, rules: FraudRules = RULES) -> list[FraudAlert]:
    """Returns what the payments raise, one after the other."""
    account: OpenAccount | None = None
    raised: list[FraudAlert] = []
    for payment in payments:
        account, news = account_state.judge(rules, account, payment)
        raised += news
    return raised


def after(*payments: Transaction) -> OpenAccount:
    """Returns the account once it has seen the payments."""
    account: OpenAccount | None = None
    for payment in payments:
        account, _ = account_state.judge(RULES, account, payment)
    assert account is not None
    return account


def indicators(*payments: Transaction) -> list[Indicator]:
    return [each.indicator for each in judge(*payments)]


def test_every_indicator_has_one_rule_and_that_of_conflicts_none() -> None:
    assert [rule.indicator for rule in FRAUD_RULES] == [
        each for each in Indicator if each is not Indicator.CONFLICT
    ]


# --- Velocity -------------------------------------------------------------------------------------


def test_tenth_payment_in_ten_minutes_is_velocity_and_the_ninth_is_not() -> None:
    nine = [pay(second) for second in range(9)]

    assert indicators(*nine) == []
    assert indicators(*nine, pay(9)) == [Indicator.HIGH_VELOCITY_10MIN]


def test_velocity_is_told_at_each_doubling_and_not_at_every_payment() -> None:
    counts = [
        each.features.count_10min
        for each in judge(*(pay(second) for second in range(50)))
        if each.features and each.indicator is Indicator.HIGH_VELOCITY_10MIN
    ]

    assert counts == [10, 20, 40]


def test_payment_leaves_the_ten_minutes_exactly_when_they_are_over() -> None:
    in_time = [pay(0), *(pay(590 + n) for n in range(8)), pay(599.999)]
    too_late = [*in_time[:-1], pay(600)]

    assert indicators(*in_time) == [Indicator.HIGH_VELOCITY_10MIN]
    assert indicators(*too_late) == []


def test_slow_but_steady_payments_are_velocity_in_an_hour() -> None:
    every_two_minutes = [pay(118 * n) for n in range(30)]

    assert indicators(*every_two_minutes) == [Indicator.HIGH_VELOCITY_1H]


def test_sums_are_of_the_currency_paid_and_counts_are_of_all() -> None:
    account = after(pay(0, amount_minor=100), pay(1, amount_minor=700, currency="JPY"))

    _, [raised] = account_state.judge(ALWAYS, account, pay(2, amount_minor=20))
    features = raised.features

    assert features is not None
    assert (features.count_10min, features.amount_minor_10min) == (3, 120)
    assert (features.count_1h, features.amount_minor_1h) == (3, 120)


# --- Amounts --------------------------------------------------------------------------------------


def test_amount_far_above_the_accounts_own_is_unusual() -> None:
    usual = [pay(n, amount_minor=amount) for n, amount in enumerate((900, 1000, 1100, 950, 1050))]

    assert indicators(*usual, pay(9, amount_minor=1_500)) == [Indicator.UNUSUAL_AMOUNT]
    assert indicators(*usual, pay(9, amount_minor=1_150)) == []
    assert indicators(*usual, pay(9, amount_minor=1)) == []  # small is not unusual


def test_four_payments_are_no_baseline() -> None:
    assert (
        indicators(*(pay(n, amount_minor=1000) for n in range(4)), pay(5, amount_minor=9_999)) == []
    )


def test_account_without_spread_is_allowed_a_tenth_of_its_mean() -> None:
    always = [pay(n, amount_minor=1000) for n in range(5)]

    assert indicators(*always, pay(9, amount_minor=1_399)) == []
    assert indicators(*always, pay(9, amount_minor=1_400)) == [Indicator.UNUSUAL_AMOUNT]


def test_currencies_have_baselines_of_their_own() -> None:
    yen = [pay(n, amount_minor=3_000, currency="JPY") for n in range(5)]

    assert Indicator.UNUSUAL_AMOUNT not in indicators(*yen, pay(9, amount_minor=12_345))
    in_yen = pay(9, amount_minor=12_345, currency="JPY")
    assert Indicator.UNUSUAL_AMOUNT in indicators(*yen, in_yen)


def test_welford_agrees_with_the_textbook() -> None:
    rng = random.Random(7)
    amounts = [rng.randrange(1, 10**15) for _ in range(500)]
    paid = InCurrency()
    for amount in amounts:
        paid.add_to_baseline(amount)
    number, mean, m2 = paid.number, paid.mean, paid.m2

    assert mean == pytest.approx(statistics.mean(amounts), rel=1e-12)
    assert m2 / (number - 1) == pytest.approx(statistics.variance(amounts), rel=1e-12)


def test_three_small_payments_then_a_large_one_are_card_testing() -> None:
    small = [pay(n, amount_minor=100 + n) for n in range(3)]

    assert indicators(*small, pay(9, amount_minor=2_040)) == [Indicator.CARD_TESTING]
    assert indicators(*small, pay(9, amount_minor=2_039)) == []  # 20 × 102 is 2,040
    assert indicators(*small[:2], pay(9, amount_minor=9_999)) == []
    assert indicators(*small, pay(9 + 600, amount_minor=9_999)) == []


# --- Places and devices ---------------------------------------------------------------------------


def test_country_changed_within_the_hour_is_impossible_travel() -> None:
    there = {"country": "FR"}

    assert indicators(pay(0), pay(3_599, **there)) == [Indicator.IMPOSSIBLE_TRAVEL]
    assert indicators(pay(0), pay(3_600, **there)) == []
    assert indicators(pay(0), pay(60)) == []


def test_travel_is_measured_between_events_not_between_arrivals() -> None:
    offline = pay(10, country="FR", event_time_us=START_US - 2 * HOUR_US)

    assert indicators(pay(0), offline) == []


def test_payment_without_a_country_says_nothing_of_travel() -> None:
    assert indicators(pay(0), pay(1, country=None), pay(2)) == []
    assert indicators(pay(0), pay(1, country=None), pay(2, country="FR")) == [
        Indicator.IMPOSSIBLE_TRAVEL
    ]


def test_unknown_device_is_new_and_the_first_one_is_not() -> None:
    first, other = {"device_id": "dev-1"}, {"device_id": "dev-2"}

    assert indicators(pay(0, **first), pay(1, **first)) == []
    assert indicators(pay(0, **first), pay(1), pay(2, **other), pay(3, **other)) == [
        Indicator.NEW_DEVICE
    ]


# --- Memory ---------------------------------------------------------------------------------------


def test_account_is_forgotten_after_its_last_payment_and_not_before() -> None:
    rules = dataclasses.replace(RULES, memory_us=100 * SECOND_US)
    before, after = pay(99, device_id="dev-2"), pay(100, device_id="dev-2")

    assert judge(pay(0, device_id="dev-1"), before, rules=rules) != []
    assert judge(pay(0, device_id="dev-1"), after, rules=rules) == []


def test_memory_is_bounded_whatever_an_account_does() -> None:
    account = after(*(pay(n / 10, device_id=f"dev-{n}") for n in range(2 * RECENT_MAX)))

    assert account.count_1h() == RECENT_MAX
    assert account.devices == [
        f"dev-{n}" for n in range(2 * RECENT_MAX - DEVICES_MAX, 2 * RECENT_MAX)
    ]
    assert len(account.encode()) < 20_000


def test_account_comes_back_from_state_bit_for_bit() -> None:
    account = after(*(pay(n, amount_minor=10**n + 1, device_id=f"dev-{n % 3}") for n in range(7)))
    again = OpenAccount.decode(account.encode())

    assert again.encode() == account.encode()
    assert OpenAccount.last_arrival_us_of(account.encode()) == account.last_arrival_us


def test_features_say_what_an_analyst_computes_from_the_payments() -> None:
    """Control: the features against plain loops over the account's whole history."""
    rng = random.Random(11)
    history: list[Transaction] = []
    account: OpenAccount | None = None
    at_sec = 0.0
    for _ in range(300):
        at_sec += rng.choice((1, 30, 200, 1_000))
        payment = pay(
            at_sec,
            amount_minor=rng.choice((50, 900, 1_000, 40_000)),
            currency=rng.choice(("EUR", "JPY")),
            country=rng.choice(("DE", "FR", None)),
        )
        account, raised = account_state.judge(ALWAYS, account, payment)
        features = raised[0].features
        assert isinstance(features, Features)
        hour = [p for p in history if p.broker_time_us > payment.broker_time_us - HOUR_US]
        same = [p.amount_minor for p in history if p.currency == payment.currency]

        assert features.count_1h == len(hour) + 1
        assert features.amount_minor_1h == payment.amount_minor + sum(
            p.amount_minor for p in hour if p.currency == payment.currency
        )
        assert features.baseline_count == len(same)
        if len(same) >= RULES.baseline_min:
            spread = max(statistics.stdev(same), statistics.mean(same) / 10)
            expected = (payment.amount_minor - statistics.mean(same)) / spread
            assert features.z_score == pytest.approx(expected, rel=1e-9)
        history.append(payment)
