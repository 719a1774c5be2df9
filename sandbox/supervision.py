"""Keeps the components alive: one supervisord per sandbox, controlled over its socket."""

from __future__ import annotations

import dataclasses
import http.client
import os
import shlex
import signal
import subprocess
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from sandbox.component import Component
from sandbox.errors import SandboxError
from sandbox.layout import PYTHON, REPOSITORY, Layout
from templates.flink import pdeathsig

# Every process of a sandbox carries this variable, its children too: so strays are found by what
# they are, never by a name that somebody else's process may share.
MARKER = "PAYMENTS_SANDBOX_DIR"

_SOCKET_TIMEOUT_SEC = 15
_DEATH_TIMEOUT_SEC = 10
_LOG_BYTES_MAX = "50MB"
# Kafka and the stand-in need a second or two to close their files; nothing else may hold up `down`.
_STOP_WAIT_SEC = 6
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")


@dataclasses.dataclass(frozen=True)
class ProcessState:
    """What the supervisor knows of one component."""

    name: str
    state: str
    pid: int
    uptime_sec: int
    ended: str = ""  # how it ended, in the supervisor's words

    @property
    def running(self) -> bool:
        """Tells whether it has stayed up for a second."""
        return self.state == "RUNNING"

    @property
    def failed(self) -> bool:
        """Tells whether it ended although nobody asked it to."""
        return self.state in {"BACKOFF", "EXITED", "FATAL"}


def render(layout: Layout, components: Sequence[Component]) -> str:
    """Returns supervisord's configuration."""
    sections = [
        _section("unix_http_server", {"file": layout.socket, "chmod": "0700"}),
        _section(
            "supervisord",
            {
                "logfile": layout.logs / "supervisord.log",
                "pidfile": layout.supervisor_pid,
                "childlogdir": layout.logs,
                "directory": REPOSITORY,
                "user": os.getuid(),  # ours: said aloud, or root is warned at every start
            },
        ),
        _section(
            "rpcinterface:supervisor",
            {"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"},
        ),
    ]
    sections += [_program(layout, component) for component in components]
    return "\n".join(sections)


def _program(layout: Layout, component: Component) -> str:
    command = pdeathsig.command(["/bin/sh", str(layout.script(component.name))])
    return _section(
        f"program:{component.name}",
        {
            "command": shlex.join(command),
            "autorestart": "true",
            "startsecs": 1,
            # A component killed again and again while it starts must still come back in the end.
            "startretries": 100,
            "stopwaitsecs": _STOP_WAIT_SEC,
            "stopasgroup": "true",
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": layout.log(component.name),
            "stdout_logfile_maxbytes": _LOG_BYTES_MAX,
            "stdout_logfile_backups": 1,
        },
    )


def _section(name: str, settings: Mapping[str, object]) -> str:
    # supervisord expands %(here)s and the like: a per cent sign of ours must be doubled.
    lines = [f"{key}={str(value).replace('%', '%%')}" for key, value in settings.items()]
    return "\n".join([f"[{name}]", *lines, ""])


