"""The Flex Template's description is what the flags say, pattern by pattern."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline import configure
from pipeline.config_values import ConfigError
from pipeline.launch import flex_template

FILE = Path(__file__).parents[2] / "templates/dataflow/metadata.json"
PARAMETERS: list[dict[str, Any]] = flex_template.metadata()["parameters"]
GIVEN = {
    "kafka_bootstrap_servers": "a:9092,b:9092",
    "kafka_topics": "payments,refunds.v2",
    "bigquery_dataset": "my-project.payments",
}


def test_file_is_what_the_flags_say() -> None:
    """If not: python -m pipeline.launch.flex_template > templates/dataflow/metadata.json."""
    assert json.loads(FILE.read_text()) == flex_template.metadata()


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda each: each["name"])
def test_pattern_takes_its_own_default(parameter: dict[str, Any]) -> None:
    value = GIVEN.get(parameter["name"], parameter.get("defaultValue"))
    if value is not None:
        assert all(re.fullmatch(pattern, value) for pattern in parameter.get("regexes", ()))


def test_what_is_required_makes_a_configuration_and_nothing_less_does() -> None:
    required = [each["name"] for each in PARAMETERS if not each["isOptional"]]
    flags = [f"--{name}={GIVEN[name]}" for name in required]

    assert configure.from_options(PipelineOptions(flags))
    for flag in flags:
        with pytest.raises(ConfigError):
            configure.from_options(PipelineOptions([f for f in flags if f != flag]))


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("kafka_bootstrap_servers", "broker"),
        ("bigquery_dataset", "payments"),
        ("dead_letter_ratio_max", "1.5"),
    ],
)
def test_pattern_refuses_what_the_configuration_refuses(name: str, bad: str) -> None:
    [parameter] = (each for each in PARAMETERS if each["name"] == name)
    flags = [f"--{key}={value}" for key, value in {**GIVEN, name: bad}.items()]

    assert not any(re.fullmatch(pattern, bad) for pattern in parameter["regexes"])
    with pytest.raises(ConfigError):
        configure.from_options(PipelineOptions(flags))


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        ("gs://my-project-payments-staging/contracts/my.yaml", True),
        ("/opt/payments/contracts/stripe.yaml", True),
        ("debezium-avro", True),
        ("my.yaml", False),  # a file of the launcher's folder: nobody has put it there
        ("https://example.com/my.yaml", False),
        ("gs://", False),
    ],
)
def test_contract_is_a_place_that_the_launcher_can_read(said: str, fits: bool) -> None:
    [parameter] = (each for each in PARAMETERS if each["name"] == "contract")

    assert any(re.fullmatch(pattern, said) for pattern in parameter["regexes"]) == fits


def test_parameters_of_the_page_fit_their_patterns() -> None:
    """What docs/launch.md gives to the template is taken by it."""
    page = (FILE.parents[2] / "docs/launch.md").read_text()
    patterns = {each["name"]: each.get("regexes", ()) for each in PARAMETERS}
    given = [
        word.partition("=")[::2]
        for said in re.findall(r'PARAMETERS="([^"]*)"', page)
        for word in said.split()
        if "=" in word
    ]

    assert {"kafka_topics", "contract"} <= {name for name, _ in given}
    for name, value in given:
        assert all(re.fullmatch(pattern, value) for pattern in patterns[name]), (name, value)
