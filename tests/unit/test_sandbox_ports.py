"""A sandbox takes free ports, keeps them, and reports conflicts."""

import socket
from collections.abc import Iterator

import pytest

from sandbox import ports
from sandbox.errors import SandboxError
from templates.flink import loopback


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((loopback.HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_every_name_gets_a_port_of_its_own(tmp_path) -> None:
    chosen = ports.choose(tmp_path, kept={}, asked={})

    assert set(chosen) == set(ports.PORT_NAMES)
    assert len(set(chosen.values())) == len(chosen)
    assert all(ports.PORT_MIN <= port < ports.PORT_MAX for port in chosen.values())


def test_ports_stay_the_same_from_start_to_start(tmp_path) -> None:
    first = ports.choose(tmp_path, kept={}, asked={})

    assert ports.choose(tmp_path, kept=first, asked={}) == first


def test_kept_port_that_is_taken_is_replaced(tmp_path, taken) -> None:
    chosen = ports.choose(tmp_path, kept={"kafka": taken}, asked={})

    assert chosen["kafka"] != taken


def test_asked_port_wins_over_the_kept_one(tmp_path) -> None:
    kept = ports.choose(tmp_path, kept={}, asked={})
    asked = kept["kafka"]  # which then needs another for kafka

    chosen = ports.choose(tmp_path, kept, {"bigquery": asked})

    assert chosen["bigquery"] == asked
    assert chosen["kafka"] != asked


def test_asked_port_that_is_taken_is_named(tmp_path, taken) -> None:
    with pytest.raises(SandboxError, match=f"port {taken}, asked for kafka, is taken"):
        ports.choose(tmp_path, kept={}, asked={"kafka": taken})


def test_setting_names_a_component() -> None:
    assert ports.parse(["jobmanager=21000"]) == {"flink-rest": 21_000}


@pytest.mark.parametrize(
    "setting", ["nope=1", "kafka", "kafka=", "kafka=x", "kafka=0", "kafka=65536", "taskmanager-1=5"]
)
def test_wrong_setting_is_refused(setting) -> None:
    with pytest.raises(SandboxError, match="--port"):
        ports.parse([setting])


def test_one_port_cannot_serve_two() -> None:
    with pytest.raises(SandboxError, match="twice"):
        ports.parse(["kafka=21000", "bigquery=21000"])


@pytest.mark.parametrize("content", [None, "", "{half"])
def test_lost_record_of_ports_is_no_error(tmp_path, content) -> None:
    path = tmp_path / "ports.json"
    if content is not None:
        path.write_text(content)

    assert ports.load(path) == {}
