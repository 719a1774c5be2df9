"""Shows that what CONTRIBUTING.md adds works: `python -m tests.support.declared_once LIST`.

Run in a copy of the tree to which the diffs of that list were applied (test_declared_once.py).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, get_args

REPOSITORY = Path(__file__).parents[2]


def rule() -> None:
    """A rule rejects, alone and in a batch; its reason is explained, and the simulator sends it."""
    from simulator import invalid
    from tests.support.payments import payload, record
    from transforms.codecs import batch_decode
    from transforms.payment import batch_rules
    from transforms.payment.dead_letter import Reason, Rejected
    from transforms.payment.rules import Rules

    rules, reason = Rules(0), Reason("blocked_country")
    good, bad = batch_decode.decode([record(payload()), record(payload(country="AQ"))]).transactions
    try:
        rules.check(bad)
    except Rejected as rejected:
        assert rejected.reason is reason
    else:
        raise AssertionError("the rule lets it pass")
    [(place, found)] = batch_rules.broken(rules, [good, bad])
    assert (place, found.reason) == (1, reason)
    assert reason.value in invalid.KINDS
    assert f"| `{reason.value}` |" in (REPOSITORY / "docs/dead_letter_reasons.md").read_text()


def column() -> None:
    """A payload's field gets into state, Arrow rows and DDL, and is read back."""
    from operations.reconcile.rows import PaymentRow, row_of
    from tests.support.payments import payload, record
    from transforms.bigquery.arrow_rows import ENCODERS
    from transforms.codecs import batch_decode, wire_format
    from transforms.payment.tables import TRANSACTIONS
    from transforms.state import packed

    records = [record(payload(channel="app")), record(payload(), offset=8)]
    payments = batch_decode.decode(records).transactions
    assert payments == [wire_format.decode(each) for each in records]
    assert packed.unpack(packed.pack(payments)) == payments
    batch = ENCODERS["transactions"].encode(payments, "1")
    assert batch.schema.names[-1] == TRANSACTIONS.column_names[-1] == "channel"
    assert batch.column("channel").to_pylist() == ["app", None]
    row = row_of(dict.fromkeys(TRANSACTIONS.column_names, "1") | {"outcome": "accepted"})
    assert isinstance(row, PaymentRow) and row.transaction.channel == "1"
    for table in ("transactions", "duplicates", "fraud_indicators"):
        assert_generated(table, "channel", "STRING")


def fraud_rule() -> None:
    """An indicator is raised, with its feature in the row."""
    from tests.support import fraud_reference
    from tests.support.payments import SECOND_US, START_US, transaction
    from transforms.bigquery.arrow_rows import ENCODERS
    from transforms.payment.fraud_rules import FraudRules
    from transforms.state.account_state import AccountState, BookHeader

    amounts = (100, 110, 90, 100, 100, 45_000)
    payments = [
        transaction(f"tx-{n}", arrival_us=START_US + n * 700 * SECOND_US, amount_minor=amount)
        for n, amount in enumerate(amounts)
    ]
    raised, _ = AccountState(FraudRules(), BookHeader()).judge(payments)
    assert raised == fraud_reference.judge_all(FraudRules(), payments)
    rows: list[dict[str, Any]] = ENCODERS["fraud_indicators"].encode(raised, "1").to_pylist()
    [row] = (each for each in rows if each["indicator"] == "dominant_amount")
    assert row["transaction_id"] == "tx-5"
    assert 0.98 < row["share_1h"] < 1
    assert_generated("fraud_indicators", "share_1h", "FLOAT64")


def counter() -> None:
    """A counter has its name in the one list, and counts in a job (DirectRunner)."""
    from transforms.payment.metric_names import CounterName

    assert "transactions_on_time" in get_args(CounterName)
    assert '"transactions_on_time"' in (REPOSITORY / "transforms/split_late.py").read_text()

    import apache_beam as beam
    from apache_beam.metrics.metric import MetricsFilter

    from tests.support.payments import transaction
    from transforms import SplitLate

    root = beam.Pipeline("DirectRunner")
    _ = root | beam.Create([[transaction("tx-1"), transaction("tx-2")]]) | SplitLate(0)
    result = root.run()
    result.wait_until_finish()
    [found] = result.metrics().query(MetricsFilter().with_name("transactions_on_time"))["counters"]
    assert found.committed == 2


def assert_generated(table: str, name: str, kind: str) -> None:
    """Checks that the DDL has the column last, and that the changelog names it."""
    columns = re.findall(
        r"^  `(\w+)` (\w+)", (REPOSITORY / f"sql/{table}/table.sql").read_text(), re.MULTILINE
    )
    assert (name, kind) == columns[-1], columns[-1]
    assert f"`{name}`" in (REPOSITORY / "CHANGELOG.md").read_text()


if __name__ == "__main__":
    {"rule": rule, "column": column, "fraud_rule": fraud_rule, "counter": counter}[sys.argv[1]]()
