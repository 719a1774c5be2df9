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
from tests.support.contracts import REASONS_OF_CONTRACTS, contract, payload
from tests.support.graph_run import GraphRun
from transforms.codecs.contract.decoder import Decoder
from transforms.codecs.contract.schema_source import KnownSchemas
from transforms.payment.dead_letter import Reason
from transforms.payment.tables import DEAD_LETTERS, TRANSACTIONS
from transforms.payment.transaction import KafkaRecord

# What only a contract gives a meaning to, each by a record that has it.
UNWRAP = [{"at": "items", "as": "single"}]
OF_CONTRACTS = {
    "not_decodable": b"no frame",
    "unknown_schema": b"\0\0\0\0\7?",
    "several_payments": b'{"items": [{}, {}]}',
    "unknown_state": b'{"items": [{"state": "lost"}]}',
    "bad_amount": b'{"items": [' + payload(state="paid", amount="1,250") + b"]}",
    "amount_not_exact": b'{"items": [' + payload(state="paid", amount="12.505") + b"]}",
}
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
    reasons = {reason.value for reason in set(Reason) - REASONS_OF_CONTRACTS}
    assert {row.reason for row in letters.values()} == reasons
    assert [row.transaction_id for row in rows[TRANSACTIONS.name]] == ["counted"]
    for record in (*spoiled, forged):
        assert letters[record.offset].payload == record.payload
    assert letters[refused.offset].reason == Reason.REFUSED_BY_BIGQUERY.value
    assert len(letters) == len(spoiled) + 2


def test_every_reason_of_contracts_ends_in_dead_letters_with_its_bytes() -> None:
    records = [payments.record(value, offset=at) for at, value in enumerate(OF_CONTRACTS.values())]
    framed = contract(format="avro_registry", schema={"registry": "http://nobody"})
    reasons = {}

    for said in (contract(unwrap=UNWRAP, keep=[{"at": "state", "in": ["paid"]}]), framed):
        run = GraphRun(contract=said, decoder=Decoder(said, KnownSchemas({})))
        for row in run.run(records)[DEAD_LETTERS.name]:
            assert row.payload == records[row.kafka_offset].payload
            reasons.setdefault(row.kafka_offset, set()).add(row.reason)

    assert OF_CONTRACTS.keys() == {reason.value for reason in REASONS_OF_CONTRACTS}
    assert all(name in reasons[at] for at, name in enumerate(OF_CONTRACTS))


def test_every_reason_is_explained_once() -> None:
    explained = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE)

    assert sorted(explained) == sorted(reason.value for reason in Reason)


def record_of(kind: str, offset: int) -> KafkaRecord:
    payment = Payment(**{**payments.fields(), "transaction_id": f"tx-{offset}"})
    corruptor = invalid.Corruptor(random.Random(1))
    sent = corruptor.spoil(kind, payment, Route(b"key", 0), payments.START_US)
    return payments.record(sent.payload, offset=offset)
