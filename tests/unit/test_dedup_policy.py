"""The decision between first record, duplicate and conflict."""

from typing import Any

import pytest

from tests.support.payments import SECOND_US, START_US, transaction
from transforms.payment.dedup_policy import DedupPolicy
from transforms.payment.outcome import Outcome
from transforms.payment.rules import is_late

HORIZON_US = 60 * SECOND_US
POLICY = DedupPolicy(HORIZON_US)
FIRST = POLICY.remember(transaction())


def test_unknown_id_is_accepted() -> None:
    assert POLICY.decide(None, transaction()) is Outcome.ACCEPTED


def test_copy_with_equal_facts_is_a_duplicate_whatever_else_differs() -> None:
    copy = transaction(arrival_us=START_US + 1, country="FR", device_id="other", partition=3)

    assert POLICY.decide(FIRST, copy) is Outcome.DUPLICATE


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_minor": 1251},
        {"currency": "USD"},
        {"account_id": "acc-2"},
        {"merchant_id": "shop-2"},
    ],
)
def test_any_differing_fact_is_a_conflict(changes: dict[str, Any]) -> None:
    assert POLICY.decide(FIRST, transaction(**changes)) is Outcome.CONFLICT


def test_id_is_forgotten_after_the_horizon_even_if_a_runner_still_holds_it() -> None:
    last = transaction(arrival_us=START_US + HORIZON_US)
    after = transaction(arrival_us=START_US + HORIZON_US + 1_000)

    assert POLICY.decide(FIRST, last) is Outcome.DUPLICATE
    assert POLICY.decide(FIRST, after) is Outcome.ACCEPTED


def test_copy_that_arrived_before_the_accepted_record_is_a_duplicate() -> None:
    # Partitions are read at their own pace: a copy can be processed after, and have arrived before.
    assert POLICY.decide(FIRST, transaction(arrival_us=START_US - SECOND_US)) is Outcome.DUPLICATE


def test_copy_with_the_same_event_time_is_remembered_or_late_and_never_between() -> None:
    """docs/guarantee.md: no third case, not even when everything happens at the last moment."""
    lateness_us, skew_us = 3_600 * SECOND_US, 300 * SECOND_US
    policy = DedupPolicy(lateness_us + skew_us)
    event_time_us = START_US + skew_us  # as far ahead of its arrival as a valid record can be
    first = policy.remember(transaction(event_time_us=event_time_us))

    for after_ms in (-1, 0, 1):
        arrival_us = event_time_us + lateness_us + after_ms * 1_000
        copy = transaction(arrival_us=arrival_us, event_time_us=event_time_us)
        assert is_late(copy, lateness_us) or policy.decide(first, copy) is Outcome.DUPLICATE
