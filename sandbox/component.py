"""A component of the sandbox: a name, a command and the settings its supervisor needs."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.layout import Layout
from sandbox.ports import Ports
from templates.flink.loopback import HOST

# In the order they are shown. All start at once; those that need another wait for it themselves.
NAMES = (
    "kafka",
    "bigquery",
    "zookeeper",
    "jobmanager",
    "taskmanager-1",
    "taskmanager-2",
    "job-server",
    "expansion",
    "python-workers",
    "watchdog",
)
# Only of a sandbox that is asked for them: `up --monitoring`.
MONITORING = ("prometheus", "alertmanager", "exporter")
TASK_MANAGERS = ("taskmanager-1", "taskmanager-2")


@dataclasses.dataclass(frozen=True)
class Component:
    """One process for the supervisor to keep alive."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    prepare: str = ""  # a line of shell to run before it, at every start

    def script(self) -> str:
        """Returns a shell script that becomes the component: also what to run to debug one."""
        lines = [f"export {key}={shlex.quote(value)}" for key, value in self.environment.items()]
        prepare = [self.prepare] if self.prepare else []
        return "\n".join(["set -e", *lines, *prepare, f"exec {shlex.join(self.argv)}", ""])


@dataclasses.dataclass(frozen=True)
class Plan:
    """Everything that decides the command lines of one start.

    Attributes:
        peak: whether Java is to be fast after some minutes rather than at once.
    """

    layout: Layout
    ports: Ports
    project: str = "sandbox"
    peak: bool = False

    def address(self, port_name: str) -> str:
        """Returns `host:port` of a port by its name."""
        return f"{HOST}:{self.ports[port_name]}"

    def write(self, path: Path, text: str) -> Path:
        """Writes a generated file, making its folder."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path
