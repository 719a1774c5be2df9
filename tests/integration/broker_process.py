"""A Kafka broker alone, with TLS, logins and rights, without the rest of a sandbox."""

from __future__ import annotations

import subprocess
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from sandbox import java, kafka_broker, ports
from templates.flink import loopback
from tests.integration.sandbox_clients import answers, wait_until

_MODULE = "org.apache.kafka.common.security.plain.PlainLoginModule"
_CLUSTER = "dGVzdC1wYXltZW50cy0wMA"


class Broker:
    """A process of its own; whoever comes without a login may do anything, a user nothing.

    Attributes:
        plain, secure: addresses without and with TLS and a login.
        authority: file of the certificate that the secure one is signed by.
    """

    def __init__(self, folder: Path, users: tuple[str, ...]) -> None:
        self._folder = folder
        free = [number for number in range(ports.PORT_MIN, ports.PORT_MAX) if ports.free(number)]
        self.plain, self.secure, controller = (f"{loopback.HOST}:{number}" for number in free[:3])
        self.authority = folder / "authority.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.authority))
        self._write_identity(authority)
        properties = folder / "server.properties"
        properties.write_text(self._settings(controller, users))
        storage = ["format", f"--cluster-id={_CLUSTER}", f"--config={properties}"]
        self._run("kafka.tools.StorageTool", storage).wait(60)
        self.process = self._run("kafka.Kafka", [str(properties)])
        wait_until(lambda: answers(lambda: kafka_broker.answers(self.plain)), 60)

    def create_topic(self, name: str, partitions: int = 1) -> None:
        settings = {"message.timestamp.type": "LogAppendTime"}
        admin = KafkaAdminClient(bootstrap_servers=self.plain)
        try:
            admin.create_topics([NewTopic(name, partitions, 1, topic_configs=settings)])
        finally:
            admin.close()

    def settings(self, user: str, **changes: str | None) -> str:
        """Returns a client's settings for a user; a change to None leaves one out."""
        found = {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "PLAIN",
            "sasl.jaas.config": f'{_MODULE} required username="{user}" password="{user}-secret";',
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority),
            **{name.replace("_", "."): value for name, value in changes.items()},
        }
        return "".join(f"{name}={value}\n" for name, value in found.items() if value is not None)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()

    def _run(self, program: str, arguments: list[str]) -> subprocess.Popen[bytes]:
        options = ("-Xms128m", "-Xmx384m", *java.QUIET)
        command = java.command(program, java.broker_classpath(), options, arguments)
        with (self._folder / "broker.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def _write_identity(self, authority: trustme.CA) -> None:
        issued = authority.issue_cert(loopback.HOST)
        key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
        pkcs8 = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
        (self._folder / "identity.pem").write_bytes(pkcs8 + chain)

    def _settings(self, controller: str, users: tuple[str, ...]) -> str:
        logins = " ".join(f'user_{user}="{user}-secret"' for user in users)
        listeners = f"PLAINTEXT://{self.plain},SASL_SSL://{self.secure}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"{listeners},CONTROLLER://{controller}",
            "advertised.listeners": listeners,
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,"
            "SASL_SSL:SASL_SSL",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._folder / "identity.pem"),
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": f"{_MODULE} required {logins};",
            "log.dirs": str(self._folder / "data"),
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "1",
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())
