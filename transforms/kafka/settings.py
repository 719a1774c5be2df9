"""Names and values of Kafka's client settings, so that a misspelt one is refused.

A client in Java logs a name that it does not know and connects without it; kafka-python connects
without TLS and without a login when `security.protocol` has a value that it does not know. Either
way a connection would be weaker than asked for, and nobody would be told.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("AWS_MSK_IAM", "GSSAPI", "OAUTHBEARER", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

# Those of kafka-clients 3.9.1, with which Flink and Dataflow read
# (tests/integration/test_kafka_settings.py).
_SECURITY = """
    sasl.client.callback.handler.class sasl.jaas.config sasl.kerberos.kinit.cmd
    sasl.kerberos.min.time.before.relogin sasl.kerberos.service.name
    sasl.kerberos.ticket.renew.jitter sasl.kerberos.ticket.renew.window.factor
    sasl.login.callback.handler.class sasl.login.class sasl.login.connect.timeout.ms
    sasl.login.read.timeout.ms sasl.login.refresh.buffer.seconds
    sasl.login.refresh.min.period.seconds sasl.login.refresh.window.factor
    sasl.login.refresh.window.jitter sasl.login.retry.backoff.max.ms sasl.login.retry.backoff.ms
    sasl.mechanism sasl.oauthbearer.clock.skew.seconds sasl.oauthbearer.expected.audience
    sasl.oauthbearer.expected.issuer sasl.oauthbearer.header.urlencode
    sasl.oauthbearer.jwks.endpoint.refresh.ms
    sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms
    sasl.oauthbearer.jwks.endpoint.retry.backoff.ms sasl.oauthbearer.jwks.endpoint.url
    sasl.oauthbearer.scope.claim.name sasl.oauthbearer.sub.claim.name
    sasl.oauthbearer.token.endpoint.url security.protocol security.providers ssl.cipher.suites
    ssl.enabled.protocols ssl.endpoint.identification.algorithm
    ssl.engine.factory.class ssl.key.password ssl.keymanager.algorithm
    ssl.keystore.certificate.chain ssl.keystore.key ssl.keystore.location ssl.keystore.password
    ssl.keystore.type ssl.protocol ssl.provider ssl.secure.random.implementation
    ssl.trustmanager.algorithm ssl.truststore.certificates ssl.truststore.location
    ssl.truststore.password ssl.truststore.type
"""
_OTHERS = """
    allow.auto.create.topics auto.commit.interval.ms auto.include.jmx.reporter auto.offset.reset
    batch.size bootstrap.controllers bootstrap.servers buffer.memory check.crcs
    client.dns.lookup client.id client.rack compression.gzip.level compression.lz4.level
    compression.type compression.zstd.level connections.max.idle.ms default.api.timeout.ms
    delivery.timeout.ms enable.auto.commit enable.idempotence enable.metrics.push
    exclude.internal.topics fetch.max.bytes fetch.max.wait.ms fetch.min.bytes group.id
    group.instance.id group.protocol group.remote.assignor heartbeat.interval.ms
    interceptor.classes isolation.level key.deserializer key.serializer linger.ms max.block.ms
    max.in.flight.requests.per.connection max.partition.fetch.bytes max.poll.interval.ms
    max.poll.records max.request.size metadata.max.age.ms metadata.max.idle.ms
    metadata.recovery.strategy metric.reporters metrics.num.samples metrics.recording.level
    metrics.sample.window.ms partition.assignment.strategy
    partitioner.adaptive.partitioning.enable partitioner.availability.timeout.ms
    partitioner.class partitioner.ignore.keys rebalance.timeout.ms receive.buffer.bytes
    reconnect.backoff.max.ms reconnect.backoff.ms request.timeout.ms retry.backoff.max.ms
    retry.backoff.ms send.buffer.bytes session.timeout.ms socket.connection.setup.timeout.max.ms
    socket.connection.setup.timeout.ms transaction.timeout.ms transactional.id
    value.deserializer value.serializer
"""
SECURITY_NAMES = frozenset(_SECURITY.split())
_KNOWN = SECURITY_NAMES | frozenset(_OTHERS.split())
# Interceptors and the like have settings of their own, which no list has. These words they do not
# use; a security setting that is misspelt beyond recognition does.
_ABOUT_SECURITY = re.compile(
    r"ssl|sasl|secur|protocol|mechanism|store|jaas|password|username|\btls|certificate", re.I
)
_ALIKE = 0.85
_PROTOCOL, _MECHANISM = "security.protocol", "sasl.mechanism"
_HOST_CHECK = "ssl.endpoint.identification.algorithm"
_REFERENCE = "${"


class SettingError(ValueError):
    """A setting that no client understands as it was meant; never shows a value that is secret."""


def checked(settings: Mapping[str, str]) -> dict[str, str]:
    """Returns the settings, those of security spelt as every client spells them.

    Raises:
        SettingError: with the first name or value that is not known, or that asks for what
            `security.protocol` does not do.
    """
    for name in settings:
        _check_name(name)
    found = dict(settings)
    for name, values in ((_PROTOCOL, PROTOCOLS), (_MECHANISM, MECHANISMS)):
        value = found.get(name)
        if value is not None and not value.startswith(_REFERENCE):
            found[name] = _one_of(name, value, values)
    _check_host_check(found.get(_HOST_CHECK, "https"))
    _check_protocol(found)
    return found


def _check_name(name: str) -> None:
    if name in _KNOWN or name.startswith("config.providers"):
        return
    alike = difflib.get_close_matches(name.lower(), _KNOWN, n=1, cutoff=_ALIKE)
    if alike or _ABOUT_SECURITY.search(name):
        hint = f". Hint: did you mean {alike[0]}?" if alike else ""
        raise SettingError(f"no Kafka client has a setting {name!r}{hint}")


def _one_of(name: str, value: str, values: tuple[str, ...]) -> str:
    # Java takes a protocol in any case and a mechanism in its own only. All get the one spelling.
    if value.upper() not in values:
        raise SettingError(f"{name} must be one of {', '.join(values)}, got {value!r}")
    return value.upper()


def _check_host_check(value: str) -> None:
    # To Java any other is an error at the first connection, to kafka-python it is none.
    if value.lower() not in ("https", "") and not value.startswith(_REFERENCE):
        raise SettingError(
            f"{_HOST_CHECK} must be https, or empty to let a broker have any name, got {value!r}"
        )


def _check_protocol(settings: Mapping[str, str]) -> None:
    protocol = settings.get(_PROTOCOL, "PLAINTEXT")
    if protocol.startswith(_REFERENCE):
        return
    said = f"{_PROTOCOL}={protocol}" if _PROTOCOL in settings else f"no {_PROTOCOL}"
    for name in sorted(settings):
        if name.startswith("ssl.") and not protocol.endswith("SSL"):
            raise SettingError(
                f"{name} is given with {said}, which has no TLS. Hint: {_wanted(settings)}"
            )
        if name.startswith("sasl.") and not protocol.startswith("SASL"):
            raise SettingError(
                f"{name} is given with {said}, which has no login. Hint: {_wanted(settings)}"
            )


def _wanted(settings: Mapping[str, str]) -> str:
    login = any(name.startswith("sasl.") for name in settings)
    tls = any(name.startswith("ssl.") for name in settings)
    wanted = ("SASL_SSL" if login else "SSL") if tls or not login else "SASL_SSL or SASL_PLAINTEXT"
    return f"{_PROTOCOL}={wanted}, or leave the setting out"
