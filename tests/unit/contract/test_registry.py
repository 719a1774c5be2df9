"""A schema registry over HTTP: logins, references, and what is no dead letter."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.contract_records import SAMPLE, debezium_avro
from tests.support.contracts import accepted, reason, shipped
from tests.support.registry_server import AVSC, Registry
from transforms.codecs.contract import avro
from transforms.codecs.contract import registry as registries
from transforms.codecs.contract.decoder import Decoder
from transforms.codecs.contract.language import Schema
from transforms.codecs.contract.schema_source import (
    KnownSchemas,
    RegistryUnavailable,
    WriterSchema,
)
from transforms.payment.dead_letter import Rejected
from transforms.payment.ends_job import MARK, EndsJob

MONEY = json.dumps({"type": "record", "name": "Money", "fields": [{"name": "x", "type": "int"}]})
PAID = json.dumps({"type": "record", "name": "P", "fields": [{"name": "m", "type": "Money"}]})


def HttpRegistry(url: str, auth: Any = None, patience_sec: float = 0.0) -> registries.HttpRegistry:
    """Returns one that is not asked again, unless a test says so."""
    return registries.HttpRegistry(url, auth, patience_sec)


@pytest.fixture
def registry() -> Iterator[Registry]:
    found = Registry()
    yield found
    found.close()


def test_id_is_asked_for_once(registry: Registry) -> None:
    source = HttpRegistry(registry.url + "/")

    for _ in range(3):
        found = accepted(shipped("debezium-avro"), debezium_avro(SAMPLE), schemas=source)
        assert found.amount_minor == 1250
    assert [path for path, _ in registry.asked] == ["/schemas/ids/1"]


def test_id_that_it_does_not_know_is_a_dead_letter(registry: Registry) -> None:
    registry.answers.clear()
    source = HttpRegistry(registry.url)

    for _ in range(2):
        assert (
            reason(shipped("debezium-avro"), debezium_avro(SAMPLE), schemas=source)
            == "unknown_schema"
        )
    assert len(registry.asked) == 1, "a flood of made-up ids is not asked for one by one"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((401, {"error_code": 401}), "HTTP 401. Hint: `schema.auth_file`"),
        ((403, {}), "HTTP 403. Hint: `schema.auth_file`"),
        ((500, b"oops"), "HTTP 500"),
        ((503, {}), "HTTP 503"),
        ((404, b"<html>"), "HTTP 404. Hint: is this the address"),
        ((404, {"error_code": 404}), "HTTP 404. Hint: is this the address"),
        ((302, b""), "HTTP 302"),
        ((200, b"<html>"), "HTTP 200"),
        ((200, []), "HTTP 200"),
        ((200, {"schemaType": "AVRO"}), "without a schema"),
        ((200, {"schema": "{}", "references": [7]}), "an answer that is none of a registry"),
    ],
)
def test_other_answers_judge_no_record(registry: Registry, answer: Any, said: str) -> None:
    registry.answers["/schemas/ids/1"] = answer

    with pytest.raises(RegistryUnavailable, match=r"^schema registry http://127") as error:
        HttpRegistry(registry.url).schema(1)
    assert said in str(error.value)


def test_registry_that_is_down_judges_no_record(registry: Registry) -> None:
    registry.close()

    with pytest.raises(RegistryUnavailable, match=r"ConnectionError\. Hint: is it running"):
        HttpRegistry(registry.url).schema(1)


def test_it_is_asked_again_when_it_is_back(registry: Registry) -> None:
    source = HttpRegistry(registry.url)
    good = registry.answers["/schemas/ids/1"]
    registry.answers["/schemas/ids/1"] = (503, {})
    with pytest.raises(RegistryUnavailable):
        source.schema(1)
    registry.answers["/schemas/ids/1"] = good

    assert source.schema(1).text == AVSC


def test_away_for_a_while_costs_no_record(registry: Registry) -> None:
    good = registry.answers["/schemas/ids/1"]
    registry.answers["/schemas/ids/1"] = (503, {})
    source = HttpRegistry(registry.url, patience_sec=30.0)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        found = pool.submit(source.schema, 1)
        while len(registry.asked) < 2:
            time.sleep(0.01)
        registry.answers["/schemas/ids/1"] = good
        assert found.result(30).text == AVSC


def test_limit_of_patience_is_one_stop_of_the_job(registry: Registry) -> None:
    registry.answers["/schemas/ids/1"] = (503, {})

    with pytest.raises(RegistryUnavailable) as error:
        HttpRegistry(registry.url, patience_sec=1.1).schema(1)
    assert isinstance(error.value, EndsJob)
    assert MARK in str(error.value) and "HTTP 503 (asked again for 1 s)" in str(error.value)
    assert len(registry.asked) >= 2


def test_slow_answer_stalls_no_bundle_for_good(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registries, "_TIMEOUT_SEC", (0.1, 0.2))
    registry.waits_sec = 2.0

    began = time.monotonic()
    with pytest.raises(RegistryUnavailable, match=r"ReadTimeout\. Hint|no whole answer"):
        HttpRegistry(registry.url).schema(1)
    assert time.monotonic() - began < 1.5


def test_threads_that_need_one_id_ask_once(registry: Registry) -> None:
    registry.waits_sec = 0.2
    source = HttpRegistry(registry.url)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        texts = [each.text for each in pool.map(source.schema, [1] * 8)]

    assert texts == [AVSC] * 8
    assert len(registry.asked) == 1


def test_steps_of_a_worker_share_what_is_known(registry: Registry) -> None:
    said = dataclasses.replace(shipped("debezium-avro"), schema=Schema(registry=registry.url))
    for _ in range(2):
        decoder = pickle.loads(pickle.dumps(Decoder(said)))
        assert decoder.schemas.schema(1).text == AVSC

    assert len(registry.asked) == 1


def test_patience_goes_along_to_a_worker(registry: Registry) -> None:
    said = dataclasses.replace(shipped("debezium-avro"), schema=Schema(registry=registry.url))
    decoder = pickle.loads(pickle.dumps(Decoder(said, HttpRegistry(registry.url))))
    registry.answers["/schemas/ids/1"] = (503, {})

    with pytest.raises(RegistryUnavailable):
        decoder.schemas.schema(1)
    assert len(registry.asked) == 1


def test_login_itself_goes_into_no_job() -> None:
    with pytest.raises(TypeError, match="its file is required") as error:
        pickle.dumps(HttpRegistry("http://x", {"bearer.auth.token": "secret"}))
    assert "secret" not in str(error.value)


def test_login_that_was_changed_is_read_again(registry: Registry, tmp_path: Path) -> None:
    path = tmp_path / "sr.properties"
    path.write_text("bearer.auth.token=old")
    source = HttpRegistry(registry.url, path)
    source.schema(1)
    path.write_text("bearer.auth.token=new")
    registry.answers["/schemas/ids/2"] = (200, {"schema": MONEY})
    source.schema(2)

    assert [login for _, login in registry.asked] == ["Bearer old", "Bearer new"]


def test_references_come_before_what_names_them(registry: Registry) -> None:
    reference = {"name": "Money", "subject": "a/money", "version": 3}
    registry.answers["/schemas/ids/2"] = (200, {"schema": PAID, "references": [reference]})
    registry.answers["/subjects/a%2Fmoney/versions/3?deleted=true"] = (200, {"schema": MONEY})

    schema = avro.parsed(HttpRegistry(registry.url).schema(2))
    assert avro.SchemaReader(schema).read(b"\x04") == {"m": {"x": 2}}
    assert avro.SchemaReader(schema, {"m": {"x": None}}).read(b"\x04") == {"m": {"x": 2}}


def test_two_versions_of_one_type_are_refused_and_not_mixed_up(registry: Registry) -> None:
    money = json.dumps(
        {**json.loads(MONEY), "fields": [{"name": each, "type": "int"} for each in ("y", "x")]}
    )
    said = [{"name": "Money", "subject": "m", "version": each} for each in (1, 2)]
    registry.answers["/schemas/ids/2"] = (200, {"schema": PAID, "references": said})
    registry.answers["/subjects/m/versions/1?deleted=true"] = (200, {"schema": MONEY})
    same = registry.answers["/subjects/m/versions/2?deleted=true"] = (200, {"schema": MONEY})

    schema = HttpRegistry(registry.url).schema(2)
    assert avro.SchemaReader(avro.parsed(schema)).read(b"\x04") == {"m": {"x": 2}}
    registry.answers["/subjects/m/versions/2?deleted=true"] = (same[0], {"schema": money})
    with pytest.raises(avro.SchemaError, match="two types of the name Money"):
        avro.parsed(HttpRegistry(registry.url).schema(2))


def test_reference_that_is_gone_judges_no_record(registry: Registry) -> None:
    reference = {"name": "Money", "subject": "m", "version": 3}
    registry.answers["/schemas/ids/2"] = (200, {"schema": PAID, "references": [reference]})

    with pytest.raises(
        RegistryUnavailable, match="it refers to m version 3, which is missing there"
    ):
        HttpRegistry(registry.url).schema(2)


@pytest.mark.parametrize(
    ("kind", "schema"), [("PROTOBUF", "message X {}"), ("AVRO", "{"), ("AVRO", '{"type": "x"}')]
)
def test_schema_of_another_kind_is_no_avro(registry: Registry, kind: str, schema: str) -> None:
    registry.answers["/schemas/ids/1"] = (200, {"schema": schema, "schemaType": kind})
    source = HttpRegistry(registry.url)

    assert (
        reason(shipped("debezium-avro"), debezium_avro(SAMPLE), schemas=source) == "not_decodable"
    )


def test_array_that_a_few_bytes_fill_is_refused() -> None:
    empty = {"type": "array", "items": "null"}
    schema = {"type": "record", "name": "R", "fields": [{"name": "a", "type": empty}]}

    with pytest.raises(avro.SchemaError, match="five bytes hold"):
        avro.BareReader(json.dumps(schema).encode())


def test_array_of_a_named_type_that_is_empty_is_refused() -> None:
    named = {"name": "n", "type": {"type": "record", "name": "Empty", "fields": []}}
    fields = [named, {"name": "a", "type": {"type": "array", "items": "Empty"}}]

    with pytest.raises(avro.SchemaError, match="five bytes hold"):
        avro.BareReader(json.dumps({"type": "record", "name": "R", "fields": fields}).encode())


def test_schema_that_cannot_be_used_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked, parse = [], avro.parsed
    monkeypatch.setattr(avro, "parsed", lambda *given: (looked.append(1), parse(*given))[1])
    reader = avro.RegistryReader(KnownSchemas({1: WriterSchema("{")}), frozenset())

    for _ in range(3):
        with pytest.raises(Rejected, match="schema id 1: no Avro schema"):
            reader.read(b"\0\0\0\0\1x")
    assert len(looked) == 1
