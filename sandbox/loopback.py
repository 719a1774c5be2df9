"""Makes Beam's Java servers listen on loopback only.

Job server, expansion service and TaskManagers build their gRPC servers with
`NettyServerBuilder.forPort(port)`, which listens on every interface, and there is no option to
say otherwise. Whoever reaches such a port can run code. So the sandbox puts a copy of that one
class first in the class path, in which `new InetSocketAddress(port)` has become
`new InetSocketAddress("127.0.0.1", port)`. It is patched rather than compiled because a Java
runtime has no compiler, and small enough to check here: one constructor call in two methods.

Class file format: the Java Virtual Machine Specification, chapter 4.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.ports import HOST

_CLASS_SUFFIX = "/io/grpc/netty/NettyServerBuilder.class"
_JAR_PATTERN = "beam-vendor-grpc-*.jar"
_ADDRESS_CLASS = b"java/net/InetSocketAddress"

# Tags of the constant pool, and the sizes of what follows them where that is fixed.
_UTF8, _LONG, _DOUBLE, _CLASS, _STRING, _METHOD, _NAME_AND_TYPE = 1, 5, 6, 7, 8, 10, 12
_ENTRY_BYTES = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2}
_ENTRY_BYTES |= {17: 4, 18: 4, 19: 2, 20: 2}
_POOL_START = 10  # after magic number, version and the pool's own count

# Instructions.
_NEW, _DUP, _LOAD_PORT, _LOAD_CONSTANT, _CALL_CONSTRUCTOR = 0xBB, 0x59, 0x1A, 0x13, 0xB7
# Debuggers' tables, whose positions would be wrong in longer code. Spelt in small letters they are
# unknown attributes, which a virtual machine must ignore (section 4.7).
_TABLES = (b"LocalVariableTable", b"LocalVariableTypeTable")
# What precedes a method's code: its attribute's length, then stack, locals and length of the code.
_CODE_HEADER = struct.Struct(">IHHI")


def make(jars: Path, target: Path) -> None:
    """Writes a jar with the patched class of the one jar in `jars` that holds it."""
    for jar in sorted(jars.glob(_JAR_PATTERN)):
        with zipfile.ZipFile(jar) as archive:
            for name in archive.namelist():
                if name.endswith(_CLASS_SUFFIX):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with zipfile.ZipFile(target, "w") as patched:
                        patched.writestr(name, patch(archive.read(name)))
                    return
    raise SandboxError(f"no {_JAR_PATTERN} with {_CLASS_SUFFIX} in {jars}", "run `make setup`")


def patch(class_file: bytes) -> bytes:
    """Returns the class with every `new InetSocketAddress(port)` bound to loopback."""
    for table in _TABLES:
        class_file = class_file.replace(table, table.lower())
    pool = _Pool(class_file)
    address = pool.find(_CLASS, struct.pack(">H", pool.find(_UTF8, _ADDRESS_CLASS)))
    name = pool.find(_UTF8, b"<init>")
    old = pool.find(_METHOD, struct.pack(">HH", address, pool.name_and_type(name, b"(I)V")))
    host = pool.add(_STRING, struct.pack(">H", pool.add(_UTF8, HOST.encode())))
    new_type = pool.add(_UTF8, b"(Ljava/lang/String;I)V")
    new_name = pool.add(_NAME_AND_TYPE, struct.pack(">HH", name, new_type))
    new = pool.add(_METHOD, struct.pack(">HH", address, new_name))
    start = struct.pack(">BHB", _NEW, address, _DUP)
    before = start + struct.pack(">BBH", _LOAD_PORT, _CALL_CONSTRUCTOR, old)
    after = start + struct.pack(">BHBBH", _LOAD_CONSTANT, host, _LOAD_PORT, _CALL_CONSTRUCTOR, new)
    return pool.header() + _replace_code(pool.rest, before, after)


def _replace_code(body: bytes, before: bytes, after: bytes) -> bytes:
    """Replaces instructions at the start of methods, and adapts what declares their size."""
    parts = body.split(before)
    if len(parts) == 1:
        raise SandboxError("NettyServerBuilder no longer calls InetSocketAddress(port)")
    grown_bytes = len(after) - len(before)
    result = b""
    for part in parts[:-1]:
        head, header = part[: -_CODE_HEADER.size], part[-_CODE_HEADER.size :]
        attribute_bytes, stack, local_variables, code_bytes = _CODE_HEADER.unpack(header)
        result += head + _CODE_HEADER.pack(
            attribute_bytes + grown_bytes, stack + 1, local_variables, code_bytes + grown_bytes
        )
        result += after
    return result + parts[-1]


class _Pool:
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
            raise SandboxError(f"NettyServerBuilder has no constant {content!r}") from None

    def name_and_type(self, name: int, descriptor: bytes) -> int:
        """Returns the index of a member's name with this descriptor."""
        return self.find(_NAME_AND_TYPE, struct.pack(">HH", name, self.find(_UTF8, descriptor)))

    def add(self, tag: int, content: bytes) -> int:
        """Appends an entry and returns its index."""
        length = struct.pack(">H", len(content)) if tag == _UTF8 else b""
        self._bytes += bytes([tag]) + length + content
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
        if tag == _UTF8:
            length = int.from_bytes(class_file[position : position + 2])
            position += 2
        else:
            length = _ENTRY_BYTES[tag]
        content = class_file[position : position + length]
        position += length
        yield index, tag, content, position
        index += 2 if tag in (_LONG, _DOUBLE) else 1
