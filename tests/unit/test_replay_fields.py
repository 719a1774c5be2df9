"""Setting a field changes that field, and no other byte of the payload."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.dead_letters import fields
from operations.dead_letters.candidate import Candidate
from operations.dead_letters.folder import Folder
from tests.unit.test_replay_parts import letter

# Every way to write a value that a parser and a writer would not give back as it was.
SPELLINGS = [
    b"1",
    b"1.0",
    b"1e2",
    b"-0",
    b"1E+02",
    b"9007199254740993.000",
    b"null",
    b'"\\u0041"',
    b'"\\/"',
    b'"\xc3\xa9"',
    b'"\xff"',  # no UTF-8
    b'"\\ud800"',
    b'"a}b]c,\\"d"',
    b'[1,\t2 , {"currency": 3}]',
    b'{ "currency" : "X", "currency": "Y" }',
    b"{}",
]
NAMES = [b'"a"', b'"\\u0061"', b'"b"', b'"\xc3\xa9"', b'"Currency"', b'""', b'"\xff"']
blanks = st.sampled_from([b"", b" ", b"\n", b"\r\n  ", b"\t"])
members = st.tuples(st.sampled_from(NAMES), blanks, blanks, st.sampled_from(SPELLINGS))


@given(
    st.lists(members, max_size=5),
    st.integers(0, 5),
    st.sampled_from([b'"currency"', b'"curr\\u0065ncy"']),
    st.sampled_from(SPELLINGS),
    st.tuples(blanks, blanks),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
)
def test_every_other_byte_is_as_it_was(others, place, name, value, around, mark) -> None:
    parts = [n + before + b":" + after + v for n, before, after, v in others]
    parts.insert(place, name + b": " + value)
    place = min(place, len(others))
    head = b",".join(parts[:place]) + (b"," if place else b"") + name + b": "
    tail = (b"," if parts[place + 1 :] else b"") + b",".join(parts[place + 1 :])
    before, after = mark + around[0] + b"{" + around[1], around[1] + b"}" + around[0]

    found = fields.changed(before + head + value + tail + after, [("currency", "EUR")])

    assert found == before + head + b'"EUR"' + tail + after


@given(st.lists(members, max_size=5), st.tuples(blanks, blanks))
def test_field_that_is_new_comes_last_and_changes_nothing_before_it(others, around) -> None:
    inside = b",".join(n + before + b":" + after + v for n, before, after, v in others)
    payload = around[0] + b"{" + inside + around[1] + b"}" + around[0]

    found = fields.changed(payload, [("currency", "EUR")])

    assert found.startswith(around[0] + b"{" + inside)
    assert found.endswith(b'"EUR"' + around[1] + b"}" + around[0])


def test_new_field_is_spaced_as_the_last_one() -> None:
    payload = b'{\n  "a": 1,\n  "b": 2\n}\n'

    assert fields.changed(payload, [("c", 3)]) == b'{\n  "a": 1,\n  "b": 2,\n  "c": 3\n}\n'


@given(st.dictionaries(st.text(max_size=3), st.none() | st.integers() | st.text(), max_size=4))
def test_what_is_set_is_what_a_parser_reads(document) -> None:
    for spelled in (json.dumps(document), json.dumps(document, indent=1, ensure_ascii=False)):
        found = fields.changed(spelled.encode(errors="surrogatepass"), [("currency", "EUR")])
        assert json.loads(found.decode(errors="surrogatepass")) == {**document, "currency": "EUR"}


@pytest.mark.parametrize("text", ["1.0", "1e2", "0.10", "123456789012345678901234567890.5"])
def test_number_is_set_as_it_was_typed(text: str) -> None:
    assert fields.changed(b'{"a":1}', [fields.setting(f"a={text}")]) == b'{"a":%s}' % text.encode()


def test_what_is_no_json_is_text() -> None:
    assert fields.setting("a=NaN") == ("a", "NaN")
    with pytest.raises(ValueError, match="must be Unicode"):
        fields.setting("a=\udcff")


@pytest.mark.parametrize(
    "payload",
    [
        b'{"currency": 1, "currency": 2}',
        b'{"currency": 1, "curr\\u0065ncy": 2}',
        b'{"a": 1,}',
        b'{"a": 1',
        b'{"a" 1}',
        b'{"a": [1}',
        b'{"a": ]}',
        b'{"a": }',
        b"{a: 1}",
        b'{"a": 1 2}',
        b'{"a": 1}}',
        b'{"a": 1} x',
        b'"a"',
        b"\xef\xbb\xbf",
        b"{",
    ],
)
def test_where_one_would_have_to_guess_nothing_is_set(payload: bytes) -> None:
    with pytest.raises(ValueError):
        fields.changed(payload, [("currency", "EUR")])


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r", b"\n\n", b" \r"])
@pytest.mark.parametrize("by_editor", [False, True])
def test_bytes_behind_the_object_stay_when_a_field_is_set(
    tmp_path: Path, end: bytes, by_editor: bool
) -> None:
    folder = Folder(tmp_path)
    folder.write([Candidate(letter(), None, b'{"a": 1}' + end)])
    [sheet] = folder.sheets()
    if by_editor:  # which ends the last line, unless it is
        added = b"" if end.endswith(b"\n") else b"\n"
        (tmp_path / sheet.file).write_bytes(b'{"a": 2}' + end + added)
    else:
        folder.replace(sheet, fields.changed(folder.payload(sheet), [("a", 2)]))

    assert folder.payload(sheet) == b'{"a": 2}' + end
