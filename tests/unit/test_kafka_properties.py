"""One properties file for two Kafka clients."""

from pathlib import Path

import pytest

from transforms.contract.kafka_properties import PropertiesError, for_kafka_python, load


def test_sasl_over_tls_means_the_same_to_kafka_python(tmp_path: Path) -> None:
    file = tmp_path / "client.properties"
    file.write_text(
        "# a comment\n\nsecurity.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n"
        'sasl.jaas.config=org.x.PlainLoginModule required username="u" password="p=w";\n'
        "ssl.truststore.location=/ca.pem\nssl.truststore.type=PEM\n"
    )

    assert for_kafka_python("a:1,b:2", load(str(file))) == {
        "bootstrap_servers": ["a:1", "b:2"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "u",
        "sasl_plain_password": "p=w",
        "ssl_cafile": "/ca.pem",
    }


def test_no_file_means_no_settings() -> None:
    assert load(None) == {}


def test_broken_line_is_named_without_its_content(tmp_path: Path) -> None:
    file = tmp_path / "client.properties"
    file.write_text("a=1\nhunter2\n")

    with pytest.raises(PropertiesError) as told:
        load(str(file))

    assert "line 2" in str(told.value)
    assert "hunter2" not in str(told.value)


def test_java_truststore_is_refused_with_the_form_that_works() -> None:
    with pytest.raises(PropertiesError, match="PEM"):
        for_kafka_python("a:1", {"ssl.truststore.location": "/store.jks"})
