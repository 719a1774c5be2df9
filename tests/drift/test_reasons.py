"""Every reason for a dead letter can happen, and is explained once.

Engine: DirectRunner (FnApiRunner), bounded.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

from simulator import invalid
from simulator.generate import Payment
from simulator.routing import Route
from tests.support import payments
from tests.support.graph_run import GraphRun
from transforms.payment.dead_letter import Reason
from transforms.payment.tables import DEAD_LETTERS, TRANSACTIONS
from transforms.payment.transaction import KafkaRecord

PAGE = Path(__file__).parents[2] / "docs/dead_letter_reasons.md"


def test_every_reason_ends_in_dead_letters_with_its_bytes() -> None:
    """All the simulator can send, and what it cannot: a forged header, a refusal by BigQuery."""
    spoiled = [record_of(kind, offset) for offset, kind in enumerate(invalid.KINDS)]
    forged = payments.record(payments.payload(), offset=1_000)._replace(replay_header=b"{}")
    refused = payments.record(payments.payload(transaction_id="refused"), offset=1_001)
    counted = payments.record(payments.payload(transaction_id="counted"), offset=1_002)
    run = GraphRun(refused_ids={"refused"})

    rows = run.run([*spoiled, forged, refused, counted])

    letters = {row.kafka_offset: row for row in rows[DEAD_LETTERS.name]}
    assert {row.reason for row in letters.values()} == {reason.value for reason in Reason}
    assert [row.transaction_id for row in rows[TRANSACTIONS.name]] == ["counted"]
    for record in (*spoiled, forged):
        assert letters[record.offset].payload == record.payload
    assert letters[refused.offset].reason == Reason.REFUSED_BY_BIGQUERY.value
    assert len(letters) == len(spoiled) + 2


def test_every_reason_is_explained_once() -> None:
    explained = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE)

    assert sorted(explained) == sorted(reason.value for reason in Reason)


def record_of(kind: str, offset: int) -> KafkaRecord:
    payment = Payment(**{**payments.fields(), "transaction_id": f"tx-{offset}"})
    corruptor = invalid.Corruptor(random.Random(1))
    sent = corruptor.spoil(kind, payment, Route(b"key", 0), payments.START_US)
    return payments.record(sent.payload, offset=offset)
