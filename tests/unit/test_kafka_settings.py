"""No misspelt setting leads to a weaker connection: it is refused in a line, with a hint."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from kafka.net.transport import KafkaSSLTransport

from transforms.kafka.connection import for_kafka_python
from transforms.kafka.properties import PropertiesError, load
from transforms.kafka.settings import PROTOCOLS, SECURITY_NAMES, SettingError, checked

LOGIN = 'sasl.jaas.config=x.PlainLoginModule required username="u" password="hunter2";\n'
TLS = "security.protocol=SSL\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "client.properties"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("security.protocl=SASL_SSL", "did you mean security.protocol?"),
        ("securty.protocol=SASL_SSL", "did you mean security.protocol?"),
        ("Security.Protocol=SASL_SSL", "did you mean security.protocol?"),
        ("security_protocol=SASL_SSL", "did you mean security.protocol?"),
        ("\ufeffsecurity.protocol=SASL_SSL", "did you mean security.protocol?"),
        ("consumer.security.protocol=SSL", "no Kafka client has a setting"),
        ("protocol=SSL", "no Kafka client has a setting 'protocol'"),
        (TLS + "sasl.mechansim=PLAIN", "did you mean sasl.mechanism?"),
        (TLS + "ssl.truststore.locaton=/x", "did you mean ssl.truststore.location?"),
        (TLS + "truststore=/x", "no Kafka client has a setting 'truststore'"),
        ("fetch.min.byte=1", "did you mean fetch.min.bytes?"),
        ("security.protocol=TLS", "must be one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
        ("security.protocol=SASL-SSL", "got 'SASL-SSL'"),
        ("security.protocol=", "got ''"),
        ("security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA512\n" + LOGIN, "SCRAM-SHA-512, got"),
        ("security.protocol=SASL_SSL\n" + LOGIN, "sasl.mechanism must be one of"),
        ("security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n", "sasl.jaas.config is required"),
        ("security.protocol=SASL_SSL\nsasl.mechanism=GSSAPI\n", "PLAIN, SCRAM-SHA-256"),
        (LOGIN, "no security.protocol, which has no login. Hint: security.protocol=SASL_SSL"),
        ("ssl.truststore.type=PEM", "no security.protocol, which has no TLS. Hint: security.pro"),
        ("security.protocol=PLAINTEXT\nssl.key.password=hunter2", "PLAINTEXT, which has no TLS"),
        (TLS + "sasl.mechanism=PLAIN\n" + LOGIN, "security.protocol=SSL, which has no login"),
        (
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nssl.truststore.type=PEM\n"
            + LOGIN,
            "security.protocol=SASL_PLAINTEXT, which has no TLS. Hint: security.protocol=SASL_SSL",
        ),
        (TLS + "ssl.endpoint.identification.algorithm=htps", "must be https, or empty"),
        (TLS + "ssl.protocol=TLSv1.3", "ssl.protocol is not supported here"),
    ],
)
def test_misspelt_setting_is_refused_in_a_line(file: Path, text: str, hint: str) -> None:
    file.write_text(text)

    with pytest.raises(PropertiesError) as told:
        for_kafka_python("a:1", load(file))

    assert hint in str(told.value)
    assert "\n" not in str(told.value) and "hunter2" not in str(told.value)


@pytest.mark.parametrize("name", ["x.y", "confluent.lkc", "payments.frames"])
def test_settings_of_somebody_else_are_passed_on(name: str) -> None:
    assert checked({name: "1"}) == {name: "1"}


@given(st.sampled_from(sorted(SECURITY_NAMES)), st.data())
def test_no_slip_of_the_finger_is_taken(name: str, data: st.DataObject) -> None:
    """One character too few, another, two exchanged, or in the other case."""
    at = data.draw(st.integers(0, len(name) - 2))
    other = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz_-"))
    slip = data.draw(
        st.sampled_from(
            [
                name[:at] + name[at + 1 :],
                name[:at] + other + name[at + 1 :],
                name[:at] + other + name[at:],
                name[:at] + name[at + 1] + name[at] + name[at + 2 :],
                name[:at] + name[at].upper() + name[at + 1 :],
            ]
        )
    )
    if slip not in SECURITY_NAMES:
        with pytest.raises(SettingError):
            checked({"security.protocol": "SASL_SSL", slip: "x"})


@given(st.sampled_from(PROTOCOLS), st.randoms())
def test_protocol_in_any_case_is_the_protocol(protocol: str, rng) -> None:
    spelt = "".join(rng.choice((each.lower(), each)) for each in protocol)

    assert checked({"security.protocol": spelt}) == {"security.protocol": protocol}


@given(st.text(max_size=12))
def test_kafka_python_never_gets_a_protocol_that_it_takes_for_none(value: str) -> None:
    try:
        found = checked({"security.protocol": value})
    except SettingError:
        return
    assert found["security.protocol"] in PROTOCOLS or value.startswith("${")


@pytest.mark.parametrize(("algorithm", "checks"), [("https", True), ("HTTPS", True), ("", False)])
def test_certificates_in_the_file_change_nothing_else(
    file: Path, algorithm: str, checks: bool
) -> None:
    authority = trustme.CA()
    identity = file.parent / "identity.pem"
    issued = authority.issue_cert("client")
    issued.private_key_and_cert_chain_pem.write_to_path(str(identity))
    pem = authority.cert_pem.bytes().decode().replace("\n", "\\n")
    file.write_text(
        f"{TLS}ssl.truststore.type=PEM\nssl.truststore.certificates={pem}\n"
        f"ssl.endpoint.identification.algorithm={algorithm}\n"
        f"ssl.keystore.type=PEM\nssl.keystore.location={identity}\n"
    )

    context = KafkaSSLTransport._build_ssl_context(
        KafkaSSLTransport.DEFAULT_CONFIG | for_kafka_python("a:1", load(file))
    )

    assert context.check_hostname is checks
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1  # no other authority


@pytest.mark.parametrize("type_of", ["", "ssl.truststore.type=JKS\n"])
def test_certificates_need_the_type_that_java_wants(file: Path, type_of: str) -> None:
    file.write_text(f"{TLS}{type_of}ssl.truststore.certificates=x\n")

    with pytest.raises(PropertiesError, match=r"with ssl.truststore.type=PEM"):
        for_kafka_python("a:1", load(file))


def test_blanks_at_the_end_belong_to_a_password_as_in_java(file: Path) -> None:
    file.write_text(f"{TLS}ssl.key.password=hunter2 \nssl.keystore.type=PEM \n")

    assert for_kafka_python("a:1", load(file))["ssl_password"] == "hunter2 "
    assert load(file)["ssl.keystore.type"] == "PEM"
