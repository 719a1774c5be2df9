"""Describes the Flex Template from the flags, and turns its parameters into flags.

    python -m pipeline.launch.flex_template > templates/dataflow/metadata.json

Everything is read from the flags themselves (options.py); tests/drift keeps the file equal.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.options import (
    DecodeOptions,
    LaunchOptions,
    ReadKafkaOptions,
    RulesOptions,
    WriteBigQueryOptions,
)

# A stand-in is nothing for Dataflow, and the image brings its own Java parts.
_NOT_OFFERED = {"bigquery_endpoint", "expansion_service", "java_parts"}
_REQUIRED = {"kafka_bootstrap_servers", "kafka_topics", "bigquery_dataset"}
# As config_values.py checks them; the console refuses before a machine is paid for.
_REGEXES = {
    "kafka_bootstrap_servers": r"^[^\s,]+:[0-9]{1,5}(\s*,\s*[^\s,]+:[0-9]{1,5})*$",
    "kafka_topics": r"^[a-zA-Z0-9._-]+(,[a-zA-Z0-9._-]+)*$",
    "kafka_config_file": r"^/.+$",
    "bigquery_dataset": r"^([a-z0-9.-]+:)?[a-z0-9-]+[.:][A-Za-z0-9_]+$",
    "dead_letter_ratio_max": r"^(0(\.[0-9]+)?|1(\.0+)?)$",
    "contract": r"^(gs://.+|/.+|[a-z0-9-]+)$",
    "start_from_tables": r"^gs://.+$",
    "run_id": r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$",
}
_WHOLE_NUMBER = r"^[0-9]+$"


def metadata() -> dict[str, Any]:
    """Returns the template's description, in the form of the API's TemplateMetadata.

    Source of the form: Dataflow REST API v1b3, GetTemplateResponse, TemplateMetadata.
    """
    return {
        "name": "Payments, counted exactly once",
        "description": "Reads payment records from Kafka, counts each exactly once by its "
        "transaction_id, flags same-id-different-amount as possible fraud, and writes to BigQuery "
        "through the Storage Write API. Every record ends in one of five tables.",
        "streaming": True,
        "supportsAtLeastOnce": False,
        "supportsExactlyOnce": True,
        "defaultStreamingMode": "EXACTLY_ONCE",
        "parameters": [_parameter(option) for option in _offered()],
    }


def as_flags(parameters: Sequence[str]) -> list[str]:
    """Returns the launcher's arguments as flags: it gives every parameter a value.

    A flag that takes none is passed as `--flag=true`, which argparse refuses, or `--flag=false`.

    Raises:
        ValueError: such a flag has another value.
    """
    bare = {f"--{option.dest}" for option in _offered() if option.nargs == 0}
    flags = []
    for parameter in parameters:
        name, given, value = parameter.partition("=")
        if name in bare and given:
            if value.lower() not in ("true", "false"):
                raise ValueError(f"{name} must be true or false, got {value!r}.")
            flags += [name] if value.lower() == "true" else []
        else:
            flags.append(parameter)
    return flags


def _offered() -> Iterator[argparse.Action]:
    for group in (
        ReadKafkaOptions,
        DecodeOptions,
        RulesOptions,
        WriteBigQueryOptions,
        LaunchOptions,
    ):
        parser = argparse.ArgumentParser(add_help=False)
        group._add_argparse_args(parser)
        yield from (option for option in parser._actions if option.dest not in _NOT_OFFERED)


def _parameter(option: argparse.Action) -> dict[str, Any]:
    help_text = (option.help or "") % {"default": option.default}
    parameter: dict[str, Any] = {
        "name": option.dest,
        "label": option.dest.replace("_", " ").replace("sec", "seconds").capitalize(),
        "helpText": help_text.removesuffix(" Required."),
        "isOptional": option.dest not in _REQUIRED,
        **_type(option),
    }
    if option.default is not None and option.nargs != 0:
        parameter["defaultValue"] = str(option.default)
    return parameter


def _type(option: argparse.Action) -> Mapping[str, Any]:
    if option.nargs == 0:
        return {"paramType": "BOOLEAN", "regexes": ["^(true|false)$"], "defaultValue": "false"}
    if option.choices is not None:
        choices = [{"value": choice, "label": choice} for choice in option.choices]
        return {"paramType": "ENUM", "enumOptions": choices}
    if option.type is int:
        return {"paramType": "NUMBER", "regexes": [_WHOLE_NUMBER]}
    return {"paramType": "TEXT", "regexes": [_REGEXES[option.dest]]}


if __name__ == "__main__":
    json.dump(metadata(), sys.stdout, indent=2, ensure_ascii=False)
    print()
