"""A broker's last words are heard: on real sockets, with the patch and without it."""

import socket

import pytest
from kafka.net.transport import KafkaTCPTransport

from transforms.kafka import last_words as kafka_last_words


@pytest.fixture
def hung_up() -> KafkaTCPTransport:
    """A connection whose other end has said something and gone."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.sendall(b"wrong password")
    theirs.close()
    return KafkaTCPTransport(None, ours)


def test_last_words_come_before_the_end(hung_up: KafkaTCPTransport) -> None:
    kafka_last_words.keep()

    assert hung_up._sock_recv() == (b"wrong password", None)
    data, error = hung_up._sock_recv()
    assert data == b"" and "disconnected" in str(error)


def test_control_without_the_patch_they_come_with_it(hung_up: KafkaTCPTransport) -> None:
    """If kafka-python ever learns this by itself, the patch can go: the caller drops the bytes."""
    kafka_last_words.keep()
    original = KafkaTCPTransport._sock_recv.__closure__[0].cell_contents

    data, error = original(hung_up)

    assert data == b"wrong password" and error is not None
