"""One properties file for two Kafka clients, and where its secrets are: in the file alone."""

from pathlib import Path

import pytest

from transforms.kafka.connection import for_kafka_python, left_out
from transforms.kafka.properties import PropertiesError, follow, for_java, load

TLS = "security.protocol=SSL\n"
LOGGED_IN = "security.protocol=SASL_SSL\n"
LOGIN = 'sasl.jaas.config=org.x.ScramLoginModule required username="u" password="hunter2";\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "client.properties"


def connection(file: Path, text: str) -> dict[str, object]:
    file.write_text(text)
    return for_kafka_python("a:1,b:2", load(file))


def test_sasl_over_tls_means_the_same_to_kafka_python(file: Path) -> None:
    (file.parent / "ca.pem").write_text("")

    found = connection(
        file,
        "# shared by all\n\n! and this\n"
        "security.protocol = SASL_SSL\n"
        "sasl.mechanism:SCRAM-SHA-512\n"
        "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\\n"
        '    username="sim" password="a=b\\\\"c\\u0021";\n'
        f"ssl.truststore.type=PEM\nssl.truststore.location={file.parent}/ca.pem\n"
        "ssl.endpoint.identification.algorithm=\n"
        "group.id=pipeline\n",
    )

    assert found == {
        "bootstrap_servers": ["a:1", "b:2"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "sim",
        "sasl_plain_password": 'a=b"c!',
        "ssl_cafile": f"{file.parent}/ca.pem",
        "ssl_check_hostname": False,
    }
    assert left_out(load(file)) == ["group.id"]


def test_no_file_means_no_settings() -> None:
    assert load(None) == for_java({}) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TLS + "ssl.truststore.location=/x.jks", "must be a PEM file"),
        (
            TLS + "ssl.truststore.type=PEM\nssl.truststore.location=/no/x.pem",
            "names no file: /no/x.pem",
        ),
        (TLS + "ssl.truststore.certificates=nonsense", "ssl.truststore.certificates"),
        (TLS + "ssl.truststore.type=PEM\nssl.truststore.certificates=no", "ssl.truststore.certif"),
        (LOGGED_IN + "sasl.login.class=x", "sasl.login.class is not supported"),
        (LOGGED_IN + "sasl.jaas.config=Module required hunter2;", "must hold username"),
        ("request.timeout.ms=hunter2", "must be a number"),
        ("a=1\nhunter2", "line 2"),
        ("a=\\\n1\n=hunter2", "line 3"),
        (TLS + "ssl.key.password=${file:/no/such:x}", "/no/such: No such file"),
        (TLS + "ssl.key.password=${env:SECRET}", "only ${file:PATH:NAME} can be followed"),
        ("config.providers=env", "config.providers is set for you"),
    ],
)
def test_what_cannot_be_used_is_told_without_its_value(file: Path, text: str, message: str) -> None:
    with pytest.raises(PropertiesError) as told:
        connection(file, text)

    assert message in str(told.value) and "hunter2" not in str(told.value)


def test_settings_hold_no_secret_but_where_it_is(file: Path) -> None:
    file.write_text(LOGIN + "ssl.keystore.password=hunter2\nsecurity.protocol=SASL_SSL\n")

    settings = load(file)

    assert "hunter2" not in str(for_java(settings))
    assert settings["security.protocol"] == "SASL_SSL"
    assert for_java(settings)["config.providers"] == "file"
    assert "hunter2" in follow(settings)["sasl.jaas.config"]
    assert follow(settings)["ssl.keystore.password"] == "hunter2"


def test_reference_to_another_file_is_followed(file: Path) -> None:
    (file.parent / "vault").write_text("broker=hunter2\n")
    file.write_text(f"{TLS}ssl.key.password=${{file:{file.parent}/vault:broker}}\n")

    assert for_kafka_python("a:1", load(file))["ssl_password"] == "hunter2"


def test_path_that_no_reference_can_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PropertiesError, match="neither"):
        load(tmp_path / "a:b")
