"""Step 7: asks of each accepted payment whether it looks like fraud."""

from __future__ import annotations

from typing import Any

import apache_beam as beam

from transforms.batch_by_shard import Shards
from transforms.batch_by_stretch import BatchByStretch
from transforms.judge_by_stretch import JudgeByStretch
from transforms.payment.fraud_rules import FraudAlert, FraudRules, Indicator
from transforms.payment.transaction import Transaction


class ScoreFraud(beam.PTransform):
    """Raises indicators, payment by payment of each account in the order of arrival.

    Input:      [accepted Transaction, …], global window; conflicts ([RepeatedRecord, …]).
    Output:     [FraudAlert, …], as many as the rules say: none for most payments.
    Guarantee:  duplicates and conflicts never get near the memory of an account. The order is that
                of (arrival, topic, partition, offset), not that in which a runner delivers, so a
                replay raises the same.
    Limit:      a payment that comes behind the watermark is judged when it comes. One call judges
                at most 4,000 payments, or those of one stretch (5 s) of one shard where these are
                more.
    State:      payments until their stretch is over, each as it came. What is remembered of an
                account, 200 bytes to 20 kB, up to three times in the log of its shard; freed by a
                timer when an account has not paid for FraudRules.memory_us.
    """

    def __init__(self, rules: FraudRules, shards: Shards) -> None:
        super().__init__()
        self._rules = rules
        self._shards = shards

    def expand(
        self, inputs: tuple[beam.PCollection[list[Transaction]], beam.PCollection[Any]]
    ) -> list[beam.PCollection[list[FraudAlert]]]:
        """Returns what payments raise, and what conflicts raise."""
        accepted, conflicts = inputs
        by_payments = (
            accepted
            | "BatchByStretch" >> BatchByStretch(self._shards)
            | "Judge" >> beam.ParDo(JudgeByStretch(self._rules, self._shards))
        )
        by_conflicts = conflicts | "RaiseConflict" >> beam.Map(_conflicts)
        return [by_payments, by_conflicts]


def _conflicts(copies: list[Any]) -> list[FraudAlert]:
    return [FraudAlert(Indicator.CONFLICT, each.transaction, first=each.first) for each in copies]
