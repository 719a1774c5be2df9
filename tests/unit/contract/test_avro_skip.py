"""Passing over what nobody wants: the same values as fastavro, of the same bytes."""

from __future__ import annotations

import io
import json
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.contracts import schemas_of, shipped
from transforms.codecs.contract import avro, avro_skip
from transforms.codecs.contract.asked_for import asked_for
from transforms.codecs.contract.avro import SchemaReader, parsed
from transforms.codecs.contract.schema_source import WriterSchema
from transforms.payment.dead_letter import Rejected

INNER = {
    "type": "record",
    "name": "Inner",
    "fields": [
        {"name": "x", "type": "long"},
        {"name": "y", "type": ["null", "string", "double"]},
        {"name": "next", "type": ["null", "Inner"]},
    ],
}
KINDS: dict[str, Any] = {
    "null": "null",
    "flag": "boolean",
    "whole": "int",
    "long": "long",
    "float": "float",
    "double": "double",
    "bytes": "bytes",
    "text": "string",
    "state": {"type": "enum", "name": "State", "symbols": ["A", "B"]},
    "fixed": {"type": "fixed", "name": "Fixed", "size": 3},
    "list": {"type": "array", "items": "Inner"},
    "map": {"type": "map", "values": ["null", "long"]},
    "maybe": ["null", "string"],
    "money": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
    "time": {"type": "long", "logicalType": "timestamp-millis"},
    "day": {"type": "int", "logicalType": "date"},
}
FIELDS = [{"name": "inner", "type": INNER}]
FIELDS += [{"name": name, "type": kind} for name, kind in KINDS.items()]
SCHEMA = {"type": "record", "name": "All", "namespace": "n.s", "fields": FIELDS}
LONGS = st.integers(-(2**63), 2**63 - 1)
INTS = st.integers(-(2**31), 2**31 - 1)
TEXTS = st.text(max_size=200)
FLOATS = st.floats(width=32, allow_nan=False)
INNERS = st.recursive(
    st.none(),
    lambda inner: st.fixed_dictionaries(
        {"x": LONGS, "y": st.one_of(st.none(), TEXTS, FLOATS), "next": inner}
    ),
    max_leaves=4,
)
SOME_INNER = st.fixed_dictionaries({"x": LONGS, "y": st.none(), "next": INNERS})
VALUES = st.fixed_dictionaries(
    {
        "inner": SOME_INNER,
        "null": st.none(),
        "flag": st.booleans(),
        "whole": INTS,
        "long": LONGS,
        "float": FLOATS,
        "double": FLOATS,
        "bytes": st.binary(max_size=200),
        "text": TEXTS,
        "state": st.sampled_from("AB"),
        "fixed": st.binary(min_size=3, max_size=3),
        "list": st.lists(SOME_INNER, max_size=3),
        "map": st.dictionaries(TEXTS, st.one_of(st.none(), LONGS), max_size=3),
        "maybe": st.one_of(st.none(), TEXTS),
        "money": st.binary(max_size=9),
        "time": LONGS,
        "day": INTS,
    }
)
PARSED = parsed(WriterSchema(json.dumps(SCHEMA)))
RAW = fastavro.parse_schema(json.loads(json.dumps(SCHEMA).replace("logicalType", "_")))
PLAIN = [name for name in KINDS if name not in ("list", "map")]
TREES = st.dictionaries(st.sampled_from(PLAIN), st.none()).flatmap(
    lambda tree: st.sampled_from([tree, {**tree, "inner": {"x": None, "y": None}}])
)


def written(value: Any) -> bytes:
    file = io.BytesIO()
    fastavro.schemaless_writer(file, RAW, value)
    return file.getvalue()


def cut(value: dict[str, Any], tree: dict[str, Any]) -> dict[str, Any]:
    return {
        name: each if tree[name] is None else cut(each, tree[name])
        for name, each in value.items()
        if name in tree
    }


@given(VALUES, TREES)
@settings(max_examples=150, deadline=None)
def test_values_are_those_of_fastavro(value: dict[str, Any], tree: dict[str, Any]) -> None:
    raw = written(value)
    reader = SchemaReader(PARSED, tree)

    assert reader._some is not None
    assert reader.read(raw) == cut(SchemaReader(PARSED).read(raw), tree)


@given(VALUES, st.data())
@settings(max_examples=100, deadline=None)
def test_cut_or_longer_bytes_are_refused(value: dict[str, Any], data: st.DataObject) -> None:
    raw = written(value)
    reader = SchemaReader(PARSED, {"text": None})

    for spoiled in (raw[: data.draw(st.integers(0, len(raw) - 1))], raw + b"\0"):
        with pytest.raises(Rejected):
            reader.read(spoiled)


@given(st.binary(max_size=300), TREES)
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(raw: bytes, tree: dict[str, Any]) -> None:
    try:
        SchemaReader(PARSED, tree).read(raw)
    except Rejected as rejected:
        assert rejected.reason.value == "not_decodable"


def list_and_number(items: Any) -> Any:
    fields = [{"name": "a", "type": {"type": "array", "items": items}}]
    fields += [{"name": "b", "type": "int"}]
    return parsed(WriterSchema(json.dumps({"type": "record", "name": "R", "fields": fields})))


