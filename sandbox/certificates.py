"""Whom does the Java client of BigQuery trust? A certificate authority made for this sandbox."""

from __future__ import annotations

import subprocess

import trustme

from sandbox.errors import SandboxError
from sandbox.layout import JAVA_HOME, Layout

# Java's own default for a trust store. It protects nothing: the store holds a public certificate.
STORE_PASSWORD = "changeit"


def make(layout: Layout) -> None:
    """Makes the authority, the server's certificate and Java's trust store, once per sandbox."""
    if layout.truststore.exists():
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
    _import(layout)


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
    unfinished.rename(layout.truststore)
