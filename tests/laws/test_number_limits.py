"""Numbers at the edge of what holds them: a sum, a time, a place that is as large as may be."""

from __future__ import annotations

from tests.support.graph_run import GraphRun
from tests.support.payments import payload, record
from transforms.payment.rules import AMOUNT_MINOR_MAX


def test_sum_of_a_minute_may_be_longer_than_64_bits() -> None:
    """Each payment keeps the rules; Beam's integers end at 2^63 - 1."""
    count = 2**63 // AMOUNT_MINOR_MAX + 1_000
    run = GraphRun()

    rows = run.run(
        record(payload(transaction_id=f"tx-{n}", amount_minor=AMOUNT_MINOR_MAX), offset=n)
        for n in range(count)
    )

    totals = rows["totals_by_minute"]
    assert sum(row.payment_count for row in totals) == count
    assert sum(row.amount for row in totals) * 100 == count * AMOUNT_MINOR_MAX
