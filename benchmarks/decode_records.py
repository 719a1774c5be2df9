"""Records of one size in four formats, each with the decoder of its contract, for decode.py.

Each carries the same payment among fields that nobody maps. Ours is compact and flat; foreign JSON
has spaces, nesting and numbers with a fraction; Avro is framed, with the schema at hand.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from typing import Any

import fastavro
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from transforms.codecs.contract.decoder import Decoder
from transforms.codecs.contract.load import load
from transforms.codecs.contract.schema_source import KnownSchemas, WriterSchema
from transforms.payment.transaction import KafkaRecord

_RECORD_BYTES = 1_500

_HEAD = "contract: 1\nmeans: A payment.\n"
_NATIVE = """format: json
fields:
  transaction_id: {at: transaction_id, as: text}
  account_id: {at: account_id, as: text}
  merchant_id: {at: merchant_id, as: text}
  payment_type: payment_type
  amount: {at: amount_minor, as: minor_integer}
  currency: currency
  event_time: {at: event_time, as: rfc3339_utc}
  country: {at: country, absent: null}
  device_id: {at: device_id, as: text, absent: null}
"""
_FOREIGN = """format: json
keep:
  - {at: type, in: [payment.captured], else: skip}
fields:
  transaction_id: data.object.id
  account_id: {at: data.object.customer, absent: null}
  merchant_id: merchant
  payment_type: {const: purchase}
  amount: {at: data.object.amount.value, as: decimal_number}
  currency: {at: data.object.amount.currency, case: upper}
  event_time: {at: created, as: epoch_ms}
"""
_BINARY = """schema: %s
keep:
  - {at: type, in: [CAPTURED], else: skip}
fields:
  transaction_id: id
  account_id: {at: payer, absent: null}
  merchant_id: payee
  payment_type: {const: purchase}
  amount: {at: amount, as: %s}
  currency: currency
  event_time: {at: time, as: %s}
