"""The parts of the replay tool: names, fields, folders, receipts, and what is printed."""

from pathlib import Path

import orjson
import pytest

from operations.dead_letters import fields, text
from operations.dead_letters.candidate import Candidate
from operations.dead_letters.folder import Folder
from operations.dead_letters.letters import name_of, place_named, place_of
from operations.dead_letters.receipt import Receipt
from operations.errors import UsageError
from operations.reconcile.truth import Place
from tests.support.dead_letters import BROKEN, corrected, letter

PLACE = Place("payments", 2, 4711)


@pytest.mark.parametrize("name", ["payments/2/4711", "payments[2]@4711", str(PLACE)])
def test_place_is_read_as_list_and_reconcile_print_it(name: str) -> None:
    assert place_named(name) == PLACE
    assert place_named(name_of(PLACE)) == PLACE


@pytest.mark.parametrize(
    "name", ["", "payments", "payments/2", "pay ments/2/1", "p/-1/2", "p/1/2/3"]
)
def test_name_of_no_place_is_told(name: str) -> None:
    with pytest.raises(ValueError, match="TOPIC/PARTITION/OFFSET"):
        place_named(name)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("currency=EUR", ("currency", "EUR")),
        ("amount_minor=1250", ("amount_minor", 1250)),
        ("country=null", ("country", None)),
        ('account_id="17"', ("account_id", "17")),
        ("event_time=2026-01-01T00:00:00Z", ("event_time", "2026-01-01T00:00:00Z")),
        ("detail=a=b", ("detail", "a=b")),
    ],
)
def test_setting_is_json_where_it_can_be(words: str, wanted: fields.Setting) -> None:
    assert fields.setting(words) == wanted


def test_other_fields_keep_their_order_and_values() -> None:
    payload = b'{"a": 9007199254740993, "currency": "X", "\xc3\xa9": "\xc3\xa9"}'

    assert (
        fields.changed(payload, [("currency", "EUR")])
        == b'{"a": 9007199254740993, "currency": "EUR", "\xc3\xa9": "\xc3\xa9"}'
    )


@pytest.mark.parametrize(
    "payload", [None, b"", b"[]", b"\xff\xfe", b'{"currency": 1, "currency": 2}']
)
def test_field_is_not_set_where_one_would_have_to_guess(payload: bytes | None) -> None:
    with pytest.raises(ValueError):
        fields.changed(payload, [("currency", "EUR")])


@pytest.mark.parametrize("payload", [BROKEN, b"", b"\xff\n", None])
def test_untouched_payload_comes_back_byte_for_byte(tmp_path: Path, payload: bytes | None) -> None:
    folder = Folder(tmp_path)
    folder.write([Candidate(letter(), b"\x00", payload)])

    [sheet] = folder.sheets()

    assert (sheet.place, sheet.key, folder.payload(sheet)) == (PLACE, b"\x00", payload)


def test_newline_that_an_editor_adds_is_not_sent(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write([Candidate(letter(), None, BROKEN)])
    [sheet] = folder.sheets()

    (tmp_path / sheet.file).write_bytes(b"{}\n")

    assert folder.payload(sheet) == b"{}"


def test_manifest_cannot_name_a_file_outside_its_folder(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "corrected")
    folder.write([corrected()])
    manifest = tmp_path / "corrected" / "manifest.jsonl"
    line = orjson.loads(manifest.read_bytes())
    (tmp_path / "secret").write_text("secret")
    manifest.write_bytes(orjson.dumps(line | {"file": "../secret"}))

    [sheet] = folder.sheets()

    with pytest.raises(UsageError):
        folder.payload(sheet)


@pytest.mark.parametrize("content", [b"{", b"[]\n", b"{}\n", b'{"place": "x"}\n'])
def test_broken_manifest_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.jsonl").write_bytes(content)

    with pytest.raises(UsageError, match="broken"):
        Folder(tmp_path).sheets()


def test_receipt_outlives_its_process_and_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "receipt.jsonl"
    Receipt(path).add(corrected(), Place("payments", 0, 1))
    with path.open("ab") as file:
        file.write(b'{"place": "paym')

    later = Receipt(path)
    later.add(corrected(letter(offset=4712)), Place("payments", 0, -1))

    assert later.sent == {PLACE: "payments/0/1", PLACE._replace(offset=4712): "payments/0/?"}
    assert Receipt(path).sent == later.sent


def test_file_that_is_no_receipt_is_told_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("buy milk\n")

    with pytest.raises(UsageError, match="no receipt"):
        Receipt(path)
    assert path.read_text() == "buy milk\n"


def test_receipt_that_could_not_be_written_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write the receipt"):
        Receipt(tmp_path / "nowhere" / "receipt.jsonl").require_writable()
    Receipt(tmp_path / "receipt.jsonl").require_writable()  # the control


def test_payload_cannot_talk_to_the_terminal() -> None:
    hostile = letter(payload=b"\x1b[2J", detail="\x1b]0;title\x07", key=b"\x1b")

    page = text.page(hostile, [])

    assert "\x1b" not in page and "\x07" not in page
    assert "base64:" in page and r"\x1b]0;title\x07" in page
    assert "é" in text.content("é".encode())


def test_time_is_shown_to_the_millisecond() -> None:
    assert text.moment(1_767_225_600_000_000 + 1_000) == "2026-01-01 00:00:00.001"


def test_page_names_the_first_arrival_of_a_chain() -> None:
    assert name_of(place_of(letter())) in text.page(letter(), [])
