"""The Kafka broker: one process that is broker and controller, without ZooKeeper."""

from __future__ import annotations

import shlex
import socket

from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import TopicAlreadyExistsError

from sandbox import crash_reports, java, kafka_login
from sandbox.component import Component, Plan

TOPIC = "payments"
PARTITIONS = 4

# Kafka's cluster id is a base64 UUID. One for all sandboxes: each has a folder of its own.
_CLUSTER_ID = "c2FuZGJveC1wYXltZW50cw"

_ANSWER_TIMEOUT_MS = 2_000


def component(plan: Plan) -> Component:
    """Returns the broker, which formats its storage before its first start."""
    properties = plan.write(plan.layout.kafka / "server.properties", server_properties(plan))
    options = ["-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", *java.quickly(plan.peak)]
    options.append(crash_reports.option(plan.layout))
    serve = java.command("kafka.Kafka", java.broker_classpath(), options, [str(properties)])
    storage = java.command(
        "kafka.tools.StorageTool",
        java.broker_classpath(),
        java.QUIET,
        ["format", "--ignore-formatted", f"--cluster-id={_CLUSTER_ID}", f"--config={properties}"],
    )
    # The last file that formatting writes decides, so that one cut short is done again.
    formatted = plan.layout.kafka / "data/bootstrap.checkpoint"
    prepare = f"[ -e {shlex.quote(str(formatted))} ] || {shlex.join(storage)}"
    return Component("kafka", serve, prepare=prepare)


def server_properties(plan: Plan) -> str:
    """Returns the broker's settings: one listener for anybody here, one as brokers outside have."""
    clients = f"PLAINTEXT://{plan.address('kafka')},SASL_SSL://{plan.address('kafka-sasl-ssl')}"
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{plan.address('kafka-controller')}",
        "listeners": f"{clients},CONTROLLER://{plan.address('kafka-controller')}",
        "advertised.listeners": clients,
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,"
        "SASL_SSL:SASL_SSL",
        **kafka_login.listener_settings(plan.layout),
        "log.dirs": str(plan.layout.kafka / "data"),
        "num.partitions": str(PARTITIONS),
        # A typo in a topic's name must fail, not make a topic.
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # One consumer at a time: nobody to wait for.
        "group.initial.rebalance.delay.ms": "0",
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def create_topic(bootstrap_servers: str, name: str = TOPIC) -> None:
    """Creates a topic of payments; one that exists is left as it is.

    LogAppendTime: arrival is then a property of the record that no producer can set
    (docs/proof.md rests on it). Other topics keep the broker's CreateTime.
    """
    topic = NewTopic(
        name,
        num_partitions=PARTITIONS,
        replication_factor=1,
        topic_configs={"message.timestamp.type": "LogAppendTime"},
    )
    admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        admin.create_topics([topic])
    except TopicAlreadyExistsError:
        pass
    finally:
        admin.close()


def answers(bootstrap_servers: str) -> bool:
    """Tells whether the broker answers an admin client."""
    host, port = bootstrap_servers.split(":")
    # Asked first, because the client repeats a refusal on its log for seconds before it gives up.
    with socket.create_connection((host, int(port))):
        pass
    admin = KafkaAdminClient(
        bootstrap_servers=bootstrap_servers,
        bootstrap_timeout_ms=_ANSWER_TIMEOUT_MS,
        request_timeout_ms=_ANSWER_TIMEOUT_MS,
    )
    try:
        admin.list_topics()
    finally:
        admin.close()
    return True
