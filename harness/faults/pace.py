"""The durations of the crash suite: in full for `make faults`, and short for CI."""

from __future__ import annotations

from typing import NamedTuple

# At a rate that two cores hold while half of them recovers.
RATE_PER_SEC = 200


class Pace(NamedTuple):
    """Seconds.

    Attributes:
        load: for how long payments are sent around a fault, besides what the fault itself lasts.
        earliest, latest: when a fault comes, after the load began: settled, and not yet ending.
        frozen: a zombie; longer than the heartbeat timeout of 8 s (templates/flink/config.yaml), so
            that the job has moved on when the frozen process comes back.
        spoiled: BigQuery loses or refuses something now and then.
        unavailable: BigQuery answers nobody.
        outage: nothing of the pipeline runs, and payments continue.
    """

    load: float
    earliest: float
    latest: float
    frozen: float
    spoiled: float
    unavailable: float
    outage: float


FULL = Pace(20, 3, 12, frozen=20, spoiled=15, unavailable=60, outage=300)
SHORT = Pace(8, 2, 5, frozen=12, spoiled=8, unavailable=20, outage=30)

# Every outcome.
MIX = (
    "--duplicate_ratio=0.02",
    "--conflict_ratio=0.01",
    "--late_ratio=0.01",
    "--invalid_ratio=0.01",
)


def traffic(seed: int, duration_sec: float, rate_per_sec: float = RATE_PER_SEC) -> list[str]:
    """Returns the flags of a simulator."""
    length = (f"--rate_per_sec={rate_per_sec}", f"--duration_sec={duration_sec}")
    return [*MIX, *length, f"--seed={seed}"]
