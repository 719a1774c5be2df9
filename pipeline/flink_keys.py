"""Keys that Flink spreads evenly over its subtasks, whatever their number.

Flink puts a key into one of 1,024 groups by its hash, and gives each subtask a range of the groups.
Few keys, as shards are, would lie as chance has it: of 32 keys on 8 subtasks one subtask would have
8 and another none, and the fullest sets the pace. So keys are chosen by their group: those of n
keys are evenly spaced, and every number of subtasks that divides n gets as many of them.

The keys of n shards are among those of 2n. State that was kept in another number of shards is
therefore met, and refused, at keys that both have (transforms/state/shard.py).

Sources: Beam 2.70.0 `FlinkKey.hashCode` (murmur3_128 of the encoded key, Guava), Flink 1.19
`KeyGroupRangeAssignment` (MathUtils.murmurHash of that, modulo the groups).
"""

from __future__ import annotations

import itertools

_64 = (1 << 64) - 1
_32 = (1 << 32) - 1
# Flink's --max_parallelism: part of every state, so it never changes. Its own default for up to 512
# subtasks is at most this.
KEY_GROUPS = 1_024
COUNT_MAX = 512


def even_keys(count: int) -> tuple[int, ...]:
    """Returns `count` keys, a power of two up to COUNT_MAX, whose groups are evenly spaced."""
    assert count <= COUNT_MAX and count & (count - 1) == 0, count
    wanted = {number * KEY_GROUPS // count: number for number in range(count)}
    found: dict[int, int] = {}
    for key in itertools.count():
        number = wanted.get(group_of(key))
        if number is not None and number not in found:
            found[number] = key
            if len(found) == count:
                return tuple(found[number] for number in range(count))
    raise AssertionError("unreachable: counting has no end")


def count_for(parallelism: int) -> int:
    """Returns how many shards a job begins with: four for each subtask, a power of two from 8.

    Fewer make larger batches, which cost less; more leave room to grow without another start.
    """
    return min(COUNT_MAX, max(8, 1 << (4 * max(1, parallelism) - 1).bit_length()))


def group_of(key: int, groups: int = KEY_GROUPS) -> int:
    """Returns the key group of an integer key, 0 to groups - 1."""
    return _spread(_murmur3_low_32(_varint(key))) % groups


def subtask_of(key: int, subtasks: int) -> int:
    """Returns the subtask that a key's elements go to, 0 to subtasks - 1."""
    return group_of(key) * subtasks // KEY_GROUPS


def _varint(value: int) -> bytes:
    """Returns what Beam's VarIntCoder makes of a number from 0."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _murmur3_low_32(content: bytes) -> int:
    """Returns the first four bytes of MurmurHash3 x64 128, seed 0, of at most 8 bytes."""
    assert len(content) <= 8, "one lane of the tail is all that is written here"
    lane = int.from_bytes(content, "little") * 0x87C37B91114253D5 & _64
    lane = _rotated(lane, 31, 64) * 0x4CF5AD432745937F & _64
    first, second = lane ^ len(content), len(content)
    first = (first + second) & _64
    second = (second + first) & _64
    return (_mixed_64(first) + _mixed_64(second)) & _32


def _mixed_64(value: int) -> int:
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD & _64
    value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53 & _64
    return value ^ value >> 33


def _spread(code: int) -> int:
    """Returns Flink's MathUtils.murmurHash: MurmurHash3 x86 32 of one word, made positive."""
    code = code * 0xCC9E2D51 & _32
    code = _rotated(code, 15, 32) * 0x1B873593 & _32
    code = (_rotated(code, 13, 32) * 5 + 0xE6546B64) & _32
    code ^= 4
    code = (code ^ code >> 16) * 0x85EBCA6B & _32
    code = (code ^ code >> 13) * 0xC2B2AE35 & _32
    code ^= code >> 16
    signed = code - (1 << 32) if code >> 31 else code
    return 0 if signed == -(1 << 31) else abs(signed)


def _rotated(value: int, left: int, bits: int) -> int:
    mask = (1 << bits) - 1
    return (value << left | value >> (bits - left)) & mask
