"""Every claim of docs/proof.md names tests and faults that exist."""

import re
from pathlib import Path

import pytest

from harness.faults.catalogue import FAULTS
from harness.faults.registry import WITH_REGISTRY

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENT = (REPOSITORY / "docs/proof.md").read_text()
NAMED = re.findall(r"`(tests/\S+?\.py)::(\w+)`", DOCUMENT)


def test_the_document_names_tests() -> None:
    assert len(NAMED) > 15


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_named_test_exists(path: str, name: str) -> None:
    assert f"def {name}(" in (REPOSITORY / path).read_text()


def test_every_fault_shows_a_claim_and_every_named_one_exists() -> None:
    named = set(re.findall(r"`faults:([\w-]+)`", DOCUMENT)) - {"NAME"}

    assert named == {fault.name for fault in (*FAULTS, *WITH_REGISTRY)}
