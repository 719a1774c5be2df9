"""Makes Beam's Java servers listen on loopback only.

Job server, expansion service and TaskManagers build their gRPC servers with
`NettyServerBuilder.forPort(port)`, which listens on every interface, and there is no option to
say otherwise. Whoever reaches such a port can run code. So the sandbox puts a copy of that one
class first in the class path, in which `new InetSocketAddress(port)` has become
`new InetSocketAddress("127.0.0.1", port)`. It is patched rather than compiled because a Java
runtime has no compiler, and small enough to check here: one constructor call in two methods.

Flink's Prometheus reporter has a server of the same kind. Its constructor gets an address,
and takes `new InetSocketAddress("127.0.0.1", address.getPort())` in its place.
"""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

from sandbox.class_file import CLASS, METHOD, NAME_AND_TYPE, STRING, UTF8, Pool
from sandbox.errors import SandboxError
from templates.flink.loopback import HOST

_CLASS_SUFFIX = "/io/grpc/netty/NettyServerBuilder.class"
_JAR_PATTERN = "beam-vendor-grpc-*.jar"
_ADDRESS_CLASS = b"java/net/InetSocketAddress"
_REPORTER_CLASS = "io/prometheus/client/exporter/HTTPServer.class"
_SERVER_CLASS = b"com/sun/net/httpserver/HttpServer"

# Instructions.
_NEW, _DUP, _LOAD_PORT, _LOAD_CONSTANT, _CALL_CONSTRUCTOR = 0xBB, 0x59, 0x1A, 0x13, 0xB7
_LOAD_THIS, _LOAD_ADDRESS, _PUSH_THREE, _CALL_STATIC, _CALL = 0x2A, 0x2B, 0x06, 0xB8, 0xB6
# Debuggers' tables, whose positions would be wrong in longer code. Spelt in small letters they are
# unknown attributes, which a virtual machine must ignore (section 4.7).
_TABLES = (b"LocalVariableTable", b"LocalVariableTypeTable")
# What precedes a method's code: its attribute's length, then stack, locals and length of the code.
_CODE_HEADER = struct.Struct(">IHHI")


def add(jars: Path, target: zipfile.ZipFile) -> None:
    """Writes the patched class of the one jar in `jars` that holds it."""
    for jar in sorted(jars.glob(_JAR_PATTERN)):
        with zipfile.ZipFile(jar) as archive:
            for name in archive.namelist():
                if name.endswith(_CLASS_SUFFIX):
                    target.writestr(name, patch(archive.read(name)))
                    return
    raise SandboxError(f"no {_JAR_PATTERN} with {_CLASS_SUFFIX} in {jars}", "run `make setup`")


def add_reporter(jar: Path, target: zipfile.ZipFile) -> None:
    """Writes the patched class of Flink's Prometheus reporter."""
    with zipfile.ZipFile(jar) as archive:
        target.writestr(_REPORTER_CLASS, patch_reporter(archive.read(_REPORTER_CLASS)))


def patch_reporter(class_file: bytes) -> bytes:
    """Returns the reporter's server, which listens on loopback whatever address it is given."""
    pool = _pool(class_file)
    address = pool.find(CLASS, struct.pack(">H", pool.find(UTF8, _ADDRESS_CLASS)))
    host, new = _host_and_constructor(pool, address)
    server = pool.find(CLASS, struct.pack(">H", pool.find(UTF8, _SERVER_CLASS)))
    kind = b"(Ljava/net/InetSocketAddress;I)Lcom/sun/net/httpserver/HttpServer;"
    create = pool.name_and_type(pool.find(UTF8, b"create"), kind)
    create = pool.find(METHOD, struct.pack(">HH", server, create))
    port = _name_and_type(pool, b"getPort", b"()I")
    port = pool.add(METHOD, struct.pack(">HH", address, port))
    rest = struct.pack(">BBH", _PUSH_THREE, _CALL_STATIC, create)
    before = struct.pack(">BB", _LOAD_THIS, _LOAD_ADDRESS) + rest
    after = struct.pack(">BBHB", _LOAD_THIS, _NEW, address, _DUP)
    after += struct.pack(">BHBBH", _LOAD_CONSTANT, host, _LOAD_ADDRESS, _CALL, port)
    after += struct.pack(">BH", _CALL_CONSTRUCTOR, new) + rest
    return pool.header() + _replace_code(pool.rest, before, after, more_stack=2)


def _pool(class_file: bytes) -> Pool:
    for table in _TABLES:
        class_file = class_file.replace(table, table.lower())
    return Pool(class_file)


def _host_and_constructor(pool: Pool, address: int) -> tuple[int, int]:
    """Returns the constants of 127.0.0.1 and of `InetSocketAddress(String, int)`."""
    host = pool.add(STRING, struct.pack(">H", pool.add(UTF8, HOST.encode())))
    constructor = _name_and_type(pool, b"<init>", b"(Ljava/lang/String;I)V")
    return host, pool.add(METHOD, struct.pack(">HH", address, constructor))


def _name_and_type(pool: Pool, name: bytes, kind: bytes) -> int:
    pair = pool.add(UTF8, name), pool.add(UTF8, kind)
    return pool.add(NAME_AND_TYPE, struct.pack(">HH", *pair))


def patch(class_file: bytes) -> bytes:
    """Returns the class with every `new InetSocketAddress(port)` bound to loopback."""
    pool = _pool(class_file)
    address = pool.find(CLASS, struct.pack(">H", pool.find(UTF8, _ADDRESS_CLASS)))
    name = pool.find(UTF8, b"<init>")
    old = pool.find(METHOD, struct.pack(">HH", address, pool.name_and_type(name, b"(I)V")))
    host, new = _host_and_constructor(pool, address)
    start = struct.pack(">BHB", _NEW, address, _DUP)
    before = start + struct.pack(">BBH", _LOAD_PORT, _CALL_CONSTRUCTOR, old)
    after = start + struct.pack(">BHBBH", _LOAD_CONSTANT, host, _LOAD_PORT, _CALL_CONSTRUCTOR, new)
    return pool.header() + _replace_code(pool.rest, before, after, more_stack=1)


def _replace_code(body: bytes, before: bytes, after: bytes, more_stack: int) -> bytes:
    """Replaces instructions at the start of methods, and adapts what declares their size."""
    parts = body.split(before)
    if len(parts) == 1:
        raise SandboxError(
            "this class no longer makes its address as it did: InetSocketAddress(port)"
        )
    grown_bytes = len(after) - len(before)
    result = b""
    for part in parts[:-1]:
        head, header = part[: -_CODE_HEADER.size], part[-_CODE_HEADER.size :]
        attribute_bytes, stack, local_variables, code_bytes = _CODE_HEADER.unpack(header)
        result += head + _CODE_HEADER.pack(
            attribute_bytes + grown_bytes,
            stack + more_stack,
            local_variables,
            code_bytes + grown_bytes,
        )
        result += after
    return result + parts[-1]
