"""Records that a contract skips end in ranges, beside the tables of the other outcomes.

Engine: DirectRunner as `python -m pipeline` uses it (GraphRun).
"""

from __future__ import annotations

from tests.support import contracts
from tests.support.graph_run import GraphRun
from tests.support.payments import SECOND_US, START_US
from transforms.payment.transaction import KafkaRecord

CONTRACT = contracts.contract(
    keep=[{"at": "state", "in": ["done"], "skip": ["open", "failed"]}], tombstones="skip"
)


def record_of(offset: int, state: str | None, partition: int = 0) -> KafkaRecord:
    value = None
    if state is not None:
        value = contracts.payload(
            id=f"tx-{partition}-{offset}", state=state, time="2026-01-01T00:00:00Z"
        )
    return KafkaRecord("payments", partition, offset, START_US + offset * SECOND_US, None, value)


def test_each_record_is_in_a_row_or_in_one_range_of_its_rule() -> None:
    states = ["open", "done", "open", None, "failed", "open", "strange", "done", None, "failed"]
    records = [record_of(n, state) for n, state in enumerate(states)]
    records += [record_of(n, "open", partition=1) for n in range(20)]

    rows = GraphRun(contract=CONTRACT).run(records)

    assert len(rows["transactions"]) == states.count("done")
    assert [row.reason for row in rows["dead_letters"]] == ["unknown_state"]
    ranges = rows["skipped_records"]
    counted = sum(row.record_count for row in ranges)
    assert counted == len(records) - len(rows["transactions"]) - 1
    for partition in (0, 1):
        for rule in {row.rule for row in ranges}:
            of_rule = sorted(
                (row.first_offset, row.last_offset)
                for row in ranges
                if (row.kafka_partition, row.rule) == (partition, rule)
            )
            ends = [last for _, last in of_rule]
            assert all(first > end for end, (first, _) in zip(ends, of_rule[1:], strict=False))
    second = [row for row in ranges if row.kafka_partition == 1]
    assert sum(row.last_offset - row.first_offset + 1 for row in second) == 20
    first = min(second, key=lambda row: row.first_offset)
    assert (first.first_offset, first.broker_time.microsecond) == (0, START_US % SECOND_US)
