"""Payments as each shipped contract has them on Kafka: what a producer of that format sends.

`python -m tests.support.contract_records` writes the binary samples in contracts/ anew.
"""

from __future__ import annotations

import base64
import datetime as dt
import functools
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    timestamp_pb2,
)

from transforms.payment.rules import MINOR_DIGITS
from transforms.payment.transaction import KafkaRecord

CONTRACTS = Path(__file__).parents[2] / "contracts"
DESCRIPTOR = CONTRACTS / "schemas/protobuf/payment.desc"
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def Record(**fields: Any) -> KafkaRecord:
    """Returns a record, of which only what matters need be said."""
    given: dict[str, Any] = {
        **{"topic": "payments", "partition": 0, "offset": 7, "key": None, "payload": None},
        "broker_time_us": 1_800_000_000_000_000,
    }
    return KafkaRecord(**given | fields)


class Paid(NamedTuple):
    """A payment, before anybody has written it."""

    transaction_id: str
    account_id: str
    merchant_id: str
    amount_minor: int
    currency: str
    event_time_us: int


def decimal_of(paid: Paid) -> str:
    digits = MINOR_DIGITS[paid.currency]
    text = str(paid.amount_minor).rjust(digits + 1, "0")
    return f"{text[:-digits]}.{text[-digits:]}" if digits else text


def moment(paid: Paid, zone: dt.tzinfo = dt.UTC) -> str:
    time = EPOCH + dt.timedelta(microseconds=paid.event_time_us)
    return time.astimezone(zone).isoformat()


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def native(paid: Paid) -> KafkaRecord:
    fields = {**paid._asdict(), "payment_type": "purchase", "event_time": moment(paid)}
    del fields["event_time_us"]
    return Record(payload=json.dumps(fields, separators=(",", ":")).encode())