class Supervisor:
    """The supervisord of one sandbox. Every method but `start` and `alive` needs it to run."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def start(self, components: Sequence[Component]) -> None:
        """Starts supervisord as a daemon, and with it every component."""
        layout = self._layout
        layout.logs.mkdir(parents=True, exist_ok=True)
        _private_folder(layout)
        self._write(components)
        layout.supervisor_config.write_text(render(layout, components))
        command = [str(PYTHON), "-m", "supervisor.supervisord", "-c", str(layout.supervisor_config)]
        result = subprocess.run(
            command, env=_environment(layout), capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            raise SandboxError(f"supervisord did not start: {result.stderr.strip()}")
        deadline = time.monotonic() + _SOCKET_TIMEOUT_SEC
        while not self.alive():
            if time.monotonic() > deadline:
                raise SandboxError(
                    "supervisord started but does not answer",
                    f"see {layout.logs / 'supervisord.log'}",
                )
            time.sleep(0.05)

    def add(self, components: Sequence[Component]) -> None:
        """Starts further components beside those that run."""
        self._write(components)
        sections = "\n".join(_program(self._layout, component) for component in components)
        with self._layout.supervisor_config.open("a") as config:
            config.write(f"\n{sections}")
        self._call("supervisor.reloadConfig")
        for component in components:
            self._call("supervisor.addProcessGroup", component.name)

    def change(self, component: Component) -> None:
        """Gives a component another command line, which its next start follows."""
        self._write([component])

    def _write(self, components: Sequence[Component]) -> None:
        for component in components:
            script = self._layout.script(component.name)
            script.parent.mkdir(exist_ok=True)
            script.write_text(component.script())

    def alive(self) -> bool:
        """Tells whether a supervisord answers for this sandbox."""
        if not self._layout.socket.exists():
            return False
        try:
            self._call("supervisor.getState")
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return False
        return True

    def states(self) -> dict[str, ProcessState]:
        """Returns the state of every component by name."""
        return {
            info["name"]: ProcessState(
                name=info["name"],
                state=info["statename"],
                pid=info["pid"],
                uptime_sec=max(0, info["now"] - info["start"]) if info["pid"] else 0,
                ended=info["spawnerr"],
            )
            for info in self._call("supervisor.getAllProcessInfo")
        }

    def pid(self) -> int:
        """Returns the process id of supervisord itself."""
        return int(self._call("supervisor.getPID"))

    def kill(self, name: str) -> int:
        """Kills the component and its children at once; the supervisor starts it again.

        Returns the process id it had, when the supervisor has seen its death.
        """
        pid = self._running_pid(name)
        os.killpg(pid, signal.SIGKILL)
        self._wait_for_death(name, pid)
        return pid

    def kill_for_good(self, name: str) -> int:
        """Kills the component and its children at once and leaves it down."""
        pid = self._running_pid(name)
        # The supervisor knows only a polite stop. To a frozen process its signal is pending at
        # most, so the component sees SIGKILL alone, and the supervisor sees a stop it asked for.
        os.killpg(pid, signal.SIGSTOP)
        self._call("supervisor.stopProcess", name, False)
        os.killpg(pid, signal.SIGKILL)
        self._wait_for_death(name, pid)
        return pid

    def stop(self, name: str) -> None:
        """Stops a component and waits for its end; one that is down is left alone."""
        if self.states()[name].state not in {"STOPPED", "EXITED", "FATAL"}:
            self._call("supervisor.stopProcess", name, True)

    def start_component(self, name: str) -> None:
        """Starts a component that is down; returns when it has stayed up for a second."""
        self._call("supervisor.startProcess", name, True)

    def shut_down(self) -> None:
        """Stops every component side by side, then supervisord."""
        self._call("supervisor.stopAllProcesses", True)
        self._call("supervisor.shutdown")

    def _wait_for_death(self, name: str, pid: int) -> None:
        """Waits until the supervisor no longer takes a killed process for the component."""
        deadline = time.monotonic() + _DEATH_TIMEOUT_SEC
        while self.states()[name].pid == pid and time.monotonic() < deadline:
            time.sleep(0.02)

    def _running_pid(self, name: str) -> int:
        pid = self.states()[name].pid
        if not pid:
            raise SandboxError(f"{name} is not running", f"python -m sandbox restart {name}")
        return pid

    def _call(self, method: str, *arguments: object) -> Any:
        transport = SupervisorTransport(None, None, serverurl=f"unix://{self._layout.socket}")
        server = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        try:
            return getattr(server, method)(*arguments)
        finally:
            transport.close()


def _environment(layout: Layout) -> dict[str, str]:
    """Returns our own environment without proxies, which must not see loopback traffic."""
    kept = {key: value for key, value in os.environ.items() if key.lower() not in _PROXY_VARIABLES}
    return {**kept, MARKER: str(layout.root)}


def _private_folder(layout: Layout) -> None:
    """Makes the socket's folder. Who can write to the socket can run any command as us."""
    folder = layout.socket.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise SandboxError(f"{folder} belongs to another user", "choose a shorter --dir")
