"""Values that mean something only together with the schema that they were written by."""

from __future__ import annotations

from typing import NamedTuple


class Scaled(NamedTuple):
    """A decimal of Avro: unscaled × 10^-scale."""

    unscaled: int
    scale: int


class Moment(NamedTuple):
    """A time of Avro: so many ticks since 1970, UTC or by a local clock."""

    ticks: int
    per_second: int
    local: bool


class Days(NamedTuple):
    """A date of Avro: days since 1970."""

    days: int
