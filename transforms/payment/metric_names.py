"""The names of all metrics: every counter and distribution, with its meaning, once."""

from __future__ import annotations

from typing import Literal

NAMESPACE = "payments"

# Counters may run ahead when a bundle is retried. The proof that each record was counted once is
# `payments reconcile`, never these numbers. A name belongs to one step: on Flink, steps
# that are fused into one operator would overwrite each other's (tests/drift/test_counters.py).
CounterName = Literal[
    "records_read",  # records taken from Kafka
    "records_invalid",  # records rejected before deduplication, any reason
    "records_skipped",  # records that are not the payment, as the contract says
    "records_refused",  # rows that BigQuery refused and that are dead letters: a bug, look at once
    "transactions_late",  # arrived after the allowed lateness
    "transactions_accepted",  # first arrivals, passed on to BigQuery
    "transactions_duplicate",  # copies with equal facts; a jump means a producer retries too much
    "transactions_conflict",  # same id, other facts: possible fraud, someone should look
    "ids_forgotten",  # ids whose horizon has passed
    "fraud_indicators_raised",  # questions for an analyst; conflicts are counted above
    "accounts_forgotten",  # accounts that have not paid for long
]
