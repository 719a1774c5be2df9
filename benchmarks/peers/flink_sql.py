"""Flink SQL: ROW_NUMBER() = 1 over the id, in one process with two slots and RocksDB."""

from __future__ import annotations

from pathlib import Path

from benchmarks import meter
from benchmarks.peers import programs
from benchmarks.stage import HORIZON_SEC, WARM_UP_SHARE, Measured, Stage, e2e_run_of
from sandbox.layout import JAVA_HOME

_JOB = Path(__file__).parent / "flink_sql_job"
_HOME = programs.PEERS / "flink_sql"
# Flink reaches into these packages on Java 17, as templates/flink/config.yaml says.
OPENED = ("java.lang", "java.util", "java.time", "java.nio", "java.net", "java.math")


def run(stage: Stage) -> Measured:
    """Installs it if need be, reads the topic, and counts what came out."""
    programs.install_java(_HOME, _JOB)
    e2e_run = e2e_run_of(stage, "flink_sql")
    counts = stage.folder / "meters" / e2e_run.name
    counts.mkdir(parents=True)
    cpu_sec = programs.run(
        [
            str(JAVA_HOME / "bin/java"),
            "-Xmx2g",
            *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED),
            "-cp",
            f"{_HOME / 'classes'}:{_HOME / 'jars'}/*",
            "KeepFirst",
            e2e_run.endpoints["kafka"],
            e2e_run.topic,
            str(HORIZON_SEC),
            str(counts),
            str((stage.folder / "flink_sql_checkpoints").resolve()),
        ],
        stage.folder / "logs" / f"{e2e_run.name}.log",
        {},
    )
    kept = meter.read(counts)
    share = stage.traffic.records / stage.traffic.distinct
    return Measured(
        "Flink SQL",
        stage.traffic.records,
        kept.total,
        stage.traffic.distinct,
        kept.steady_rate(WARM_UP_SHARE) * share,
        cpu_sec,
    )
