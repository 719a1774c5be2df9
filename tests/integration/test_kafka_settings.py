"""Settings mean to kafka-python and to our checks what they mean to Kafka's own client in Java."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from tests.support import java_program
from transforms.kafka import properties as kafka_properties
from transforms.kafka import settings as kafka_settings
from transforms.kafka.connection import for_kafka_python
from transforms.kafka.properties import PropertiesError, for_java, load

pytestmark = [pytest.mark.integration, java_program.needs_jars]

# What java.util.Properties treats in a way of its own.
PIECES = (
    "client.id",
    "a",
    "=",
    ":",
    " ",
    "\t",
    "\f",
    "\n",
    "\r\n",
    "\r",
    "\\",
    "\\\n  ",
    "\\u0041",
    "\\t",
    "#",
    "!",
    "\u00a0",
    "\u2028",
    "\x85",
    "é",
    '"',
    "${x}",
)


def java(mode: str, folder: Path) -> list[str]:
    ended = java_program.run("KafkaSettings", mode, str(folder))
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split("\n")[:-1]


def test_names_of_security_are_those_of_the_client_that_ships() -> None:
    ended = java_program.run("KafkaSettings", "names")
    names = set(ended.stdout.split())

    of_security = {name for name in names if name.startswith(("ssl.", "sasl.", "security."))}
    assert of_security == kafka_settings.SECURITY_NAMES


def test_files_are_read_as_java_reads_them(tmp_path: Path) -> None:
    """Secrets are read by Java from the file itself, all else is passed on as we read it."""
    rng = random.Random(1)
    for number in range(400):
        text = "".join(rng.choices(PIECES, k=rng.randrange(1, 14)))
        with (tmp_path / f"{number:03}.properties").open("w", newline="") as file:
            file.write(f"first=1\n{text}\nlast.password=2")
    of_java = java("read", tmp_path)

    read = 0
    for file, theirs in zip(sorted(tmp_path.iterdir()), of_java, strict=True):
        try:
            found = kafka_properties._values(file)
        except PropertiesError:
            continue  # a name without a value, say: refused, where Java takes the empty text
        assert theirs != "error" and found == decoded(theirs), file.read_bytes()
        read += 1
    assert read > 100


def decoded(line: str) -> dict[str, str]:
    pairs = (pair.split(":") for pair in line.split(",") if pair)
    return {text_of(name): text_of(value) for name, value in pairs}


def text_of(encoded: str) -> str:
    return base64.b64decode(encoded).decode("utf-16-be")


LOGIN = (
    "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required "
    'username="u" password="p";\n'
)
PEM = "ssl.truststore.type=PEM\nssl.truststore.location={authority}\n"
TAKEN = {
    "nothing": "",
    "tls with the authorities of the machine": "security.protocol=SSL\n",
    "tls with one": "security.protocol=SSL\n" + PEM,
    "in lower case": "security.protocol=sasl_ssl\nsasl.mechanism=SCRAM-SHA-512\n" + LOGIN + PEM,
    "any name": "security.protocol=SSL\nssl.endpoint.identification.algorithm=\n",
    "name by https": "security.protocol=SSL\nssl.endpoint.identification.algorithm=HTTPS\n",
    "somebody else's setting": "x.y=1\n",
}
REFUSED_BY_BOTH = {
    "unknown protocol": "security.protocol=TLS\n",
    "a file that is no file": "security.protocol=SSL\nssl.truststore.type=PEM\n"
    "ssl.truststore.location=/no/such\n",
    "password of a PEM": "security.protocol=SSL\nssl.truststore.password=x\n" + PEM,
    "certificates that are no PEM": "security.protocol=SSL\nssl.truststore.certificates=x\n",
    "login without an end": "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\n"
    + LOGIN.replace(";", ""),
    "login without a flag": "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\n"
    + LOGIN.replace("required ", ""),
    "no login": "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\n",
}
# Java connects without what is asked for, or fails at its first connection: refused before.
REFUSED_BY_US = {
    "misspelt name": "security.protocl=SSL\n",
    "tls without the protocol": PEM,
    "login without the protocol": "sasl.mechanism=SCRAM-SHA-512\n" + LOGIN,
    "login that the protocol does not do": "security.protocol=SSL\nsasl.mechanism=PLAIN\n" + LOGIN,
    "tls that the protocol does not do": "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n"
    + LOGIN
    + PEM,
    "misspelt check of the name": "security.protocol=SSL\n"
    "ssl.endpoint.identification.algorithm=htps\n",
}


@pytest.fixture
def client(tmp_path: Path) -> Callable[[dict[str, str]], list[str]]:
    """Returns what Java says of each text."""
    authority = tmp_path / "authority.pem"
    trustme.CA().cert_pem.write_to_path(str(authority))

    def said(texts: dict[str, str]) -> list[str]:
        folder = tmp_path / "settings"
        folder.mkdir()
        for number, text in enumerate(texts.values()):
            (folder / f"{number:02}").write_text(text.format(authority=authority))
        return java("connect", folder)

    return said


def ours(folder: Path, number: int) -> str:
    try:
        for_kafka_python("a:1", load(folder / "settings" / f"{number:02}"))
    except PropertiesError as error:
        return str(error)
    return "ok"


def test_what_is_taken_is_taken_by_both(tmp_path: Path, client: Callable) -> None:
    said = client(TAKEN)

    assert dict(zip(TAKEN, said, strict=True)) == dict.fromkeys(TAKEN, "ok")
    assert {name: ours(tmp_path, n) for n, name in enumerate(TAKEN)} == dict.fromkeys(TAKEN, "ok")


def test_what_java_refuses_is_refused_before(tmp_path: Path, client: Callable) -> None:
    said = client(REFUSED_BY_BOTH)

    assert [name for name, each in zip(REFUSED_BY_BOTH, said, strict=True) if each == "ok"] == []
    assert [n for n, _ in enumerate(REFUSED_BY_BOTH) if ours(tmp_path, n) == "ok"] == []


def test_what_java_would_connect_weaker_with_is_refused(tmp_path: Path, client: Callable) -> None:
    said = client(REFUSED_BY_US)

    assert set(said) == {"ok"}  # the control: Java says nothing
    for number, name in enumerate(REFUSED_BY_US):
        told = ours(tmp_path, number)
        assert told != "ok" and "\n" not in told, name


def test_java_gets_the_spelling_that_all_get(tmp_path: Path) -> None:
    file = tmp_path / "settings"
    file.write_text("security.protocol=sasl_ssl\nsasl.mechanism=scram-sha-512\n")

    assert for_java(load(file)) == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
    }
