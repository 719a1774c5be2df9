"""The one user of the broker's secure listener. Its password lies in a file of the sandbox."""

from __future__ import annotations

import os
import secrets
import time

from kafka.admin import KafkaAdminClient, UserScramCredentialUpsertion

from sandbox.errors import SandboxError
from sandbox.layout import Layout

USER = "payments"
# The broker keeps a salted hash alone, so the password is in no setting and on no command line.
MECHANISM = "SCRAM-SHA-512"

_MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule"
_KNOWN_WITHIN_SEC = 30


def listener_settings(layout: Layout) -> dict[str, str]:
    """Returns the broker's settings for TLS with a login."""
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(layout.broker_identity),
        "sasl.enabled.mechanisms": MECHANISM,
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{_MODULE} required;",
    }


def client_settings(layout: Layout, password: str) -> str:
    """Returns a Java client's properties for the secure listener."""
    settings = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": MECHANISM,
        "sasl.jaas.config": f'{_MODULE} required username="{USER}" password="{password}";',
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(layout.authority),
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def create(layout: Layout, bootstrap_servers: str) -> None:
    """Gives the user a password, once per sandbox, and returns when the broker knows it.

    Raises:
        SandboxError: the broker refuses it, or does not come to know it.
    """
    if layout.kafka_config.exists():
        return
    password = secrets.token_urlsafe(24)
    admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        credential = UserScramCredentialUpsertion(USER, MECHANISM, password)
        refused = admin.alter_user_scram_credentials([credential])[USER]
        if refused:
            raise SandboxError(f"Kafka refused the login {USER!r}: {refused}")
        _wait_until_known(admin)
    finally:
        admin.close()
    # Written last: its existence says that the login works.
    unfinished = layout.kafka_config.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(client_settings(layout, password))
    unfinished.replace(layout.kafka_config)


def _wait_until_known(admin: KafkaAdminClient) -> None:
    """Returns when the broker's listeners have heard of what its controller has stored."""
    deadline = time.monotonic() + _KNOWN_WITHIN_SEC
    while not admin.describe_user_scram_credentials([USER])[USER]["credential_infos"]:
        if time.monotonic() > deadline:
            raise SandboxError(f"Kafka does not know the login {USER!r} it has stored")
        time.sleep(0.05)
