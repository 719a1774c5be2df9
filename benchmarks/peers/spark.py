"""Spark Structured Streaming: dropDuplicatesWithinWatermark, two local cores, RocksDB."""

from __future__ import annotations

import json
from itertools import accumulate
from pathlib import Path

from benchmarks.meter import Reading
from benchmarks.peers import programs
from benchmarks.stage import HORIZON_SEC, WARM_UP_SHARE, Measured, Stage, e2e_run_of
from sandbox.layout import REPOSITORY

_HOME = programs.PEERS / "spark"
_PYSPARK = "pyspark==4.1.1"
# What spark-sql-kafka needs, one by one: some of its other dependencies are served by nobody.
_JARS = (
    "org.apache.spark:spark-sql-kafka-0-10_2.13:4.1.1",
    "org.apache.spark:spark-token-provider-kafka-0-10_2.13:4.1.1",
    "org.apache.kafka:kafka-clients:3.9.1",
    "org.apache.commons:commons-pool2:2.12.1",
)
_STATE = "org.apache.spark.sql.execution.streaming.state"
# Tuned as its guide advises: RocksDB with changelogs, as many state partitions as there are cores.
_SETTINGS = {
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.streaming.stateStore.providerClass": f"{_STATE}.RocksDBStateStoreProvider",
    "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
    "spark.sql.streaming.numRecentProgressUpdates": "1000",
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.enabled": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
}
_BATCH = 100_000


def run(stage: Stage) -> Measured:
    """Installs it if need be, reads the topic, and counts what came out."""
    _install()
    e2e_run = e2e_run_of(stage, "spark")
    output = stage.folder / f"{e2e_run.name}.json"
    python = str(_HOME / "venv/bin/python")
    jars = ",".join(str(jar) for jar in sorted((_HOME / "jars").glob("*.jar")))
    settings = [f"--conf={key}={value}" for key, value in _SETTINGS.items()]
    cpu_sec = programs.run(
        [
            str(_HOME / "venv/bin/spark-submit"),
            *("--master", "local[2]", "--driver-memory", "2g", "--jars", jars),
            *settings,
            str(Path(__file__).parent / "spark_job.py"),
            f"--bootstrap_servers={e2e_run.endpoints['kafka']}",
            f"--topic={e2e_run.topic}",
            f"--checkpoint={(stage.folder / 'spark' / e2e_run.name).resolve()}",
            f"--horizon_sec={HORIZON_SEC}",
            f"--batch={_BATCH}",
            f"--output={output.resolve()}",
        ],
        stage.folder / "logs" / f"{e2e_run.name}.log",
        {"PYSPARK_PYTHON": python, "SPARK_LOCAL_IP": "127.0.0.1"},
    )
    batches = json.loads(output.read_text())
    ends = accumulate(batch["sec"] for batch in batches)
    read = (batch["read"] for batch in batches)
    return Measured(
        "Spark",
        stage.traffic.records,
        sum(batch["kept"] for batch in batches),
        stage.traffic.distinct,
        Reading(tuple(zip(ends, read, strict=True))).steady_rate(WARM_UP_SHARE),
        cpu_sec,
    )


def _install() -> None:
    uv, venv = str(REPOSITORY / ".venv/bin/uv"), str(_HOME / "venv")
    python = str(REPOSITORY / ".venv/bin/python")
    programs.install(
        _HOME,
        "\n".join((_PYSPARK, *_JARS)),
        [
            [uv, "venv", "--quiet", "--python", python, venv],
            [uv, "pip", "install", "--quiet", "--python", f"{venv}/bin/python", _PYSPARK],
            *(
                [
                    *("mvn", "--batch-mode", "--quiet"),
                    f"{programs.DEPENDENCY_PLUGIN}:copy",
                    *(f"-Dartifact={jar}", f"-DoutputDirectory={_HOME / 'jars'}"),
                ]
                for jar in _JARS
            ),
        ],
    )
