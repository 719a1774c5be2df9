"""Spoiled contracts and spoiled records: each ends in one of the ways that have a name.

One input in eight is a contract; by one that is good a record is read. The others are records of
the shipped ones. Whatever is raised but ContractError and Rejected is a finding, and so are a
record in no place or in two, and one that cannot be a row.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import json
import random
from collections.abc import Callable
from typing import Any

import yaml

from operations.contract import samples
from tests.fuzz.campaign import HANG_CPU_SEC, Hang, hang_detector
from tests.support.contracts import plain
from transforms.bigquery import arrow_rows
from transforms.codecs.contract import shipped
from transforms.codecs.contract.decoder import Decoded, Decoder
from transforms.codecs.contract.load import load
from transforms.codecs.contract.mistakes import ContractError
from transforms.codecs.contract.schema_source import KnownSchemas
from transforms.payment.dead_letter import DETAIL_CHARS_MAX, DeadLetter, Reason, Rejected
from transforms.payment.tables import DEAD_LETTERS, TRANSACTIONS

CLOCK_SKEW_US = 300_000_000
WORDS = [
    *("", ".", "a.b", "outer:x", "key:", "header:h", "kafka:timestamp", "`a.b`.0", "x..y", "\x00"),
    *("json", "avro", "protobuf_registry", "single", "decimal", "epoch_ns", "upper", "skip", "😀"),
    *("Europe/Berlin", "%Y-%m-%d", "refund", "EUR", "stripe", "from_schema", "iso", "null", "~"),
]

TEXTS = ["12.505", "1e3", "-1", "0.5", "x" * 300, "a b", "\ud800", "2026-02-30T00:00:00Z", "BOI="]
TEXTS += ["9" * 40, "eur", "٣", "2026-11-23T08:15:30+25:00", "data:;base64,e30", "1795421730"]
# So many are decoded together, and by numpy where it can be.
_COMPANY = 64


Decode = Callable[[Decoder, Any], Any]


class Finding(AssertionError):
    """An input that does not end as it must: the message has its number and the input."""


@dataclasses.dataclass
class Tally:
    """How inputs have ended."""

    contracts: collections.Counter[str]
    records: collections.Counter[str]

    @property
    def inputs(self) -> int:
        """Returns how many there were."""
        return self.contracts.total() + self.records.total()


def run(
    seed: int,
    count: int,
    decode: Decode = Decoder.decode,
    progress: Callable[[Tally], None] = lambda tally: None,
    progress_every: int = 50_000,
) -> Tally:
    """Tries `count` inputs. Raises Finding for the first that does not end as it must."""
    rng, tally = random.Random(seed), Tally(collections.Counter(), collections.Counter())
    targets = {name: Target(name, shipped.path_of(name).read_text()) for name in shipped.NAMES}
    with hang_detector() as arm:
        for number in range(1, count + 1):
            tried: Any = None
            arm()
            try:
                target = targets[rng.choice(shipped.NAMES)]
                record = spoil(rng, rng.choice(target.records))
                if number % 8 == 0:
                    tried = _spoiled_contract(rng, target.name), record
                    tally.contracts[_contract_end(target.name, *tried, decode)] += 1
                else:
                    tried = target.name, record
                    tally.records[target.end(record, decode)] += 1
                    if number % 32 == 1:
                        target.require_same_in_company(record)
            except Hang:
                raise Finding(f"input {number}: {HANG_CPU_SEC:g} s of CPU: {tried!r}") from None
            except Exception as error:
                raise Finding(f"input {number}: {error!r}: {tried!r}") from error
            if number % progress_every == 0:
                progress(tally)
    return tally


class Target:
    """A contract, and records of the shipped one that it is, or was before it was spoiled."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        contract = load(text, name, _file)
        self._decoder = Decoder(contract, _schemas(name), interpreted=True)
        self._rules = contract.rules(CLOCK_SKEW_US)
        self._encoders = arrow_rows.encoders_of(contract)

    @functools.cached_property
    def records(self) -> list[Any]:
        """Returns the sample's."""
        return _records(self.name)

    def require_same_in_company(self, record: Any) -> None:
        """Raises AssertionError when a record is read otherwise among others than alone."""
        company = [*(self.records * _COMPANY)[:_COMPANY], record]
        alone, among = (_of_one(self._decoder.decode(each), record) for each in ([record], company))
        assert alone == among, f"{alone} alone, {among} among others"

    def end(self, record: Any, decode: Decode) -> str:
        """Returns what becomes of a record, from its bytes to the row that is sent to the sink."""
        decoded = decode(self._decoder, [record])
        found = (*decoded.transactions, *decoded.rejected, *decoded.skipped)
        assert len(found) == 1, f"{len(found)} ends"
        if decoded.skipped:
            return "skipped"
        if decoded.rejected:
            return self._letter(record, decoded.rejected[0][1])
        try:
            self._rules.check(decoded.transactions[0])
        except Rejected as rejected:
            return self._letter(record, rejected)
        self._encoders[TRANSACTIONS.name].encode(decoded.transactions, "1")
        return "accepted"

    def _letter(self, record: Any, rejected: Rejected) -> str:
        letter = DeadLetter.of(record, rejected, "fuzz", None)
        assert len(letter.detail) <= DETAIL_CHARS_MAX
        self._encoders[DEAD_LETTERS.name].encode([letter], "1")
        return Reason(rejected.reason).value


@functools.cache
def _schemas(name: str) -> KnownSchemas:
    folder = shipped.FOLDER / "schemas" / name
    return KnownSchemas.in_folder(folder) if folder.is_dir() else KnownSchemas({})


@functools.cache
def _records(name: str) -> list[Any]:
    containers = samples.ContainerSchemas(None)
    records = samples.records_of(shipped.sample_of(name), None, 1_800_000_000_000_000, containers)
    return [each.record for each in records]


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


def _of_one(decoded: Decoded, record: Any) -> list[Any]:
    pairs = zip(decoded.records, decoded.transactions, strict=True)
    found: list[Any] = [payment for each, payment in pairs if each is record]
    found += [(why.reason, why.detail) for each, why in decoded.rejected if each is record]
    return found + [rule for each, rule in decoded.skipped if each is record]


def _spoiled_contract(rng: random.Random, name: str) -> str:
    return rng.choice((_spoiled_text, _spoiled_tree))(rng, name)


def _contract_end(name: str, text: str, record: Any, decode: Decode) -> str:
    try:
        target = Target(name, text)
    except ContractError as error:
        assert error.mistakes, "no mistake is named"
        assert all(each.line >= 1 for each in error.mistakes), f"mistakes without lines: {error}"
        return "mistaken"
    return f"good, its record {target.end(record, decode)}"


def _file(name: str) -> bytes:
    if name.startswith("schemas/"):
        return (shipped.FOLDER / name).read_bytes()
    raise FileNotFoundError(2, "No such file", name)


def _spoiled_text(rng: random.Random, name: str) -> str:
    text = shipped.path_of(name).read_text()
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(text))
        piece = rng.choice(
            (*WORDS, ":", "- ", "{", "]", "\n", "  ", "!", "&a ", "*a", "'", "\t", "#")
        )
        text = text[:at] + piece + text[at + rng.randrange(6) :]
    return text


def _spoiled_tree(rng: random.Random, name: str) -> str:
    base = plain() if rng.random() < 0.3 else yaml.safe_load(shipped.path_of(name).read_text())
    for _ in range(rng.randrange(1, 4)):
        base = _changed(rng, base)
    return yaml.safe_dump(base, sort_keys=False, allow_unicode=True)


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
