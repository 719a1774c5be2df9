"""The contracts that come with the product, each with a sample that is tested."""

from __future__ import annotations

import functools
from pathlib import Path

from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.load import load_file

# Beside the packages, as sql/ is: in a checkout, and in the images.
FOLDER = Path(__file__).resolve().parents[3] / "contracts"

NAMES = (
    *("native", "stripe", "adyen", "paypal", "square", "hyperswitch", "mojaloop"),
    *("debezium-json", "debezium-avro", "pacs008", "confluent-avro", "cloudevents", "outbox"),
    "protobuf",
)


@functools.cache
def native() -> Contract:
    """Returns the contract of our own JSON, which a job reads that is not told another."""
    return load_file(path_of("native"))


def path_of(name: str) -> Path:
    """Returns the file of a shipped contract."""
    return FOLDER / f"{name}.yaml"


def schemas_of(name: str) -> list[Path]:
    """Returns the files of schemas that come with it."""
    folder = FOLDER / "schemas" / name
    return sorted(path for path in folder.glob("*") if path.is_file())


def sample_of(name: str) -> Path:
    """Returns its sample."""
    return next(iter(sorted((FOLDER / "samples").glob(f"{name}.*"))))
