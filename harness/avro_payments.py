"""Payments in Avro, framed by the ids of a registry: one contract, and schemas that went on."""

from __future__ import annotations

import decimal
import io
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fastavro
from kafka import KafkaProducer

from transforms.codecs.contract.registry_login import session_of

_CONTRACT = """
contract: 1
means: A payment of a shop whose schema changes.
format: avro_registry
schema: {{registry: "{registry}"{auth}}}
fields:
  transaction_id: id
  account_id: payer
  merchant_id: payee
  payment_type: {{const: purchase}}
  amount: {{at: amount, as: avro_decimal}}
  currency: currency
  event_time: {{at: time, as: timestamp}}
facts: [amount, currency, account_id, merchant_id]
"""
_TIMEOUT_SEC = 30


def _text(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "string", **more}


def _schema(scale: int, payee: Mapping[str, Any], *more: Mapping[str, Any]) -> str:
    amount = {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": scale}
    at = {"type": "long", "logicalType": "timestamp-millis"}
    fields = [_text("id"), _text("payer"), payee, {"name": "amount", "type": amount}]
    fields += [_text("currency"), {"name": "time", "type": at}, *more]
    return json.dumps({"type": "record", "name": "Payment", "fields": fields})


# The second has more digits and a field with a default, the third another name for the payee.
FIRST = _schema(2, _text("payee"))
SECOND = _schema(6, _text("payee"), _text("channel", default="shop"))
THIRD = _schema(4, _text("merchant", aliases=["payee"]), _text("channel", default="shop"))


def contract(folder: Path, registry: str, auth_file: Path | None = None) -> str:
    """Writes the contract of these payments and returns its path."""
    auth = f', auth_file: "{auth_file}"' if auth_file else ""
    path = folder / "avro_payments.yaml"
    path.write_text(_CONTRACT.format(registry=registry, auth=auth), "utf-8")
    return str(path)


def register(registry: str, topic: str, schema: str, **more: Any) -> int:
    """Returns the id that a registry gives to a schema of a topic's payments."""
    url = f"{registry}/subjects/{topic}-value/versions"
    with session_of({}) as session:
        answer = session.post(url, json={"schema": schema, **more}, timeout=_TIMEOUT_SEC)
    answer.raise_for_status()
    return int(answer.json()["id"])


def payload(schema_id: int, schema: str, name: str, amount: str) -> bytes:
    """Returns a payment in euros as a producer with this schema writes it."""
    value = {"id": name, "payer": "alice", "payee": "shop", "merchant": "shop", "currency": "EUR"}
    fields: dict[str, Any] = {**value, "amount": decimal.Decimal(amount)}
    fields["time"] = int(time.time() * 1_000)
    fields["channel"] = "web"
    file = io.BytesIO()
    fastavro.schemaless_writer(file, fastavro.parse_schema(json.loads(schema)), fields)
    return framed(schema_id, file.getvalue())


def framed(schema_id: int, body: bytes) -> bytes:
    """Returns Avro with a registry's frame."""
    return b"\0" + schema_id.to_bytes(4, "big") + body


def send(servers: str, topic: str, schema_id: int, schema: str, count: int) -> None:
    """Sends so many payments by one schema; returns when the broker has them."""
    producer = KafkaProducer(bootstrap_servers=servers)
    for number in range(count):
        producer.send(topic, payload(schema_id, schema, f"tx-{schema_id}-{number}", f"{number}.25"))
    producer.flush()
    producer.close()
