"""Makes the certificate authority that this sandbox's clients of BigQuery and Kafka trust."""

from __future__ import annotations

import subprocess

import trustme
from cryptography.hazmat.primitives import serialization

from sandbox.errors import SandboxError
from sandbox.layout import JAVA_HOME, Layout

# Java's own default for a trust store. It protects nothing: the store holds a public certificate.
STORE_PASSWORD = "changeit"


def trusted_by_java(layout: Layout) -> list[str]:
    """Returns the options with which a Java program trusts this sandbox's servers."""
    return [
        f"-Djavax.net.ssl.trustStore={layout.truststore}",
        "-Djavax.net.ssl.trustStoreType=PKCS12",
        # Without it Java skips the certificate silently and every handshake fails.
        f"-Djavax.net.ssl.trustStorePassword={STORE_PASSWORD}",
    ]


def make(layout: Layout) -> None:
    """Makes the authority, the servers' certificates and Java's trust store, once per sandbox."""
    if layout.truststore.exists() and layout.broker_identity.exists():
        return
    folder = layout.certificates
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    authority = trustme.CA()
    server = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(str(layout.authority))
    server.private_key_pem.write_to_path(str(folder / "server.key"))
    chain = b"".join(certificate.bytes() for certificate in server.cert_chain_pems)
    (folder / "server.pem").write_bytes(chain)
    _write_broker_identity(layout, server.private_key_pem.bytes(), chain)
    _import(layout)


def _write_broker_identity(layout: Layout, key: bytes, chain: bytes) -> None:
    """Writes key and certificates in the one form of PEM that Kafka reads, the key as PKCS 8."""
    private_key = serialization.load_pem_private_key(key, password=None)
    encoded = private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    layout.broker_identity.write_bytes(encoded + chain)


def _import(layout: Layout) -> None:
    """Puts the authority into a trust store; the last file made, so it marks the set complete."""
    unfinished = layout.truststore.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    command = [str(JAVA_HOME / "bin/keytool"), "-importcert", "-noprompt", "-alias", "sandbox"]
    command += ["-file", str(layout.authority), "-keystore", str(unfinished)]
    command += ["-storetype", "PKCS12", "-storepass", STORE_PASSWORD]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise SandboxError(
            f"keytool could not make a trust store: {(result.stderr or result.stdout).strip()}",
            "run `make setup` again",
        )
    unfinished.replace(layout.truststore)
