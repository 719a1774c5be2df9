"""Keeps what a broker says before it hangs up; kafka-python throws that away.

A broker says why a login failed and closes the connection at once (Kafka's KIP-306). kafka-python
3.0.12 reads until the end of the stream and then forgets the bytes that came before it: a wrong
password looks like a broker that is down, after 15 s of new attempts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport

_Received = tuple[bytes, Exception | None]


def keep() -> None:
    """Makes every connection hand on what it received before it tells that it has ended."""
    for transport in (KafkaTCPTransport, KafkaSSLTransport):
        receive = transport.__dict__["_sock_recv"]  # fails loudly if an upgrade has renamed it
        if receive.__module__ != __name__:
            transport._sock_recv = _data_first(receive)


def _data_first(receive: Callable[[Any], _Received]) -> Callable[[Any], _Received]:
    def _sock_recv(transport: Any) -> _Received:
        data, error = receive(transport)
        # The end of the stream is still there when the next read asks.
        return (data, None) if data else (data, error)

    return _sock_recv
