"""A ledger file: what is read from a line, and what cannot be."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from operations.errors import CannotCheck
from operations.reconcile.ledger import Ledger, entry_of
from operations.reconcile.truth import Place


def test_broken_line_cannot_be_checked(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(b'{"n": 0}\n{}\n')

    with pytest.raises(CannotCheck, match=r"run.jsonl, line 1, is no ledger entry: KeyError"):
        list(Ledger(path).entries())


def test_absent_file_cannot_be_checked(tmp_path: Path) -> None:
    with pytest.raises(CannotCheck, match="No such file"):
        list(Ledger(tmp_path / "none").entries())


def test_facts_that_cannot_be_read_are_null() -> None:
    entry = entry_of(
        orjson.dumps(
            {
                "n": 0,
                "topic": "payments",
                "partition": 0,
                "offset": 1,
                "key": None,
                "transaction_id": None,
                "account_id": None,
                "merchant_id": None,
                "amount_minor": None,
                "currency": None,
                "event_time": "yesterday",
                "expected": "invalid",
                "reason": "bad_event_time",
                "fault": "invalid_event_time_words",
            }
        )
    )

    assert entry.facts == (None,) * 6
    assert entry.place == Place("payments", 0, 1)
