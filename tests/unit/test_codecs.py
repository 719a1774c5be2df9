"""Python reads every codec of Kafka, and the preflight says when it could not."""

from __future__ import annotations

import pytest

from pipeline.launch import preflight
from transforms.kafka import reader as kafka_reader
from transforms.read_kafka import KafkaSource


def test_every_codec_is_there() -> None:
    assert kafka_reader.missing_codecs() == []


@pytest.mark.parametrize("package", ["lz4", "python-snappy", "zstandard"])
def test_missing_package_is_told_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(kafka_reader._CODECS, package, lambda: False)

    with pytest.raises(preflight.PreflightError, match=f"{package} is not installed. Hint: pip"):
        preflight._check_topics(KafkaSource("127.0.0.1:9", ("payments",)))
