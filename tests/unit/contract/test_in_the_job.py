"""A contract in the job: its flag, what `runs` and state keep of it, and what is refused."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import pytest
import yaml

from operations.errors import CannotStart
from operations.runs.run import NOT_SUBMITTED, Run
from pipeline.config import PipelineConfig
from pipeline.config_values import ConfigError
from pipeline.contract_file import contract
from pipeline.launch import door
from tests.support.contracts import plain
from tests.support.payments import transaction
from transforms import BigQuerySink, KafkaSource
from transforms.codecs.contract import document, fingerprint, shipped
from transforms.payment.dedup_policy import DedupPolicy
from transforms.state.shard import Catalogue, ContractChanged, Shard

HORIZON_US = 60_000_000


def config(said: str | None = None) -> PipelineConfig:
    source, sink = KafkaSource("nowhere:0", ("payments",)), BigQuerySink("project", "dataset")
    return PipelineConfig("DirectRunner", source, sink, 0, 0, contract=contract(said))


def write(folder: Path, **changes: object) -> str:
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(plain(**changes), sort_keys=False))
    return str(path)


def test_without_flag_it_is_our_own_json() -> None:
    assert contract(None) is shipped.native()
    assert config().dedup_policy == DedupPolicy(0)


@pytest.mark.parametrize("name", shipped.NAMES)
def test_name_of_a_shipped_one_is_its_file(name: str) -> None:
    assert contract(name) == contract(str(shipped.path_of(name)))


@pytest.mark.parametrize("name", shipped.NAMES)
def test_document_holds_all_of_it(name: str) -> None:
    said = contract(name)

    assert document.of_document(document.document_of(said)) == said


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("no/such.yaml", "--contract must be a file .* 'no/such.yaml': No such file"),
        ("nativ", "or one of native, stripe"),
        (".", "Is a directory"),
        ("nowhere://bucket/x.yaml", "nowhere"),
    ],
)
def test_file_that_cannot_be_read(said: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        contract(said)


def test_login_that_is_not_there_stops_before_anything_is_claimed(tmp_path: Path) -> None:
    schema = {"registry": "http://nobody", "auth_file": "no/such.properties"}
    place = write(tmp_path, format="avro_registry", schema=schema)

    with pytest.raises(ConfigError, match=r"auth_file` no/such.properties: cannot be read"):
        contract(place)


def test_every_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    place = write(tmp_path, formt="json", ids="any")

    with pytest.raises(ConfigError) as refused:
        contract(place)

    assert len(refused.value.problems) == 2
    assert all(line.startswith(f"--contract: {place}:") for line in refused.value.problems)


def test_files_that_it_names_lie_beside_it(tmp_path: Path) -> None:
    (tmp_path / "x.avsc").write_text('{"type": "record", "name": "x", "fields": []}')
    place = write(tmp_path, format="avro", schema={"file": "x.avsc"})

    with pytest.raises(ConfigError, match="leads nowhere in the schema"):
        contract(place)


def run(said: str | None, **changes: object) -> Run:
    known = None if said is None else fingerprint.fingerprint(contract(said))
    now = dt.datetime.now(dt.UTC)
    return dataclasses.replace(Run("a", "before", now, "me", "1", contract=known), **changes)


def test_tables_of_the_same_contract_are_gone_on_with(tmp_path: Path) -> None:
    door.check_contract([run(None), run("native")], config())
    door.check_contract([run("stripe")], config("stripe"))
    # What is skipped, and columns, are nothing that state depends on.
    skipping = write(tmp_path, keep=[{"at": "state", "in": ["paid"]}])
    door.check_contract([run(write(tmp_path))], config(skipping))


@pytest.mark.parametrize("before", [None, "native", "adyen"])
def test_tables_of_another_contract_are_refused(before: str | None) -> None:
    chain = [run(before)]

    with pytest.raises(CannotStart, match=r"contract stripe .*Hint: go on with that contract"):
        door.check_contract(chain, config("stripe"))
    # One that was never submitted has counted nothing.
    door.check_contract([run(before, ended_why=f"{NOT_SUBMITTED}x")], config("stripe"))


def test_state_of_another_contract_is_refused() -> None:
    native, stripe = (
        DedupPolicy(HORIZON_US, config(said).dedup_policy.facts, config(said).dedup_policy.contract)
        for said in (None, "stripe")
    )
    shard = Shard(native, Catalogue(), 8)
    shard.decide([transaction()])
    kept = Catalogue.decode(shard.catalogue.encode())

    Shard(native, kept, 8)
    with pytest.raises(ContractChanged, match="our own JSON"):
        Shard(stripe, kept, 8)
    # A shard that remembers nothing belongs to nobody.
    Shard(stripe, Catalogue(), 8)


def test_state_of_our_own_json_is_as_it_was_before_contracts() -> None:
    shard = Shard(DedupPolicy(HORIZON_US), Catalogue(), 8)
    shard.decide([transaction()])

    assert shard.catalogue.encode().count(b",") == 5
