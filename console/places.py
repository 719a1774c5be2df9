"""Addresses to ask, and whether what is there may be acted on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from operations.health.limits import LIMITS
from operations.reconcile.settings import Dataset, Topics
from simulator.contracts.speech import Speech


@dataclasses.dataclass(frozen=True)
class Places:
    """Where to ask.

    Attributes:
        flink: host:port of Flink's REST interface; None leaves the job out.
        flink_job: Flink's id of the job; None for the one that lives.
        every_sec: from the end of a look at the tables to the next one.
        sandbox: folder of the sandbox that may be acted on; None for a page that only reads.
        control: whether what runs is the control, which must count twice.
        speech: by what contract payments are sent; None for our own JSON.
        limits: the most that is healthy, by the name of an indicator.
    """

    topics: Topics
    dataset: Dataset
    flink: str | None = None
    flink_job: str | None = None
    every_sec: float = 2.0
    sandbox: Path | None = None
    control: bool = False
    speech: Speech | None = None
    limits: dict[str, float] = dataclasses.field(
        default_factory=lambda: {name: limit for name, (limit, _) in LIMITS.items()}
    )

    @property
    def topic(self) -> str:
        """Returns the topic that is sent to: the first."""
        return self.topics.names[0]

    @property
    def tables(self) -> str:
        """Returns the dataset's whole name."""
        return f"{self.dataset.project}.{self.dataset.name}"
