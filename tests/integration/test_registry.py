"""Contracts with a real registry: references, Protobuf, evolved schemas, logins, its end."""

from __future__ import annotations

import base64
import dataclasses
import json
import uuid
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from harness import avro_payments as payments
from operations.contract import command
from operations.contract.command import main
from simulator.contracts import registry as simulated
from tests.support import registry_proxy
from tests.support.contract_records import (
    CONTRACTS,
    SAMPLE,
    confluent_avro,
    debezium_avro,
    protobuf,
)
from tests.support.contracts import accepted, outcome, reason, shipped
from transforms.codecs.contract import avro
from transforms.codecs.contract import registry as registries
from transforms.codecs.contract.language import Schema
from transforms.codecs.contract.load import load_file
from transforms.codecs.contract.registry import HttpRegistry
from transforms.codecs.contract.schema_source import RegistryUnavailable
from transforms.payment.transaction import Transaction

pytestmark = pytest.mark.integration

AVSC = (CONTRACTS / "schemas/debezium-avro/1.avsc").read_text()
PROTO = (CONTRACTS / "schemas/protobuf/payment.proto").read_text()


def test_debezium_avro_by_the_registry_even_when_it_is_gone(sandbox, registry: str) -> None:
    schema_id = payments.register(registry, f"pay-{uuid.uuid4().hex}", AVSC)
    source = HttpRegistry(registry, patience_sec=0.0)
    payload = payments.framed(schema_id, (debezium_avro(SAMPLE).payload or b"")[5:])

    assert accepted(shipped("debezium-avro"), payload, schemas=source).amount_minor == 1250
    assert reason(shipped("debezium-avro"), payments.framed(999_999, b""), schemas=source) == (
        "unknown_schema"
    )
    sandbox.kill("registry", restart=False)
    try:
        assert accepted(shipped("debezium-avro"), payload, schemas=source).amount_minor == 1250
        with pytest.raises(RegistryUnavailable, match="Hint: is it running"):
            source.schema(schema_id + 1)
    finally:
        sandbox.restart("registry")
    assert HttpRegistry(registry).schema(schema_id).text, "ids outlive a restart"


def test_avro_that_refers_to_another_subject(registry: str) -> None:
    name = f"money-{uuid.uuid4().hex}"
    money = {"type": "record", "name": "Money", "fields": [{"name": "x", "type": "int"}]}
    paid = {"type": "record", "name": "P", "fields": [{"name": "m", "type": "Money"}]}
    payments.register(registry, name, json.dumps(money))
    references = [{"name": "Money", "subject": f"{name}-value", "version": 1}]
    schema_id = payments.register(registry, f"p-{name}", json.dumps(paid), references=references)

    schema = avro.parsed(HttpRegistry(registry).schema(schema_id))
    assert avro.SchemaReader(schema).read(b"\x04") == {"m": {"x": 2}}


def test_protobuf_whose_money_is_another_subject(registry: str) -> None:
    name = f"money-{uuid.uuid4().hex}"
    begin, end = PROTO.index("message Money"), PROTO.index("}", PROTO.index("message Money")) + 1
    money = f'syntax = "proto3";\npackage pay.v1;\n{PROTO[begin:end]}\n'
    rest = (PROTO[:begin] + PROTO[end:]).replace("import", 'import "money.proto";\nimport', 1)
    payments.register(registry, name, money, schemaType="PROTOBUF")
    references = [{"name": "money.proto", "subject": f"{name}-value", "version": 1}]
    more = {"schemaType": "PROTOBUF", "references": references}
    schema_id = payments.register(registry, f"p-{name}", rest, **more)
    said = dataclasses.replace(
        shipped("protobuf"), format="protobuf_registry", schema=Schema(registry=registry)
    )
    # Of the messages of its file: Payment comes first where Money is elsewhere.
    payload = payments.framed(schema_id, b"\0" + (protobuf(SAMPLE).payload or b""))

    assert accepted(said, payload, schemas=HttpRegistry(registry)).amount_minor == 1250


def test_protobuf_by_its_text(registry: str) -> None:
    schema_id = payments.register(
        registry, f"proto-{uuid.uuid4().hex}", PROTO, schemaType="PROTOBUF"
    )
    said = dataclasses.replace(
        shipped("protobuf"), format="protobuf_registry", schema=Schema(registry=registry)
    )
    payload = payments.framed(schema_id, b"\x02\x02" + (protobuf(SAMPLE).payload or b""))

    assert accepted(said, payload, schemas=HttpRegistry(registry)).amount_minor == 1250


# --- Schemas that went on -------------------------------------------------------------------------


