"""Spoiled contracts and spoiled records: each ends in one of the ways that have a name.

    python -m tests.fuzz.contracts --seed=1 --count=1000000

One input in eight is a contract, the others are records of the shipped ones. Whatever is raised but
ContractError and Rejected is a finding, and so is a record in no place or in two.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any

import yaml

from operations.contract import samples
from tests.support.contracts import plain
from transforms.codecs.contract import shipped
from transforms.codecs.contract.decoder import Decoder
from transforms.codecs.contract.load import load
from transforms.codecs.contract.mistakes import ContractError
from transforms.codecs.contract.schema_source import KnownSchemas

HANG_CPU_SEC = 5.0
WORDS = [
    *("", ".", "a.b", "outer:x", "key:", "header:h", "kafka:timestamp", "`a.b`.0", "x..y", "\x00"),
    *("json", "avro", "protobuf_registry", "single", "decimal", "epoch_ns", "upper", "skip", "😀"),
    *("Europe/Berlin", "%Y-%m-%d", "refund", "EUR", "stripe", "from_schema", "iso", "null", "~"),
]

TEXTS = ["12.505", "1e3", "-1", "0.5", "x" * 300, "a b", "\ud800", "2026-02-30T00:00:00Z", "BOI="]
TEXTS += ["9" * 40, "eur", "٣", "2026-11-23T08:15:30+25:00", "data:;base64,e30", "1795421730"]
# So many are decoded together, and by numpy where it can be.
_COMPANY = 64


class Finding(AssertionError):
    """An input that does not end as it must: the message has the seed and the input."""


@dataclasses.dataclass
class Tally:
    """How inputs have ended."""

    contracts: collections.Counter[str]
    records: collections.Counter[str]


def run(seed: int, count: int, decode: Callable[[Decoder, Any], Any] = Decoder.decode) -> Tally:
    """Tries `count` inputs. Raises Finding for the first that does not end as it must."""
    rng, tally = random.Random(seed), Tally(collections.Counter(), collections.Counter())
    targets = [_target(name) for name in shipped.NAMES]
    for number in range(count):
        began = time.process_time()
        if number % 8 == 0:
            text, ended = _contract(rng)
            tally.contracts[ended] += 1
        else:
            decoder, records = rng.choice(targets)
            text = spoil(rng, rng.choice(records))
            ended = _record(decoder, text, decode, seed, number)
            tally.records[ended] += 1
            if number % 32 == 1:
                _in_company(decoder, records, text, ended, f"seed {seed}, input {number}")
        if time.process_time() - began > HANG_CPU_SEC:
            raise Finding(f"seed {seed}, input {number} took more than {HANG_CPU_SEC} s: {text!r}")
    return tally


def _target(name: str) -> tuple[Decoder, list[Any]]:
    folder = shipped.FOLDER / "schemas" / name
    schemas = KnownSchemas.in_folder(folder) if folder.is_dir() else None
    text = shipped.path_of(name).read_text()
    contract = load(text, name, lambda file: (shipped.FOLDER / file).read_bytes())
    containers = samples.ContainerSchemas(None)
    records = samples.records_of(shipped.sample_of(name), None, 1_800_000_000_000_000, containers)
    return Decoder(contract, schemas, interpreted=True), [each.record for each in records]


def spoil(rng: random.Random, record: Any) -> Any:
    """Returns a record with a few bytes changed, cut out, doubled or put in."""
    if rng.random() < 0.5 and (record.payload or b"").startswith((b"{", b'"')):
        return record._replace(payload=_spoiled_json(rng, record.payload))
    raw = _spoiled_bytes(rng, record.payload or b"")
    headers = record.headers
    if rng.random() < 0.1:
        headers = tuple((name, rng.choice((None, b"", b"\xff", b"x"))) for name, _ in headers)
    key = rng.choice((None, b"", b"{", b"\xff", record.key))
    payload = None if rng.random() < 0.01 else raw
    return record._replace(payload=payload, headers=headers, key=key)


def _spoiled_bytes(rng: random.Random, payload: bytes) -> bytes:
    raw = bytearray(payload)
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(raw) + 1)
        match rng.randrange(6):
            case 0:
                raw[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del raw[at : at + rng.randrange(1, 20)]
            case 2:
                raw[at:at] = raw[at : at + rng.randrange(1, 60)]
            case 3:
                raw[at : at + rng.randrange(1, 12)] = rng.choice(_PIECES)
            case 4:
                del raw[at:]
            case _:
                raw[at:at] = rng.randbytes(rng.randrange(1, 9))
    return bytes(raw)


def _spoiled_json(rng: random.Random, payload: bytes) -> bytes:
    """Returns JSON with other values in the right places."""
    value = json.loads(payload)
    inner = isinstance(value, str)
    value = json.loads(value) if inner else value
    for _ in range(rng.randrange(1, 3)):
        value = _changed(rng, value)
    raw = json.dumps(value, ensure_ascii=rng.random() < 0.5)
    return json.dumps(raw).encode() if inner else raw.encode("utf-8", "surrogatepass")


_PIECES = [
    *(b"null", b"[]", b"{}", b"1e400", b"-1", b"0", b"true", b'"', b"\\u0041", b"9" * 25, b"1.5"),
    *(
        b'"a":1,"a":2',
        b"[" * 400,
        b"\xff\xff\xff\xff\x0f",
        b"\x80" * 12,
        b"12.50",
        b'"1e3"',
        b"NaN",
    ),
    *(b"2026-02-30T00:00:00Z", b"9223372036825200000", b"\xed\xa0\x80", b"\xc2\xa0", b"\x00" * 9),
]


def _in_company(decoder: Decoder, records: list[Any], record: Any, ended: str, what: str) -> None:
    """Raises Finding when a record ends otherwise among others than alone."""
    decoded = decoder.decode([*(records * _COMPANY)[:_COMPANY], record])
    found = ["accepted" for each in decoded.records if each is record]
    found += [why.reason.value for each, why in decoded.rejected if each is record]
    found += ["skipped" for each, _ in decoded.skipped if each is record]
    if found != [ended]:
        raise Finding(f"{what}: {ended} alone, {found} among others: {record!r}")


def _record(
    decoder: Decoder, record: Any, decode: Callable[[Decoder, Any], Any], seed: int, number: int
) -> str:
    try:
        decoded = decode(decoder, [record])
    except Exception as error:
        raise Finding(
            f"seed {seed}, input {number}, {decoder.contract.name}: {error!r} of {record!r}"
        ) from error
    ends = [("accepted", each) for each in decoded.transactions]
    ends += [(rejected.reason.value, rejected) for _, rejected in decoded.rejected]
    ends += [("skipped", rule) for _, rule in decoded.skipped]
    if len(ends) != 1:
        raise Finding(f"seed {seed}, input {number}: {len(ends)} ends of {record!r}")
    return ends[0][0]


def _contract(rng: random.Random) -> tuple[str, str]:
    text = rng.choice((_spoiled_text, _spoiled_tree))(rng)
    try:
        contract = load(text, "fuzz", _file)
        Decoder(contract, KnownSchemas({}))
    except ContractError as error:
        if not error.mistakes or any(each.line < 1 for each in error.mistakes):
            raise Finding(f"mistakes without lines: {error} of {text!r}") from None
        return text, "mistaken"
    except Exception as error:
        raise Finding(f"{error!r} of {text!r}") from error
    return text, "good"


def _file(name: str) -> bytes:
    if name.startswith("schemas/"):
        return (shipped.FOLDER / name).read_bytes()
    raise FileNotFoundError(2, "No such file", name)


def _spoiled_text(rng: random.Random) -> str:
    text = shipped.path_of(rng.choice(shipped.NAMES)).read_text()
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(text))
        piece = rng.choice(
            (*WORDS, ":", "- ", "{", "]", "\n", "  ", "!", "&a ", "*a", "'", "\t", "#")
        )
        text = text[:at] + piece + text[at + rng.randrange(6) :]
    return text


def _spoiled_tree(rng: random.Random) -> str:
    base = plain() if rng.random() < 0.3 else _tree_of(rng.choice(shipped.NAMES))
    for _ in range(rng.randrange(1, 4)):
        base = _changed(rng, base)
    return yaml.safe_dump(base, sort_keys=False, allow_unicode=True)


def _tree_of(name: str) -> Any:
    return yaml.safe_load(shipped.path_of(name).read_text())


def _changed(rng: random.Random, tree: Any) -> Any:
    """Returns a tree in which one value, or one key, is another."""
    if isinstance(tree, dict) and tree and rng.random() < 0.9:
        key = rng.choice(list(tree))
        changed = dict(tree)
        if rng.random() < 0.1:
            changed[rng.choice(_KEYS)] = changed.pop(key)
        else:
            changed[key] = _changed(rng, tree[key])
        return changed
    if isinstance(tree, list) and tree and rng.random() < 0.8:
        place = rng.randrange(len(tree))
        return [*tree[:place], _changed(rng, tree[place]), *tree[place + 1 :]]
    return rng.choice((*_VALUES, rng.choice(WORDS), rng.choice(TEXTS)))


_VALUES = (None, True, -1, 0, 10**30, 1.5, 12.505, [], {}, [None], {"at": "x"}, {"at": None})


_KEYS = ["at", "as", "join", "const", "map", "digits", "absent", "else", "schema", "x", "extra"]


def main() -> int:
    """Runs a campaign; returns 0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.contracts", allow_abbrev=False)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1_000_000)
    arguments = parser.parse_args()
    tally = run(arguments.seed, arguments.count)
    print(f"contracts: {dict(tally.contracts)}")
    print(f"records: {dict(tally.records.most_common())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
