"""The settings of a reconciliation: which topics are compared with which tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from operations.reconcile.truth import Limits


@dataclasses.dataclass(frozen=True)
class Topics:
    """The Kafka side.

    Attributes:
        bootstrap_servers: host:port, comma-separated.
        names: the topics.
        properties: further settings of the Java client, secrets as references to their file.
    """

    bootstrap_servers: str
    names: tuple[str, ...]
    properties: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Dataset:
    """The BigQuery side.

    Attributes:
        project: Google Cloud project.
        name: dataset that holds the outcome tables.
        endpoint: host:port of a stand-in, None for Google's service.
    """

    project: str
    name: str
    endpoint: str | None = None


@dataclasses.dataclass(frozen=True)
class ReconcileConfig:
    """Everything that a reconciliation needs.

    Attributes:
        limits: the limits that the pipeline ran with.
        ledgers: files of the simulator that together name everything it sent; may be empty.
        partial_ledgers: files of simulators that were killed; all that they had sent was sent once
            more, and is in one of `ledgers`.
        wait_sec: how long to wait until BigQuery holds as many rows as Kafka records, seconds.
        since_us: check only what arrived then or later, microseconds since the epoch.
        until_us: check only what arrived before.
        since_last: check only what no check before has proven.
    """

    topics: Topics
    dataset: Dataset
    limits: Limits = dataclasses.field(default_factory=Limits)
    ledgers: tuple[Path, ...] = ()
    partial_ledgers: tuple[Path, ...] = ()
    wait_sec: float = 0
    since_us: int | None = None
    until_us: int | None = None
    since_last: bool = False
