"""The launcher's arguments become flags, and a folder without the right jars is told."""

from pathlib import Path

import pytest

from pipeline.launch import flex_template, java_parts


def test_flag_without_a_value_is_there_or_not() -> None:
    flags = flex_template.as_flags(
        ["--kafka_topics=a,b", "--no_preflight=true", "--job_name=x", "--flag"]
    )

    assert flags == ["--kafka_topics=a,b", "--no_preflight", "--job_name=x", "--flag"]
    assert flex_template.as_flags(["--no_preflight=false"]) == []


def test_flag_with_a_third_value_is_refused() -> None:
    with pytest.raises(ValueError, match="--no_preflight must be true or false, got 'maybe'"):
        flex_template.as_flags(["--no_preflight=maybe"])


def test_workers_get_our_classes_and_flinks_half_not_at_all(tmp_path: Path) -> None:
    names = (
        "aaa.jar",
        "beam-runners-flink-1.19-2.70.0-patched.jar",
        "beam-sdks-java-expansion-service-2.70.0.jar",
        "flink-core-1.19.0.jar",
        "payments-kafka.jar",
    )
    for name in names:
        (tmp_path / name).touch()

    found = [jar.name for jar in java_parts.class_path(tmp_path)]

    assert found == ["aaa.jar", "beam-sdks-java-expansion-service-2.70.0.jar", "payments-kafka.jar"]


@pytest.mark.parametrize("missing", ["payments-kafka", "beam-sdks-java-expansion-service"])
def test_folder_without_a_needed_jar_is_told(tmp_path: Path, missing: str) -> None:
    for name in ("payments-kafka.jar", "beam-sdks-java-expansion-service-2.70.0.jar"):
        if not name.startswith(missing):
            (tmp_path / name).touch()

    with pytest.raises(java_parts.NoJavaParts, match=missing):
        java_parts.class_path(tmp_path)
