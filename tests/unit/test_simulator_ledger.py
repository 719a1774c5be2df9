"""A ledger reads back as written, and a broken line is named by its place."""

from pathlib import Path

import pytest

from simulator import ledger
from simulator.ledger import LedgerEntry, LedgerError, LedgerWriter
from transforms.payment.dead_letter import Reason
from transforms.payment.outcome import Outcome

ACCEPTED = LedgerEntry(
    *(0, "payments", 2, 17, "acc-1", "tx-1", "acc-1", "shop-1", 1250, "EUR"),
    event_time="2026-11-23T08:15:30.250000Z",
    expected=Outcome.ACCEPTED,
    reason=None,
    fault="none",
)
TOMBSTONE = LedgerEntry(
    *(1, "payments", 0, None, None, None, None, None, None, None),
    event_time=None,
    expected=Outcome.INVALID,
    reason=Reason.TOMBSTONE,
    fault="invalid_tombstone",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "run.jsonl"
    with LedgerWriter(path) as writer:
        writer.write(ACCEPTED)
        writer.write(TOMBSTONE)
    return path


def test_what_is_written_is_read(path: Path) -> None:
    assert list(ledger.read(path)) == [ACCEPTED, TOMBSTONE]
    assert path.read_text().splitlines()[0] == (
        '{"n":0,"topic":"payments","partition":2,"offset":17,"key":"acc-1",'
        '"transaction_id":"tx-1","account_id":"acc-1","merchant_id":"shop-1",'
        '"amount_minor":1250,"currency":"EUR","event_time":"2026-11-23T08:15:30.250000Z",'
        '"expected":"accepted","reason":null,"fault":"none"}'
    )


def test_flushed_lines_outlive_the_writer(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with LedgerWriter(path) as writer:
        writer.write(ACCEPTED)
        writer.flush()
        assert list(ledger.read(path)) == [ACCEPTED]


@pytest.mark.parametrize("bytes_lost", [1, 2, 50])
def test_a_last_line_cut_short_is_left_out_and_said(
    path: Path, bytes_lost: int, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(path.read_bytes()[:-bytes_lost])

    entries = list(ledger.read(path))

    # Without its end of line the text may still be whole.
    assert entries == ([ACCEPTED, TOMBSTONE] if bytes_lost == 1 else [ACCEPTED])
    assert (f"{path}:2" in caplog.text) == (bytes_lost > 1)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("oops", "not a JSON line"),
        ("[]", "not a JSON object"),
        ("{}", "'expected' is missing"),
        ('{"expected":"lost","reason":null}', "'lost' is not a valid Outcome"),
        ('{"expected":"late","reason":"moon"}', "'moon' is not a valid Reason"),
        ('{"expected":"late","reason":null}', "'n' is missing"),
    ],
)
def test_a_broken_line_is_named(path: Path, line: str, message: str) -> None:
    good = path.read_text()
    path.write_text(good + line + "\n" + good)

    with pytest.raises(LedgerError) as error:
        list(ledger.read(path))
    assert str(error.value).startswith(f"{path}:3: ") and message in str(error.value)


def test_a_missing_ledger_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"none\.jsonl: cannot be read: No such file"):
        list(ledger.read(tmp_path / "none.jsonl"))