def test_evolved_schemas_of_one_topic_are_exact(sandbox, registry: str, tmp_path, capsys) -> None:
    servers, topic = sandbox.endpoints()["kafka"], f"evolved-{uuid.uuid4().hex[:8]}"
    first, second, third = payments.FIRST, payments.SECOND, payments.THIRD
    ids = [payments.register(registry, topic, each) for each in (first, second, third)]
    payloads = [
        payments.payload(ids[0], first, "tx-1", "12.50"),
        payments.payload(ids[1], second, "tx-2", "123456789012.340000"),
        payments.payload(ids[2], third, "tx-3", "-0.0100"),
        payments.payload(ids[1], second, "tx-4", "0.000001"),
        payments.payload(ids[2], third, "tx-5", "98765.4300"),
        payments.payload(999_999, first, "tx-6", "1.00"),
    ]
    said = load_file(payments.contract(tmp_path, registry))
    schemas = HttpRegistry(registry)
    found = [outcome(said, each, schemas=schemas) for each in payloads]
    exact = [each.amount_minor for each in found if isinstance(each, Transaction)]
    assert exact == [1250, 12_345_678_901_234, 9_876_543]
    assert [each[0] for each in found if not isinstance(each, Transaction)] == [
        *("amount_not_positive", "amount_not_exact", "unknown_schema")
    ]

    written(servers, topic, payloads)
    flags = [f"--topic={topic}", f"--kafka_bootstrap_servers={servers}", "--json"]
    assert main(["check", str(tmp_path / "avro_payments.yaml"), *flags]) == 1
    checked = json.loads(capsys.readouterr().out)
    assert checked["outcomes"] == {"accepted": 3, "invalid": 3, "skipped": 0}
    assert checked["invalid"]["unknown_schema"]["place"] == f"{topic}[0]@5"
    assert "999999" in checked["invalid"]["unknown_schema"]["detail"]


def test_example_that_init_writes_is_checked_and_explained(
    sandbox, registry: str, tmp_path, capsys
) -> None:
    servers, topic = sandbox.endpoints()["kafka"], f"cards-{uuid.uuid4().hex[:8]}"
    avsc = (CONTRACTS / "schemas/confluent-avro/7.avsc").read_text()
    schema_id = payments.register(registry, topic, avsc)
    payload = payments.framed(schema_id, (confluent_avro(SAMPLE).payload or b"")[5:])
    written(servers, topic, [payload])
    sample, mine = tmp_path / "one.b64", tmp_path / "mine.yaml"
    sample.write_bytes(base64.b64encode(payload))

    assert main(["init", "--from=confluent-avro", f"--out={mine}"]) == 0
    mine.write_text(mine.read_text().replace("https://registry.example:8081", registry))
    flags = [f"--topic={topic}", f"--kafka_bootstrap_servers={servers}"]
    assert main(["check", str(mine), *flags]) == 0
    assert "accepted=1" in capsys.readouterr().out
    assert main(["explain", str(mine), f"--record={sample}"]) == 0
    assert "1250" in capsys.readouterr().out


# --- Logins ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "mutual", "right"),
    [
        ("basic", False, {"basic": registry_proxy.USER_INFO}),
        ("bearer", False, {"bearer": registry_proxy.TOKEN}),
        ("none", True, {"certificate": "client"}),
        ("basic", True, {"basic": registry_proxy.USER_INFO, "certificate": "client"}),
    ],
)
def test_login_is_shown_and_the_secret_is_not(
    registry: str, tmp_path, capsys, monkeypatch, kind: str, mutual: bool, right: dict[str, str]
) -> None:
    """Simulator's registration and the command's questions, through a proxy that checks them."""
    secrets = registry_proxy.USER_INFO.partition(":")[2], registry_proxy.TOKEN
    wrong: list[dict[str, Any]] = [{**right, name: f"x{said}"} for name, said in right.items()]
    wrong += [{name: said for name, said in right.items() if name != left} for left in right]
    wrong += [{**right, "trusts": False}]
    with registry_proxy.in_front_of(registry, tmp_path, kind, mutual) as proxy:

        def checked(login: dict[str, Any]) -> tuple[int, str]:
            monkeypatch.setattr(registries, "_shared", {})  # as another process
            monkeypatch.setattr(command, "_PATIENCE_SEC", 0.0)
            given = login.get("certificate")
            if given:
                files = {"client": proxy.files.client, "xclient": proxy.files.stranger}
                login = {**login, "certificate": files[given]}
            file = payments.contract(tmp_path, proxy.url, proxy.login(**login))
            sample = tmp_path / "one.b64"
            if not sample.exists():
                schema = tmp_path / "1.avsc"
                schema.write_text(payments.FIRST)
                [known] = simulated.register(load_file(file), uuid.uuid4().hex, [schema])
                payload = payments.payload(known.schema_id, payments.FIRST, "tx-1", "12.50")
                sample.write_bytes(base64.b64encode(payload))
            code = main(["check", file, f"--sample={sample}"])
            return code, "".join(capsys.readouterr())

        code, told = checked(right)
        assert code == 0 and "accepted=1" in told, told
        for login in wrong:
            code, told = checked(login)
            errors = [line for line in told.splitlines() if line]
            assert code == 3 and len(errors) == 1, told
            assert "`schema.auth_file`" in told and not any(each in told for each in secrets)
    assert any(status == 200 for status, _ in proxy.asked)


def written(servers: str, topic: str, payloads: list[bytes]) -> None:
    admin = KafkaAdminClient(bootstrap_servers=servers)
    admin.create_topics([NewTopic(topic, 1, 1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=servers)
    for payload in payloads:
        producer.send(topic, payload)
    producer.flush()
    producer.close()
