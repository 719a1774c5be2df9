"""Prometheus, Alertmanager and the exporter: components of a sandbox that is asked for them."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import yaml

from sandbox import kafka_broker
from sandbox.component import TASK_MANAGERS, Component, Plan
from sandbox.errors import SandboxError
from sandbox.layout import MONITORING as SHIPPED
from sandbox.layout import MONITORING_TOOLS, PYTHON, REPORTER_JAR, REPOSITORY, Layout

# Faster than anybody would ask BigQuery: the stand-in costs nothing, and people wait.
_SCRAPE_SEC = 5
_LOOK_SEC = 5
_RETENTION = "2d"
_ANSWER_SEC = 5


def require_tools() -> None:
    """Raises SandboxError when `bin/setup monitoring` was not run."""
    lacking = [name for name in ("prometheus", "alertmanager") if not _tool(name).exists()]
    if lacking:
        raise SandboxError(
            f"{' and '.join(lacking)} required for --monitoring, not found in {MONITORING_TOOLS}",
            "bin/setup monitoring; all else works without: python -m sandbox up",
        )


def components(plan: Plan) -> list[Component]:
    """Returns the three, writing the settings that they read."""
    require_tools()
    folder = plan.layout.monitoring
    write_settings(plan.layout, plan.ports["alertmanager"], targets(plan))
    return [
        Component(
            "prometheus",
            [
                str(_tool("prometheus")),
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--storage.tsdb.retention.time={_RETENTION}",
                f"--web.listen-address={plan.address('prometheus')}",
            ],
        ),
        Component(
            "alertmanager",
            [
                str(_tool("alertmanager")),
                f"--config.file={folder / 'alertmanager.yaml'}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address={plan.address('alertmanager')}",
                "--cluster.listen-address=",  # one alone: it asks nobody, and listens for nobody
            ],
        ),
        exporter(plan, kafka_broker.TOPIC, f"{plan.project}.{kafka_broker.TOPIC}"),
    ]


def exporter(plan: Plan, topic: str, dataset: str, window_sec: int = 600) -> Component:
    """Returns the exporter of one topic's payments and their tables."""
    flags = [
        f"--kafka_bootstrap_servers={plan.address('kafka')}",
        f"--kafka_topics={topic}",
        f"--bigquery_endpoint={plan.address('bigquery')}",
        f"--bigquery_dataset={dataset}",
        f"--flink={plan.address('flink-rest')}",
        f"--listen={plan.address('exporter')}",
        f"--window_sec={window_sec}",
        *(f"--{source}_every_sec={_LOOK_SEC}" for source in ("kafka", "tables", "audit", "flink")),
    ]
    environment = {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
    return Component("exporter", [str(PYTHON), "-m", "payments", "exporter", *flags], environment)


def targets(plan: Plan) -> dict[str, list[str]]:
    """Returns what is scraped: job names as the ServiceMonitor of deploy/k8s makes them."""
    flink = [plan.address(f"{name}-metrics") for name in ("jobmanager", *TASK_MANAGERS)]
    found = {"payments-exporter": [plan.address("exporter")]}
    return {**found, "payments-metrics": flink} if REPORTER_JAR.exists() else found


def write_settings(layout: Layout, alertmanager: int, asked: dict[str, list[str]]) -> None:
    """Writes settings of both, with the rules and routes that ship; whoever has own replaces them.

    The receivers that ship name places that are not here, so nobody is told: alerts are to be
    looked at in Alertmanager.
    """
    folder = layout.monitoring
    folder.mkdir(parents=True, exist_ok=True)
    own = {
        "global": {"scrape_interval": f"{_SCRAPE_SEC}s", "evaluation_interval": f"{_SCRAPE_SEC}s"},
        "rule_files": [str(folder / "rules.yaml")],
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]
        },
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": places}]}
            for job, places in asked.items()
        ],
    }
    _write(folder / "prometheus.yaml", own)
    _write(folder / "rules.yaml", yaml.safe_load((SHIPPED / "prometheus-rules.yaml").read_text()))
    routes = yaml.safe_load((SHIPPED / "alertmanager.yaml").read_text())
    routes["receivers"] = [{"name": receiver["name"]} for receiver in routes["receivers"]]
    _write(folder / "alertmanager.yaml", routes)


def answers(address: str, path: str) -> bool:
    """Tells whether one of them is ready."""
    # Ours is loopback: a proxy in the environment must not be asked.
    with build_opener(ProxyHandler({})).open(
        f"http://{address}{path}", timeout=_ANSWER_SEC
    ) as answer:
        return bool(answer.status == 200)


def _write(path: Path, content: object) -> None:
    path.write_text(yaml.safe_dump(json.loads(json.dumps(content)), sort_keys=False, width=10_000))


def _tool(name: str) -> Path:
    return MONITORING_TOOLS / name