"""
_AVRO_FIELDS: list[tuple[str, Any]] = [
    ("id", "string"),
    ("type", "string"),
    ("payer", ["null", "string"]),
    ("payee", "string"),
    ("amount", {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 2}),
    ("currency", "string"),
    ("time", {"type": "long", "logicalType": "timestamp-millis"}),
]
_NOW_MS = 1_795_421_730_250

Contestant = tuple[Decoder, list[KafkaRecord]]


def _records(count: int, encode: Callable[[random.Random, int], bytes]) -> list[KafkaRecord]:
    rng = random.Random(1)
    return [
        KafkaRecord("bench", 0, place, _NOW_MS * 1_000, None, encode(rng, place))
        for place in range(count)
    ]


def _rest(rng: random.Random, size: int) -> dict[str, Any]:
    """Returns fields that nobody maps, of so many bytes as JSON: texts, numbers, objects."""
    rest: dict[str, Any] = {}
    while len(json.dumps(rest)) < size:
        number = len(rest)
        rest[f"field_{number}"] = (
            f"value of the field {rng.random():.12f}",
            rng.randrange(10**9),
            {"nested": f"{rng.random():.8f}", "flag": True, "id": number},
            None,
        )[number % 4]
    return rest


def _payment(rng: random.Random, place: int) -> dict[str, Any]:
    fields: dict[str, Any] = {"transaction_id": f"tx-{place}"}
    fields |= {"account_id": f"acc-{rng.randrange(10**5)}", "merchant_id": "shop-1"}
    fields |= {"payment_type": "purchase", "currency": "EUR"}
    return fields | {
        "event_time": "2026-11-23T08:15:30.250Z",
        "amount_minor": rng.randrange(1, 10**6),
    }


def _compact(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def native(count: int) -> Contestant:
    """Returns our own JSON."""

    def encode(rng: random.Random, place: int) -> bytes:
        return _compact({**_payment(rng, place), **_rest(rng, _RECORD_BYTES - 100)})

    return _decoder(_NATIVE), _records(count, encode)


def small_native(count: int) -> Contestant:
    """Returns our own JSON as users send it, without fields that nobody maps."""
    return _decoder(_NATIVE), _records(count, lambda rng, place: _compact(_payment(rng, place)))


def foreign_json(count: int) -> Contestant:
    """Returns JSON as others write it: spaces, nesting, escapes, a number with a fraction."""

    def encode(rng: random.Random, place: int) -> bytes:
        amount = {"value": rng.randrange(1, 10**6) / 100, "currency": "eur"}
        payment = {"id": f"pi_{place}", "object": "payment", "amount": amount}
        payment |= {"customer": f"cus_{rng.randrange(10**5)}", "metadata": {"note": "caf\u00e9"}}
        payment |= _rest(rng, _RECORD_BYTES - 270)
        event = {"id": f"evt_{place}", "type": "payment.captured", "created": _NOW_MS}
        return json.dumps({**event, "merchant": "shop-1", "data": {"object": payment}}).encode()

    return _decoder(_FOREIGN), _records(count, encode)


def _avro_schema() -> dict[str, Any]:
    rest = [
        (f"field_{number}", ("string", "long", ["null", "string"])[number % 3])
        for number in range(_AVRO_REST)
    ]
    fields = [{"name": name, "type": kind} for name, kind in [*_AVRO_FIELDS, *rest]]
    return {"type": "record", "name": "Payment", "fields": fields}


# So many fields of 32 characters, 5 bytes and nothing at all make 1.5 KB.
_AVRO_REST = 40


def avro(count: int) -> Contestant:
    """Returns framed Avro of a writer's schema that is at hand."""
    schema = _avro_schema()
    written = fastavro.parse_schema(json.loads(json.dumps(schema).replace("logicalType", "_")))

    def encode(rng: random.Random, place: int) -> bytes:
        value: dict[str, Any] = {"id": f"tx-{place}", "type": "CAPTURED", "payee": "shop-1"}
        value |= {"payer": f"acc-{rng.randrange(10**5)}", "currency": "EUR", "time": _NOW_MS}
        value["amount"] = rng.randrange(1, 10**6).to_bytes(4, "big")
        for number in range(_AVRO_REST):
            text = f"value of the field {rng.random():.30f}"
            value[f"field_{number}"] = (text, rng.randrange(10**9), text)[number % 3]
        file = io.BytesIO()
        fastavro.schemaless_writer(file, written, value)
        return b"\0\0\0\0\1" + file.getvalue()

    said = _BINARY % ("{registry: 'http://bench'}", "avro_decimal", "timestamp")
    known = KnownSchemas({1: WriterSchema(json.dumps(schema))})
    return _decoder("format: avro_registry\n" + said, known), _records(count, encode)


def protobuf(count: int) -> Contestant:
    """Returns Protobuf by a descriptor set."""
    files = _descriptors()
    pool = descriptor_pool.DescriptorPool()
    pool.Add(files.file[0])
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName("bench.Payment"))

    def encode(rng: random.Random, place: int) -> bytes:
        rest = {f"field_{n}": f"value of the field {rng.random():.30f}" for n in range(_PROTO_REST)}
        paid = message(id=f"tx-{place}", type="CAPTURED", payee="shop-1", payer="acc-1", **rest)
        paid.amount = f"{rng.randrange(1, 10**6) / 100:.2f}"
        paid.currency, paid.time = "EUR", _NOW_MS
        return bytes(paid.SerializeToString())

    schema = "{file: x, message: bench.Payment}"
    said = "format: protobuf\n" + _BINARY % (schema, "decimal_text", "epoch_ms")
    return _decoder(said, None, files.SerializeToString()), _records(count, encode)


_PROTO_REST = 27


def _descriptors() -> descriptor_pb2.FileDescriptorSet:
    files = descriptor_pb2.FileDescriptorSet()
    file = files.file.add(name="bench.proto", package="bench", syntax="proto3")
    message = file.message_type.add(name="Payment")
    kinds = descriptor_pb2.FieldDescriptorProto
    names = ["id", "type", "payer", "payee", "amount", "currency"]
    names += [f"field_{number}" for number in range(_PROTO_REST)]
    for number, name in enumerate(names, start=2):
        message.field.add(name=name, number=number, type=kinds.TYPE_STRING, label=1)
    message.field.add(name="time", number=1, type=kinds.TYPE_INT64, label=1)
    return files


def _decoder(said: str, schemas: KnownSchemas | None = None, content: bytes = b"") -> Decoder:
    contract = load(_HEAD + said, "bench", lambda name: content)
    return Decoder(contract, schemas)
