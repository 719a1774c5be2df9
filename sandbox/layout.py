"""Where does everything lie? The paths of a sandbox and of the tools it runs."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PYTHON = REPOSITORY / ".venv/bin/python"
BIGQUERY_PYTHON = REPOSITORY / ".venv-bigquery/bin/python"
JAVA_HOME = REPOSITORY / ".tools/java"
EXPANSION_JARS = REPOSITORY / ".tools/jars/expansion"
BROKER_JARS = REPOSITORY / ".tools/jars/broker"
FLINK_TEMPLATE = REPOSITORY / "templates/flink/config.yaml"

# sockaddr_un holds 108 bytes with its NUL, and supervisord first binds `NAME.PID`: 11 bytes more.
SOCKET_PATH_BYTES_MAX = 96


@dataclasses.dataclass(frozen=True)
class Layout:
    """The files of one sandbox. `root` is absolute: processes are recognised by it."""

    root: Path

    @classmethod
    def of(cls, root: Path | str) -> Layout:
        """Returns the layout of the sandbox in `root`, which need not exist yet."""
        return cls(Path(os.path.abspath(root)))

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def certificates(self) -> Path:
        return self.root / "certs"

    @property
    def truststore(self) -> Path:
        return self.certificates / "truststore.p12"

    @property
    def authority(self) -> Path:
        return self.certificates / "ca.pem"

    @property
    def kafka(self) -> Path:
        return self.root / "kafka"

    @property
    def bigquery(self) -> Path:
        return self.root / "bigquery"

    @property
    def faults(self) -> Path:
        return self.root / "faults.json"

    @property
    def flink(self) -> Path:
        return self.root / "flink"

    @property
    def beam_jars(self) -> Path:
        """Returns the folder of Beam's and Flink's jars; see beam_jars.py for its odd name."""
        return self.root / "run/gradle/wrapper"

    @property
    def loopback_jar(self) -> Path:
        return self.root / "run/loopback.jar"

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def supervisor_config(self) -> Path:
        return self.root / "supervisord.conf"

    @property
    def supervisor_pid(self) -> Path:
        return self.root / "supervisord.pid"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def endpoints(self) -> Path:
        return self.root / "endpoints.json"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def socket(self) -> Path:
        """Returns the supervisor's socket, in a short place where `root` is too long for one."""
        beside_data = self.root / "supervisor.sock"
        if len(os.fsencode(beside_data)) <= SOCKET_PATH_BYTES_MAX:
            return beside_data
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir(), f"sandbox-{os.getuid()}-{digest}", "supervisor.sock")

    def script(self, component: str) -> Path:
        """Returns the generated script that runs the component."""
        return self.root / "run" / f"{component}.sh"

    def log(self, component: str) -> Path:
        """Returns the file that holds everything the component prints."""
        return self.logs / f"{component}.log"
