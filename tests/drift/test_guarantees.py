"""Every claim of docs/guarantees.md names tests that exist."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
NAMED = re.findall(r"`(tests/\S+?\.py)::(\w+)`", (REPOSITORY / "docs/guarantees.md").read_text())


def test_the_document_names_tests() -> None:
    assert len(NAMED) > 15


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_named_test_exists(path: str, name: str) -> None:
    assert f"def {name}(" in (REPOSITORY / path).read_text()
