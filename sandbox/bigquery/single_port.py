"""REST and gRPC on one port: Beam has one --bigQueryEndpoint for both.

The first bytes of a connection tell them apart: 0x16 opens a TLS handshake, which only gRPC speaks
here, and "PRI" the preface of HTTP/2 (RFC 9113, 3.4), with which gRPC without TLS begins. Anything
else is HTTP/1.1, POST, PUT and PATCH included. The bytes are then passed on as they are.
"""

from __future__ import annotations

import asyncio
import threading
from typing import NamedTuple

HOST = "127.0.0.1"
_TLS_HANDSHAKE = b"\x16"
_HTTP2_PREFACE = b"PRI"
_CHUNK_BYTES = 1 << 16


class Upstreams(NamedTuple):
    """The ports that connections are passed on to."""

    rest: int
    tls: int
    grpc: int  # without TLS

    def of(self, opening: bytes) -> int | None:
        """Returns where a connection that begins so belongs; None while that is open."""
        if opening.startswith(_TLS_HANDSHAKE):
            return self.tls
        if opening.startswith(_HTTP2_PREFACE):
            return self.grpc
        return None if _HTTP2_PREFACE.startswith(opening) else self.rest


class SinglePort:
    """A listener that passes connections on. It has a thread and loop of its own: the emulator
    runs queries on its loop, and a long one must not hold up the streams."""

    def __init__(self, port: int, upstreams: Upstreams) -> None:
        self._port = port
        self._upstreams = upstreams
        self._loop = asyncio.new_event_loop()

    def start(self) -> None:
        """Listens from now on. Raises OSError when the port is taken."""
        threading.Thread(target=self._loop.run_forever, name="single-port", daemon=True).start()
        listening = asyncio.start_server(self._serve, HOST, self._port)
        asyncio.run_coroutine_threadsafe(listening, self._loop).result()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened = [writer]
        try:
            opening = await self._opening(reader)
            if not opening:
                return
            # A connection that ends before it says what it is: REST answers that it is malformed.
            port = self._upstreams.of(opening) or self._upstreams.rest
            up_reader, up_writer = await asyncio.open_connection(HOST, port)
            opened.append(up_writer)
            up_writer.write(opening)
            await asyncio.gather(_pump(reader, up_writer), _pump(up_reader, writer))
        except OSError:
            return  # either side went away: the other learns it from the close below
        finally:
            for each in opened:
                each.close()

    async def _opening(self, reader: asyncio.StreamReader) -> bytes:
        """Returns as few bytes as tell where the connection belongs, or all that came."""
        opening = b""
        while self._upstreams.of(opening) is None:
            byte = await reader.read(1)
            if not byte:
                break
            opening += byte
        return opening


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copies one direction to its end, then says so to the other side."""
    while data := await reader.read(_CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
