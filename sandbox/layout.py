"""The paths of a sandbox and of the tools it runs."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PYTHON = REPOSITORY / ".venv/bin/python"
BIGQUERY_PYTHON = REPOSITORY / ".venv-bigquery/bin/python"
DUCKDB_HOME = REPOSITORY / ".tools/duckdb-home"
JAVA_HOME = REPOSITORY / ".tools/java"
EXPANSION_JARS = REPOSITORY / ".tools/jars/expansion"
BROKER_JARS = REPOSITORY / ".tools/jars/broker"
WEB_JARS = REPOSITORY / ".tools/jars/web"
# What `bin/setup monitoring` fetches; without it there is a sandbox all the same.
MONITORING_TOOLS = REPOSITORY / ".tools/monitoring/bin"
REPORTER_JAR = REPOSITORY / ".tools/monitoring/flink-metrics-prometheus-1.19.0.jar"
MONITORING = REPOSITORY / "deploy/monitoring"
FLINK_TEMPLATE = REPOSITORY / "templates/flink/config.yaml"
ENTRY_POINT = REPOSITORY / "templates/flink/entrypoint.sh"

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
        """Returns the folder with one file per component."""
        return self.root / "logs"

    @property
    def certificates(self) -> Path:
        """Returns the folder of the authority and the server it vouches for."""
        return self.root / "certs"

    @property
    def truststore(self) -> Path:
        """Returns what Java's clients of the stand-in trust."""
        return self.certificates / "truststore.p12"

    @property
    def authority(self) -> Path:
        """Returns what other clients of the stand-in trust."""
        return self.certificates / "ca.pem"

    @property
    def broker_identity(self) -> Path:
        """Returns the broker's private key and certificates."""
        return self.certificates / "broker.pem"

    @property
    def kafka_config(self) -> Path:
        """Returns the client settings, a password among them, for the broker's secure listener."""
        return self.certificates / "kafka-client.properties"

    @property
    def kafka(self) -> Path:
        """Returns the folder of the broker's data and settings."""
        return self.root / "kafka"

    @property
    def bigquery(self) -> Path:
        """Returns the folder of the stand-in's database."""
        return self.root / "bigquery"

    @property
    def faults(self) -> Path:
        """Returns the file that asks the stand-in for faults, when it exists."""
        return self.root / "faults.json"

    @property
    def flink(self) -> Path:
        """Returns the folder of checkpoints, savepoints and scratch space."""
        return self.root / "flink"

    @property
    def zookeeper(self) -> Path:
        """Returns the folder of what JobManagers remember; each start begins a new one."""
        return self.root / "zookeeper"

    @property
    def monitoring(self) -> Path:
        """Returns the folder of Prometheus' and Alertmanager's settings and data."""
        return self.root / "monitoring"

    @property
    def beam_jars(self) -> Path:
        """Returns the folder of Beam's and Flink's jars; see beam_jars.py for its odd name."""
        return self.root / "run/gradle/wrapper"

    @property
    def loopback_jar(self) -> Path:
        """Returns the jar that must come first in Beam's class path; see loopback_patch.py."""
        return self.root / "run/loopback.jar"

    @property
    def artifacts(self) -> Path:
        """Returns the folder of what jobs have brought along."""
        return self.root / "artifacts"

    @property
    def supervisor_config(self) -> Path:
        """Returns supervisord's configuration."""
        return self.root / "supervisord.conf"

    @property
    def supervisor_pid(self) -> Path:
        """Returns the file with supervisord's process id."""
        return self.root / "supervisord.pid"

    @property
    def ports(self) -> Path:
        """Returns the file that remembers the ports from start to start."""
        return self.root / "ports.json"

    @property
    def endpoints(self) -> Path:
        """Returns the file that tells others where everything listens."""
        return self.root / "endpoints.json"

    @property
    def settings(self) -> Path:
        """Returns the file of settings for `--config`."""
        return self.root / "payments.toml"

    @property
    def lock(self) -> Path:
        """Returns the file that one `up` or `down` at a time holds."""
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