def test_block_of_2_to_the_60_items_ends_with_the_bytes() -> None:
    sized = {"type": "fixed", "name": "F", "size": 8}
    fields = [
        {"name": "a", "type": {"type": "array", "items": sized}},
        {"name": "b", "type": "int"},
    ]
    schema = parsed(WriterSchema(json.dumps({"type": "record", "name": "R", "fields": fields})))

    with pytest.raises(Rejected):
        SchemaReader(schema, {"b": None}).read(b"\xfe" + b"\xff" * 7 + b"\x1f" + b"x" * 100)


@pytest.mark.parametrize("tree", [{"list": None}, {"map": {"a": None}}, {"inner": None}])
def test_what_is_no_plain_value_is_left_to_fastavro(tree: dict[str, Any]) -> None:
    assert SchemaReader(PARSED, tree)._some is None


def test_blocks_may_say_their_size() -> None:
    fields = [
        {"name": "a", "type": {"type": "array", "items": "string"}},
        {"name": "b", "type": "int"},
    ]
    schema = parsed(WriterSchema(json.dumps({"type": "record", "name": "R", "fields": fields})))
    # One block of one item, of two bytes; then the end.
    raw = b"\x01\x04\x02x\x00" + b"\x06"

    assert SchemaReader(schema, {"b": None}).read(raw) == {"b": 3}
    assert SchemaReader(schema).read(raw) == {"a": ["x"], "b": 3}


def test_size_of_a_block_is_not_believed() -> None:
    schema = list_and_number("string")
    lie = b"\x01\x08\x02x\x00" + b"\x06"

    assert SchemaReader(schema).read(lie) == {"a": ["x"], "b": 3}
    assert SchemaReader(schema, {"b": None}).read(lie) == {"b": 3}


NEST = {"type": "record", "name": "Nest", "fields": [{"name": "in", "type": ["null", "Nest"]}]}


@pytest.mark.parametrize("deep", [59, 62, 300, 30_000])
@pytest.mark.parametrize("tree", [None, {"b": None}])
def test_records_in_each_other_are_as_deep_to_one_as_to_many(deep: int, tree: Any) -> None:
    """Of 30,000, fastavro ends the process."""
    fields = [{"name": "a", "type": NEST}, {"name": "b", "type": "int"}]
    text = json.dumps({"type": "record", "name": "R", "fields": fields})
    reader = SchemaReader(parsed(WriterSchema(text)), tree)
    raw = b"\x02" * (deep - 2) + b"\0" + b"\x06"

    if deep < 60:
        assert reader.read(raw)["b"] == 3
        assert together(reader, [raw]) == ([reader.read(raw)], True)
        return
    with pytest.raises(Rejected, match="more than 60"):
        reader.read(raw)
    if tree is not None:
        assert together(reader, [raw]) is None


def test_block_that_goes_on_through_other_records_is_followed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader, followed = SchemaReader(list_and_number("boolean"), {"b": None}), []
    pass_over = avro_skip.pass_over

    def counted(*args: Any) -> int:
        followed.append(args)
        return pass_over(*args)

    monkeypatch.setattr(avro_skip, "pass_over", counted)
    # 200 items are said to be in 100 bytes.
    assert together(reader, [b"\x90\x03" + b"\0" * 100]) is None
    assert len([each for each in followed if each[2][0][0] == avro_skip.BLOCKS]) == 1


@pytest.mark.parametrize("name", ["debezium-avro", "confluent-avro"])
def test_shipped_contracts_pass_over_what_they_do_not_take(name: str) -> None:
    source = schemas_of(name)
    assert source is not None
    schema = parsed(source.schema(1 if name == "debezium-avro" else 7))

    assert SchemaReader(schema, asked_for(shipped(name)))._some is not None


def together(reader: SchemaReader, raws: list[bytes], begin: int = 0) -> Any:
    """Returns what is read of so many that it is worth its while."""
    found = reader.read_all(raws * avro._COLUMNS_MIN, begin)
    return found and (found[0][: len(raws)], found[1])


@given(st.lists(VALUES, min_size=1, max_size=5), TREES)
@settings(max_examples=50, deadline=None)
def test_many_at_once_are_read_alike(values: list[dict[str, Any]], tree: dict[str, Any]) -> None:
    reader = SchemaReader(PARSED, tree)
    raws = [b"frame" + written(each) for each in values]

    assert reader._columns is not None
    alike = [reader.read(each, 5) for each in raws]
    found = together(reader, raws, 5)
    # Only a number of more than 63 bits is left to those who read one by one.
    assert (found or (alike,))[0] == alike
    assert found is not None or any(abs(v) >= 2**62 for v in _longs_in(values))


def _longs_in(value: Any) -> list[int]:
    inner = value.values() if isinstance(value, dict) else value if type(value) is list else ()
    return [value] if type(value) is int else [long for each in inner for long in _longs_in(each)]


@given(st.lists(VALUES, min_size=2, max_size=4), st.data(), TREES)
@settings(max_examples=80, deadline=None)
def test_a_spoiled_record_among_others_is_never_read(
    values: list[dict[str, Any]], data: st.DataObject, tree: dict[str, Any]
) -> None:
    reader = SchemaReader(PARSED, tree)
    raws = [written(each) for each in values]
    at = data.draw(st.integers(0, len(raws) - 1))
    place = data.draw(st.integers(0, len(raws[at])))
    junk = data.draw(st.binary(max_size=12))
    raws[at] = raws[at][:place] + junk + raws[at][place + data.draw(st.integers(0, 3)) :]
    try:
        alike = [reader.read(each) for each in raws]
    except Rejected:
        assert together(reader, raws) is None
    else:
        found = together(reader, raws)
        assert found is None or repr(found[0]) == repr(alike)
