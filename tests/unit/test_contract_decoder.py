"""Commands that decode: a registry that is away, and a login that is not there, are one line."""

from __future__ import annotations

import dataclasses
import pickle

import pytest

from operations import contract_decoder
from operations.errors import CannotCheck, OperatorError
from operations.reconcile import truth
from payments import exit_codes
from tests.support.contract_records import SAMPLE, debezium_avro
from tests.support.contracts import shipped
from tests.support.registry_server import Registry
from transforms.codecs.contract.language import Contract, Schema


def said(registry: str, auth_file: str | None = None) -> Contract:
    schema = Schema(registry=registry, auth_file=auth_file)
    return dataclasses.replace(shipped("debezium-avro"), schema=schema)


def test_registry_that_is_away_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    decoder = contract_decoder.decoder_of(said("http://127.0.0.1:1"), patience_sec=0.0)

    def command() -> int:
        pickle.loads(pickle.dumps(decoder)).decode([debezium_avro(SAMPLE)])
        return exit_codes.WELL

    assert exit_codes.run(command) == exit_codes.COULD_NOT_LOOK
    told = capsys.readouterr().err
    assert told.startswith("error: schema registry http://127.0.0.1:1: ConnectionError. Hint:")
    assert told.count("\n") == 1 and "ends the job" not in told


def test_control_registry_that_is_there_decodes() -> None:
    registry = Registry()
    decoder = contract_decoder.decoder_of(said(registry.url), patience_sec=0.0)

    [payment] = decoder.decode([debezium_avro(SAMPLE)]).transactions
    registry.close()
    assert payment.amount_minor == 1250


def test_reconciliation_tells_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract_decoder.decoder_of, "__defaults__", (0.0,))
    limits = truth.Limits(contract=said("http://127.0.0.1:1"))

    with pytest.raises(CannotCheck, match="ConnectionError"):
        truth.Truth([], limits).add(debezium_avro(SAMPLE))


def test_login_that_is_not_there_is_a_mistake_in_what_was_asked_for() -> None:
    with pytest.raises(OperatorError, match="nowhere: cannot be read") as error:
        contract_decoder.decoder_of(said("http://127.0.0.1:1", "nowhere"))
    assert error.value.exit_code == exit_codes.USAGE
