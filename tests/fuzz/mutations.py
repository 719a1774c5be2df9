"""Spoils valid payloads in every way that has a name, without end."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from tests.support.payments import START_US, fields, payload
from transforms.codecs import wire_format
from transforms.payment import replay
from transforms.payment.transaction import ReplayOf

# Near the limit of what is parsed at all, where parsing costs most.
_NEAR_LIMIT = wire_format.PAYLOAD_BYTES_MAX - 1_000

_SEEDS = (
    payload(),
    payload(country=None, device_id=...),
    payload(note={"nested": [1, 2.5, None, "ü"]}, flag=True),
    b'{ "transaction_id" : "tx-1" , "amount_minor" : 1 }',
    b"[]",
    b"",
)
_TOKENS = (
    # Numbers: not in JSON, beyond any type, beyond any reader's patience.
    *(b"NaN", b"Infinity", b"-Infinity", b"-0", b"0.0", b"1e999999999", b"1E-400", b"1e5", b"+1"),
    *(b"9223372036854775808", b"18446744073709551615", b"9" * 4_301, b"0." + b"3" * 5_000),
    # Texts: halves of characters, NUL, a byte order mark, overlong and cut UTF-8.
    *(rb'"\ud800"', rb'"\udc00\ud800"', rb'"\u0000"', b'"\x00"', b"\xef\xbb\xbf", b"\xc0\x80"),
    *(b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b'"\\', b'"\xe2\x80\xae"', rb'"\u00e9"', b'""'),
    # Structure.
    *(b"{}", b"[]", b"null", b"true", b"{", b"}", b"[", b"]", b",", b":", b'"', b"//", b"\n"),
    # Values of the wire, and what nearly is one.
    *(b'"EUR"', b'"eur"', b'"2026-01-01T00:00:00Z"', b'"0000-01-01T00:00:00Z"', b'"XAU"'),
    *(b'"9999-12-31T23:59:59.999999Z"', b'"1969-12-31T23:59:59Z"', b'"2026-02-30T00:00:00Z"'),
    *(b"1000000000000000", b"1000000000000001", b"0", b"-1", b"1250", b'"de"', b'"' + b"x" * 65),
)
_NAMES = tuple(name.encode() for name in (*fields(), *ReplayOf._fields))
_HEADER = replay.encode(ReplayOf("payments", 3, 17, START_US))

Mutation = Callable[[random.Random, bytes], bytes]


def inputs(seed: int) -> Iterator[tuple[bytes | None, bytes | None]]:
    """Yields payloads and replay headers; the same seed yields the same ones."""
    rng = random.Random(seed)
    while True:
        raw: bytes | None = rng.choice(_SEEDS)
        for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 6))):
            raw = rng.choice(MUTATIONS)(rng, raw or b"")
        if rng.random() < 0.001:
            raw = None
        header = None
        if rng.random() < 0.1:
            header = _HEADER
            for _ in range(rng.choice((0, 1, 1, 2))):
                header = rng.choice(MUTATIONS)(rng, header)
        yield raw, header


def _flip(rng: random.Random, raw: bytes) -> bytes:
    if not raw:
        return raw
    at = rng.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ 1 << rng.randrange(8)]) + raw[at + 1 :]


def _truncate(rng: random.Random, raw: bytes) -> bytes:
    return raw[: rng.randrange(len(raw) + 1)]


def _remove(rng: random.Random, raw: bytes) -> bytes:
    at = rng.randrange(len(raw) + 1)
    return raw[:at] + raw[at + rng.randrange(1, 9) :]


def _splice(rng: random.Random, raw: bytes) -> bytes:
    other = rng.choice(_SEEDS)
    return raw[: rng.randrange(len(raw) + 1)] + other[rng.randrange(len(other) + 1) :]


def _insert(rng: random.Random, raw: bytes) -> bytes:
    at = rng.randrange(len(raw) + 1)
    return raw[:at] + rng.choice(_TOKENS) + raw[at:]


def _set_value(rng: random.Random, raw: bytes) -> bytes:
    """Gives a field of the wire another value."""
    before, found, after = raw.partition(b'"' + rng.choice(_NAMES) + b'":')
    end = min((at for at in (after.find(b","), after.find(b"}")) if at >= 0), default=0)
    return before + found + rng.choice(_TOKENS) + after[end:] if found else raw


def _repeat_field(rng: random.Random, raw: bytes) -> bytes:
    """Sets a field twice, the second time perhaps under an escaped spelling of its name."""
    name = rng.choice(_NAMES)
    if rng.random() < 0.5:
        name = b"\\u%04x" % name[0] + name[1:]
    return raw.replace(b"{", b'{"' + name + b'":' + rng.choice(_TOKENS) + b",", 1)


def _nest(rng: random.Random, raw: bytes) -> bytes:
    depth = rng.choice((1, 5, 200, 254, 255, 256, 1_023, 1_024, 1_025, 8_000))
    opening, closing = rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
    nested = opening * depth + b"1" + closing * depth
    if rng.random() < 0.3:
        return nested
    return raw.replace(b"{", b'{"deep":' + nested + b",", 1)


def _stretch(rng: random.Random, raw: bytes) -> bytes:
    """Fills the payload up to the limit of what is parsed, or a little beyond it."""
    size = _NEAR_LIMIT + rng.randrange(2_000)
    unit = rng.choice((b" ", b"9", b"[", b'{"":', b'"a",', b"\\u0061", b"\x00", b"-1e9,"))
    at = rng.randrange(len(raw) + 1)
    return (raw[:at] + unit * ((size - len(raw)) // len(unit)) + raw[at:])[: size + len(raw)]


def _encode_otherwise(rng: random.Random, raw: bytes) -> bytes:
    return raw.decode("latin-1").encode(rng.choice(("utf-16", "utf-32-le", "utf-8-sig", "utf-7")))


def _noise(rng: random.Random, raw: bytes) -> bytes:
    return rng.randbytes(rng.randrange(400))


# Most often what leaves the payload JSON, so that the rules behind the parser are reached as well.
MUTATIONS: tuple[Mutation, ...] = (
    *(_set_value,) * 50,
    *(_flip, _truncate, _remove, _splice, _insert, _repeat_field) * 8,
    *(_encode_otherwise, _noise) * 2,
    *(_nest, _stretch),
)
