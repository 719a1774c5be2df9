"""Logins of a schema registry: sent as they are said, and shown to nobody else."""

from __future__ import annotations

import base64
import dataclasses
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.contracts import contract, shipped
from tests.support.registry_server import Registry
from transforms.codecs.contract.decoder import Decoder
from transforms.codecs.contract.language import Schema
from transforms.codecs.contract.mistakes import ContractError
from transforms.codecs.contract.registry import HttpRegistry as Patient
from transforms.codecs.contract.registry import shared
from transforms.codecs.contract.registry_login import AuthError, auth_of
from transforms.codecs.contract.schema_source import RegistryUnavailable
from transforms.payment.dead_letter import Rejected


@pytest.fixture
def registry() -> Iterator[Registry]:
    found = Registry()
    yield found
    found.close()


def HttpRegistry(url: str, auth: dict[str, str] | None = None) -> Patient:
    return Patient(url, auth, patience_sec=0.0)


def auth(tmp_path: Path, text: str) -> dict[str, str]:
    path = tmp_path / "sr.properties"
    path.write_text(text)
    return auth_of(path)


def test_basic_and_bearer(registry: Registry, tmp_path: Path) -> None:
    HttpRegistry(registry.url, auth(tmp_path, "basic.auth.user.info = me:secret:x\n")).schema(1)
    HttpRegistry(
        registry.url, auth(tmp_path, "# me\nschema.registry.bearer.auth.token=t\n")
    ).schema(1)

    basic = "Basic " + base64.b64encode(b"me:secret:x").decode()
    assert [login for _, login in registry.asked] == [basic, "Bearer t"]


@pytest.mark.parametrize(
    "text", ["basic.auth.password=secret", "secret", "=secret", "c2VjcmV0=", "c2VjcmV0cw=="]
)
def test_mistake_in_the_file_tells_no_secret(tmp_path: Path, text: str) -> None:
    with pytest.raises(AuthError, match=r"sr.properties:1: must be") as error:
        auth(tmp_path, text)
    assert "=secret" not in str(error.value) and "c2VjcmV0" not in str(error.value)


def test_login_in_the_address_of_a_contract_is_refused_and_not_shown() -> None:
    """The text of a contract lies in the job and in the table runs."""
    with pytest.raises(ContractError, match="without a login") as error:
        contract(format="avro_registry", schema={"registry": "http://me:secret@registry:8081"})
    assert "secret" not in str(error.value)


def test_login_in_the_address_is_not_shown() -> None:
    with pytest.raises(RegistryUnavailable) as error:
        HttpRegistry("http://me:secret@127.0.0.1:1").schema(1)
    assert "secret" not in str(error.value)


def test_unknown_id_does_not_show_it_either(registry: Registry) -> None:
    registry.answers.clear()
    with pytest.raises(Rejected) as error:
        HttpRegistry(registry.url.replace("//", "//me:secret@")).schema(5)
    assert "secret" not in str(error.value)


def test_login_is_sent_as_utf_8(registry: Registry, tmp_path: Path) -> None:
    HttpRegistry(registry.url, auth(tmp_path, "basic.auth.user.info=jörg:pässwört€\n")).schema(1)
    HttpRegistry(registry.url, auth(tmp_path, "bearer.auth.token=zürich€\n")).schema(1)

    basic = "Basic " + base64.b64encode("jörg:pässwört€".encode()).decode()
    bearer = "Bearer " + "zürich€".encode().decode("latin-1")
    assert [login for _, login in registry.asked] == [basic, bearer]


def test_login_that_a_worker_does_not_find_is_a_stop_and_no_crash(
    registry: Registry, tmp_path: Path
) -> None:
    path = tmp_path / "sr.properties"
    path.write_text("bearer.auth.token=t")
    schema = Schema(registry=registry.url, auth_file=str(path))
    said = dataclasses.replace(shipped("debezium-avro"), schema=schema)
    job = pickle.dumps(Decoder(said, shared(registry.url, str(path), 0.0)))
    other = pickle.dumps(Decoder(said))
    path.unlink()

    with pytest.raises(RegistryUnavailable, match=r"sr.properties: cannot be read"):
        pickle.loads(job).schemas.schema(1)
    assert pickle.loads(other).contract == said
    with pytest.raises(AuthError):
        Decoder(said)


@pytest.mark.parametrize(
    "text", ["basic.auth.credentials.source=SASL_INHERIT", "bearer.auth.credentials.source=OAUTH"]
)
def test_login_that_we_cannot_do_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(AuthError, match=r"sr.properties:1: .* must be (USER_INFO|STATIC_TOKEN)"):
        auth(tmp_path, text)
