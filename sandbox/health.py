"""Health checks of components: one is ready when it answers as its users will ask it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

import grpc

from sandbox import kafka_broker, monitoring, processes
from sandbox.component import TASK_MANAGERS, Plan
from templates.flink.loopback import HOST
from templates.flink.rest import get_json

_ANSWER_TIMEOUT_SEC = 5

# Takes the component's process id, because a predecessor of the same name may still be listed.
Check = Callable[[int], bool]


def checks(plan: Plan) -> dict[str, Check]:
    """Returns a check per component. One that raises or returns False means: not yet."""
    kafka = plan.address("kafka")
    table: dict[str, Check] = {
        "kafka": lambda pid: kafka_broker.answers(kafka),
        "bigquery": lambda pid: _bigquery_answers(plan),
        "zookeeper": lambda pid: plan.ports["zookeeper"] in processes.listening_ports(pid),
        "jobmanager": lambda pid: bool(get_json(plan.address("flink-rest"), "/overview")),
        "job-server": lambda pid: _grpc_answers(plan.address("job-server")),
        "expansion": lambda pid: _grpc_answers(plan.address("expansion")),
        "python-workers": lambda pid: _grpc_answers(plan.address("python-workers")),
        "watchdog": lambda pid: True,  # it asks, and answers nobody
        "prometheus": lambda pid: monitoring.answers(plan.address("prometheus"), "/-/ready"),
        "alertmanager": lambda pid: monitoring.answers(plan.address("alertmanager"), "/-/ready"),
        "exporter": lambda pid: monitoring.answers(plan.address("exporter"), "/healthz"),
    }
    for name in TASK_MANAGERS:
        table[name] = _task_manager_check(plan, name)
    return table


def _task_manager_check(plan: Plan, name: str) -> Check:
    def registered(pid: int) -> bool:
        listed = get_json(plan.address("flink-rest"), "/taskmanagers")["taskmanagers"]
        ports = processes.listening_ports(pid)
        # pekko.tcp://flink@127.0.0.1:PORT/user/rpc/…: the port tells it from one killed just now.
        return any(
            entry["id"] == name
            and int(entry["path"].split("@")[1].split("/")[0].split(":")[1]) in ports
            for entry in listed
        )

    return registered


def _bigquery_answers(plan: Plan) -> bool:
    """Asks both protocols: REST for the project's datasets, and TLS with our own authority."""
    port = plan.ports["bigquery"]
    get_json(plan.address("bigquery"), f"/bigquery/v2/projects/{plan.project}/datasets")
    trust = ssl.create_default_context(cafile=str(plan.layout.authority))
    with (
        socket.create_connection((HOST, port), timeout=_ANSWER_TIMEOUT_SEC) as plain,
        trust.wrap_socket(plain, server_hostname="localhost"),
    ):
        return True


def _grpc_answers(address: str) -> bool:
    # Ours is loopback: a proxy in the environment must not be asked.
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        grpc.channel_ready_future(channel).result(timeout=_ANSWER_TIMEOUT_SEC)
    return True
