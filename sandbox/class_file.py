"""Reads a Java class file as far as loopback_patch.py needs it: its constants and what they name.

Format: the Java Virtual Machine Specification, chapter 4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from sandbox.errors import SandboxError

# Tags of the constant pool, and the sizes of what follows them where that is fixed.
UTF8, LONG, DOUBLE, CLASS, STRING, METHOD, NAME_AND_TYPE = 1, 5, 6, 7, 8, 10, 12
_ENTRY_BYTES = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2}
_ENTRY_BYTES |= {17: 4, 18: 4, 19: 2, 20: 2}
_POOL_START = 10  # after magic number, version and the pool's own count


class Pool:
    """A class file's constant pool: found by content, grown at its end."""

    def __init__(self, class_file: bytes) -> None:
        self._start = class_file[:8]
        self._count = int.from_bytes(class_file[8:_POOL_START])
        self._index: dict[tuple[int, bytes], int] = {}
        position = _POOL_START
        for index, tag, content, position in _entries(class_file, self._count):  # noqa: B007
            self._index.setdefault((tag, content), index)
        self._bytes = class_file[_POOL_START:position]
        self.rest = class_file[position:]

    def find(self, tag: int, content: bytes) -> int:
        """Returns the index of an entry. Raises SandboxError when there is none."""
        try:
            return self._index[tag, content]
        except KeyError:
            raise SandboxError(f"this class has no constant {content!r}") from None

    def name_and_type(self, name: int, descriptor: bytes) -> int:
        """Returns the index of a member's name with this descriptor."""
        return self.find(NAME_AND_TYPE, struct.pack(">HH", name, self.find(UTF8, descriptor)))

    def add(self, tag: int, content: bytes) -> int:
        """Returns the index of an entry, which is appended unless there is one."""
        if (tag, content) in self._index:
            return self._index[tag, content]
        length = struct.pack(">H", len(content)) if tag == UTF8 else b""
        self._bytes += bytes([tag]) + length + content
        self._index[tag, content] = self._count
        self._count += 1
        return self._count - 1

    def header(self) -> bytes:
        """Returns the class file up to the end of the pool."""
        return self._start + struct.pack(">H", self._count) + self._bytes


def _entries(class_file: bytes, count: int) -> Iterator[tuple[int, int, bytes, int]]:
    """Yields index, tag and content of each entry, and the position after it."""
    position, index = _POOL_START, 1
    while index < count:
        tag = class_file[position]
        position += 1
        if tag == UTF8:
            length = int.from_bytes(class_file[position : position + 2])
            position += 2
        else:
            length = _ENTRY_BYTES[tag]
        content = class_file[position : position + length]
        position += length
        yield index, tag, content, position
        index += 2 if tag in (LONG, DOUBLE) else 1