def stripe(paid: Paid) -> KafkaRecord:
    special = {"ISK": 100, "UGX": 100}.get(paid.currency, 1)
    intent = {"id": paid.transaction_id, "amount_received": paid.amount_minor * special}
    intent |= {"currency": paid.currency.lower(), "customer": paid.account_id}
    event = {"type": "payment_intent.succeeded", "created": paid.event_time_us // 1_000_000}
    return Record(
        payload=dumped({**event, "account": paid.merchant_id, "data": {"object": intent}})
    )


def adyen(paid: Paid) -> KafkaRecord:
    value = paid.amount_minor * {"CLP": 100, "ISK": 100}.get(paid.currency, 1)
    if paid.currency == "CVE":
        value = paid.amount_minor // 100
    item = {"pspReference": paid.transaction_id.partition(":")[2], "eventCode": "AUTHORISATION"}
    item |= {"success": "true", "amount": {"value": value, "currency": paid.currency}}
    time = moment(paid, dt.timezone(dt.timedelta(hours=5, minutes=30)))
    item |= {"eventDate": time, "merchantAccountCode": paid.merchant_id}
    return Record(payload=dumped({"notificationItems": [{"NotificationRequestItem": item}]}))


def paypal(paid: Paid) -> KafkaRecord:
    amount = {"currency_code": paid.currency, "value": decimal_of(paid)}
    resource = {"id": paid.transaction_id, "amount": amount, "create_time": moment(paid)}
    resource["payee"] = {"merchant_id": paid.merchant_id}
    return Record(payload=dumped({"event_type": "PAYMENT.CAPTURE.COMPLETED", "resource": resource}))


def square(paid: Paid) -> KafkaRecord:
    payment = {"id": paid.transaction_id, "customer_id": paid.account_id, "status": "COMPLETED"}
    payment["amount_money"] = {"amount": paid.amount_minor, "currency": paid.currency}
    payment["created_at"] = moment(paid)
    outer = {"merchant_id": paid.merchant_id, "type": "payment.updated"}
    return Record(payload=dumped({**outer, "data": {"object": {"payment": payment}}}))


def hyperswitch(paid: Paid) -> KafkaRecord:
    merchant, _, attempt = paid.transaction_id.partition(":")
    row = {"merchant_id": merchant, "attempt_id": attempt, "status": "charged", "sign_flag": 1}
    row |= {"net_amount": paid.amount_minor, "currency": paid.currency}
    row |= {"modified_at": paid.event_time_us * 1_000 + 999, "connector": "x"}
    return Record(payload=dumped(row))


def mojaloop(paid: Paid) -> KafkaRecord:
    transfer = {"transferId": paid.transaction_id, "payerFsp": paid.account_id}
    transfer |= {"payeeFsp": paid.merchant_id}
    transfer["amount"] = {"currency": paid.currency, "amount": decimal_of(paid)}
    raw = base64.urlsafe_b64encode(dumped(transfer)).decode().rstrip("=")
    kind = "application/vnd.interoperability.transfers+json;version=1.1"
    content = {"headers": {}, "payload": f"data:{kind};base64,{raw}"}
    event = {"type": "transfer", "action": "prepare", "createdAt": moment(paid)}
    event["state"] = {"status": "success"}
    return Record(payload=dumped({"content": content, "metadata": {"event": event}}))


def unscaled(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def debezium_json(paid: Paid) -> KafkaRecord:
    row = _row(paid)
    row["amount"] = base64.b64encode(unscaled(_hundredths(paid))).decode()
    return Record(payload=dumped({"before": None, "after": row, "op": "c"}))


def _hundredths(paid: Paid) -> int:
    return paid.amount_minor * 10 ** (2 - MINOR_DIGITS[paid.currency])


def _row(paid: Paid) -> dict[str, Any]:
    row: dict[str, Any] = {"id": 91, "reference": paid.transaction_id, "currency": paid.currency}
    row |= {"payer": int(paid.account_id), "payee": int(paid.merchant_id), "status": "succeeded"}
    return {**row, "created_at": paid.event_time_us}


@functools.cache
def schema_of(name: str, schema_id: int) -> Any:
    path = CONTRACTS / f"schemas/{name}/{schema_id}.avsc"
    return fastavro.parse_schema(json.loads(path.read_text()))


def avro(name: str, schema_id: int, value: Any, framed: bool = True) -> bytes:
    file = io.BytesIO()
    fastavro.schemaless_writer(file, schema_of(name, schema_id), value)
    frame = b"\0" + schema_id.to_bytes(4, "big") if framed else b""
    return frame + file.getvalue()


def debezium_avro(paid: Paid) -> KafkaRecord:
    row = {**_row(paid), "amount": unscaled(_hundredths(paid))}
    return Record(payload=avro("debezium-avro", 1, {"after": row, "op": "c"}))


def confluent_avro(paid: Paid) -> KafkaRecord:
    value = {"id": paid.transaction_id, "creditCardId": paid.account_id}
    value |= {"time": paid.event_time_us // 1_000, "currency": paid.currency}
    digits = MINOR_DIGITS[paid.currency]
    value |= {"amount": unscaled(paid.amount_minor * 10 ** (18 - digits))}
    value |= {"merchantId": int(paid.merchant_id)}
    return Record(payload=avro("confluent-avro", 7, value))


def pacs008(paid: Paid) -> KafkaRecord:
    item: dict[str, Any] = {"PmtId": {"UETR": paid.transaction_id}}
    item["IntrBkSttlmAmt"] = {"Ccy": paid.currency, "Amt": decimal_of(paid)}
    item["DbtrAcct"] = {"Id": {"IBAN": paid.account_id}}
    item["CdtrAcct"] = {"Id": {"IBAN": paid.merchant_id}}
    head = {"MsgId": "M1", "CreDtTm": moment(paid), "NbOfTxs": "1"}
    return Record(payload=dumped({"FIToFICstmrCdtTrf": {"GrpHdr": head, "CdtTrfTxInf": [item]}}))


def cloudevents(paid: Paid) -> KafkaRecord:
    source, _, name = paid.transaction_id.partition("#")
    headers = {"ce_source": source, "ce_id": name, "ce_time": moment(paid)}
    headers["ce_type"] = "com.example.payment.captured"
    value = {"payer": paid.account_id, "payee": paid.merchant_id, "kind": "PURCHASE"}
    value["currency"] = paid.currency
    raw = json.dumps(value)[:-1] + f', "amount": {decimal_of(paid)}}}'
    return Record(payload=raw.encode(), headers=tuple((k, v.encode()) for k, v in headers.items()))


def outbox(paid: Paid) -> KafkaRecord:
    value = {"paymentId": paid.transaction_id, "customerId": paid.account_id}
    value["currency"] = paid.currency
    raw = json.dumps(value)[:-1] + f', "amount": {decimal_of(paid)}}}'
    return Record(
        payload=dumped(raw),
        broker_time_us=paid.event_time_us,
        headers=(("eventType", b"PaymentCaptured"),),
    )


def protobuf(paid: Paid) -> KafkaRecord:
    digits = MINOR_DIGITS[paid.currency]
    units, rest = divmod(paid.amount_minor, 10**digits)
    money = {"currency_code": paid.currency, "units": units, "nanos": rest * 10 ** (9 - digits)}
    seconds, micros = divmod(paid.event_time_us, 1_000_000)
    message = payment_class()(
        id=paid.transaction_id,
        payer=paid.account_id,
        payee=paid.merchant_id,
        amount=money,
        state="SETTLED",
        created_at={"seconds": seconds, "nanos": micros * 1_000},
    )
    return Record(payload=message.SerializeToString())


ENCODERS: dict[str, Callable[[Paid], KafkaRecord]] = {
    "native": native,
    "stripe": stripe,
    "adyen": adyen,
    "paypal": paypal,
    "square": square,
    "hyperswitch": hyperswitch,
    "mojaloop": mojaloop,
    "debezium-json": debezium_json,
    "debezium-avro": debezium_avro,
    "confluent-avro": confluent_avro,
    "pacs008": pacs008,
    "cloudevents": cloudevents,
    "outbox": outbox,
    "protobuf": protobuf,
}


@functools.cache
def payment_class() -> Any:
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_set().file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("pay.v1.Payment"))


def descriptor_set() -> descriptor_pb2.FileDescriptorSet:
    """Returns what protoc makes of contracts/schemas/protobuf/payment.proto."""
    files = descriptor_pb2.FileDescriptorSet()
    timestamp_pb2.DESCRIPTOR.CopyToProto(files.file.add())
    file = files.file.add(name="payment.proto", package="pay.v1", syntax="proto3")
    file.dependency.append("google/protobuf/timestamp.proto")
    kinds = descriptor_pb2.FieldDescriptorProto
    money = file.message_type.add(name="Money")
    _field(money, "currency_code", 1, kinds.TYPE_STRING)
    _field(money, "units", 2, kinds.TYPE_INT64)
    _field(money, "nanos", 3, kinds.TYPE_INT32)
    state = file.enum_type.add(name="State")
    for number, name in enumerate(("CREATED", "SETTLED", "FAILED")):
        state.value.add(name=name, number=number)
    payment = file.message_type.add(name="Payment")
    _field(payment, "id", 1, kinds.TYPE_STRING)
    payer = _field(payment, "payer", 2, kinds.TYPE_STRING)
    payer.proto3_optional = True
    payer.oneof_index = 0
    payment.oneof_decl.add(name="_payer")
    _field(payment, "payee", 3, kinds.TYPE_STRING)
    _field(payment, "amount", 4, kinds.TYPE_MESSAGE, ".pay.v1.Money")
    _field(payment, "state", 5, kinds.TYPE_ENUM, ".pay.v1.State")
    _field(payment, "created_at", 6, kinds.TYPE_MESSAGE, ".google.protobuf.Timestamp")
    entry = payment.nested_type.add(name="LabelsEntry")
    entry.options.map_entry = True
    _field(entry, "key", 1, kinds.TYPE_STRING)
    _field(entry, "value", 2, kinds.TYPE_STRING)
    labels = _field(payment, "labels", 7, kinds.TYPE_MESSAGE, ".pay.v1.Payment.LabelsEntry")
    labels.label = kinds.LABEL_REPEATED
    return files


def _field(message: Any, name: str, number: int, kind: Any, type_name: str = "") -> Any:
    field = message.field.add(name=name, number=number, type=kind)
    if type_name:
        field.type_name = type_name
    field.label = field.LABEL_OPTIONAL
    return field


SAMPLE = Paid("tx-1", "7", "9", 1250, "EUR", 1_795_421_730_250_000)


def _write_samples() -> None:
    DESCRIPTOR.write_bytes(descriptor_set().SerializeToString(deterministic=True))
    samples = CONTRACTS / "samples"
    (samples / "mojaloop.ndjson").write_bytes((mojaloop(SAMPLE).payload or b"") + b"\n")
    pending = {**_row(SAMPLE._replace(transaction_id="tx-2")), "amount": unscaled(1250)}
    pending["status"] = "pending"
    payloads = {
        "debezium-avro": [
            debezium_avro(SAMPLE).payload,
            avro("debezium-avro", 1, {"after": pending, "op": "c"}),
            avro("debezium-avro", 1, {"before": {**pending, "status": "failed"}, "op": "d"}),
        ],
        "confluent-avro": [
            confluent_avro(SAMPLE).payload,
            confluent_avro(SAMPLE._replace(transaction_id="tx-2", currency="JPY")).payload,
        ],
        "protobuf": [
            protobuf(SAMPLE).payload,
            payment_class()(id="tx-2", payee="9", state="FAILED").SerializeToString(),
        ],
    }
    for name, records in payloads.items():
        lines = [base64.b64encode(each or b"").decode() + "\n" for each in records]
        (samples / f"{name}.b64").write_text("".join(lines))


if __name__ == "__main__":
    _write_samples()
