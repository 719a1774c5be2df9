"""REST and gRPC on one port: Beam has one --bigQueryEndpoint for both.

The first byte of a connection tells them apart: 0x16 opens a TLS handshake, which only gRPC
speaks here; anything else is HTTP. The bytes are then passed on as they are.
"""

from __future__ import annotations

import asyncio
import threading

HOST = "127.0.0.1"
_TLS_HANDSHAKE = b"\x16"
_CHUNK_BYTES = 1 << 16


def upstream(first_byte: bytes, rest_port: int, tls_port: int) -> int:
    """Returns the port that a connection with this first byte is meant for."""
    return tls_port if first_byte == _TLS_HANDSHAKE else rest_port


class SinglePort:
    """A listener that passes connections on. It has a thread and loop of its own: the emulator
    runs queries on its loop, and a long one must not hold up the streams."""

    def __init__(self, port: int, rest_port: int, tls_port: int) -> None:
        self._port = port
        self._rest_port = rest_port
        self._tls_port = tls_port
        self._loop = asyncio.new_event_loop()

    def start(self) -> None:
        """Listens from now on. Raises OSError when the port is taken."""
        threading.Thread(target=self._loop.run_forever, name="single-port", daemon=True).start()
        listening = asyncio.start_server(self._serve, HOST, self._port)
        asyncio.run_coroutine_threadsafe(listening, self._loop).result()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened = [writer]
        try:
            first = await reader.read(1)
            if not first:
                return
            port = upstream(first, self._rest_port, self._tls_port)
            up_reader, up_writer = await asyncio.open_connection(HOST, port)
            opened.append(up_writer)
            up_writer.write(first)
            await asyncio.gather(_pump(reader, up_writer), _pump(up_reader, writer))
        except OSError:
            return  # either side went away: the other learns it from the close below
        finally:
            for each in opened:
                each.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copies one direction to its end, then says so to the other side."""
    while data := await reader.read(_CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
