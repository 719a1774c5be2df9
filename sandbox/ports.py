"""Chooses the ports of a sandbox once, keeps them in it, and binds them to loopback only."""

from __future__ import annotations

import json
import random
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from sandbox.errors import SandboxError, SandboxUsage
from templates.flink.loopback import HOST

# Below the range from which the kernel takes the near ends of outgoing connections (32768 up on
# Linux): a port from there could be gone at the moment a killed component comes back to it.
PORT_MIN = 20_000
PORT_MAX = 32_000

# A killed process still holds its ports for a moment after it has gone from the process table.
_RELEASE_SEC = 3

# Every port with a fixed number. The first ones carry the name of the component they belong to.
MAIN_PORTS: Mapping[str, str] = {
    "kafka": "kafka",
    "bigquery": "bigquery",
    "jobmanager": "flink-rest",
    "job-server": "job-server",
    "expansion": "expansion",
    "python-workers": "python-workers",
    "prometheus": "prometheus",
    "alertmanager": "alertmanager",
    "exporter": "exporter",
}
INNER_PORTS = (
    "jobmanager-metrics",
    "taskmanager-1-metrics",
    "taskmanager-2-metrics",
    "kafka-controller",
    "kafka-sasl-ssl",
    "zookeeper",
    "flink-rpc",
    "job-artifacts",
)
PORT_NAMES = (*MAIN_PORTS.values(), *INNER_PORTS)

Ports = Mapping[str, int]


def free(port: int) -> bool:
    """Tells whether a server could listen on the loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: without it a port that was just given up counts as taken for a minute.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def choose(root: Path, kept: Ports, asked: Ports) -> dict[str, int]:
    """Returns a port for every name: the asked one, else the kept one, else another free one.

    Raises SandboxError when an asked port is taken; a kept one that is taken is replaced.
    """
    chosen: dict[str, int] = {}
    for name, port in asked.items():
        if not free(port):
            raise SandboxError(
                f"port {port}, asked for {name}, is taken",
                f"free it, or choose another: --port {name}=N",
            )
        chosen[name] = port
    deadline = time.monotonic() + _RELEASE_SEC
    for name, port in kept.items():
        if name not in chosen and port not in chosen.values() and _released(port, deadline):
            chosen[name] = port
    candidates = _candidates(root, chosen.values())
    for name in PORT_NAMES:
        if name not in chosen:
            chosen[name] = next(candidates)
    return chosen


def _released(port: int, deadline: float) -> bool:
    """Tells whether a port that was ours is free, giving a dying process time to let go of it."""
    while not free(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    return free(port)


def _candidates(root: Path, taken: Iterable[int]) -> Iterator[int]:
    """Yields free ports in an order of its own per sandbox, so that two seldom meet."""
    excluded = set(taken)
    order = random.Random(str(root)).sample(range(PORT_MIN, PORT_MAX), PORT_MAX - PORT_MIN)
    for port in order:
        if port not in excluded and free(port):
            yield port
    raise SandboxError(f"no free port between {PORT_MIN} and {PORT_MAX} on {HOST}")


def parse(settings: Iterable[str]) -> dict[str, int]:
    """Reads `COMPONENT=N` settings. Raises SandboxUsage on anything else."""
    asked: dict[str, int] = {}
    for setting in settings:
        component, _, number = setting.partition("=")
        if component not in MAIN_PORTS:
            raise SandboxUsage(
                f"--port {setting}: no component {component!r} with a port to set",
                f"one of: {', '.join(MAIN_PORTS)}",
            )
        if not number.isdecimal() or not 1 <= int(number) <= 65_535:
            raise SandboxUsage(
                f"--port {setting}: {number!r} is not a port",
                f"a number from 1 to 65535, for example --port {component}=21000",
            )
        if int(number) in asked.values():
            raise SandboxUsage(f"--port {setting}: port {number} is asked for twice")
        asked[MAIN_PORTS[component]] = int(number)
    return asked


def load(path: Path) -> dict[str, int]:
    """Returns the ports of an earlier start, none where there are none to read."""
    try:
        stored = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return {name: port for name, port in stored.items() if name in PORT_NAMES}
