"""The values of single flags: read as their kind, checked against their range."""

from __future__ import annotations

import argparse
import datetime as dt
import re
import secrets
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from operations import flag_ranges, flag_types, places
from pipeline import flink_keys
from pipeline.options import LaunchOptions, ReadKafkaOptions, RulesOptions
from transforms.kafka import properties as kafka_properties
from transforms.read_kafka import KafkaSource

T = TypeVar("T")
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


class ConfigError(ValueError):
    """Mistakes in the flags: each says what was required, what was received, and a hint.

    Attributes:
        problems: a line for each, so that all can be put right at once.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\nerror: ".join(problems))  # as programs print the first
        self.problems = problems


class Problems(list[str]):
    """What is wrong, gathered; a value that is wrong is given by a stand-in that nobody uses."""

    def instead(self, stand_in: T, check: Callable[..., T], *arguments: Any) -> T:
        """Returns what `check` returns; the stand-in when it raises ConfigError."""
        try:
            return check(*arguments)
        except ConfigError as error:
            self += error.problems
            return stand_in

    def given(self, stand_in: T, kind: Callable[[str], T], flag: str, value: str | None) -> T:
        """Returns what a flag says, the stand-in where it says nothing."""
        return self.instead(stand_in, read_as, kind, flag, value) if value else stand_in

    def in_range(self, flag: str, value: int) -> int:
        """Returns a number if it is in the range of its flag."""
        return self.instead(0, in_range, flag, value)

    def address(self, flag: str, value: str | None) -> str | None:
        """Returns host:port; an empty flag is a mistake, not a flag left out."""
        if value is None:
            return None
        return self.instead(value, read_as, flag_types.host_port, flag, value)

    def place(self, flag: str, value: str | None) -> str | None:
        """Returns a folder as Beam takes it."""
        return self.instead(None, place, flag, value)

    def source(
        self, kafka: ReadKafkaOptions, launch: LaunchOptions, runner: str, group: str
    ) -> KafkaSource:
        """Returns what to read."""
        servers = kafka.kafka_bootstrap_servers
        return KafkaSource(
            bootstrap_servers=self.given(
                "", flag_types.servers, "--kafka_bootstrap_servers", servers
            ),
            topics=self.given((), flag_types.topics, "--kafka_topics", kafka.kafka_topics),
            properties=self.instead({}, properties, kafka.kafka_config_file),
            expansion_service=self.address("--expansion_service", launch.expansion_service),
            group=None if launch.no_preflight else group,
            framed=runner == "FlinkRunner",
        )


def read_as(kind: Callable[[str], T], flag: str, value: str) -> T:
    """Returns what the flag says, as the tools read the same one (flag_types.py)."""
    try:
        return kind(value)
    except argparse.ArgumentTypeError as error:
        raise ConfigError(f"{flag} {error}.") from None


def place(flag: str, value: str | None) -> str | None:
    """Returns a folder as Beam takes it; an empty flag is a mistake, not a flag left out."""
    try:
        return None if value is None else places.for_beam(value)
    except ValueError as error:
        raise ConfigError(f"{flag} {error}.") from None


def in_range(flag: str, value: int) -> int:
    """Returns a number if it is in the range of its flag. Raises ConfigError."""
    problem = flag_ranges.problem(flag, value)
    if problem:
        raise ConfigError(problem)
    return value


def lateness_sec(rules: RulesOptions) -> int:
    """Returns the allowed lateness if its horizon fits into state. Raises ConfigError."""
    lateness_sec: int = rules.allowed_lateness_sec
    # A skew that is wrong by itself is told as such, and says nothing of the lateness.
    if not flag_ranges.problem("--clock_skew_sec", rules.clock_skew_sec):
        problem = flag_ranges.problem_of_horizon(lateness_sec, rules.clock_skew_sec)
        if problem:
            raise ConfigError(problem)
    return in_range("--allowed_lateness_sec", lateness_sec)


def ratio(flag: str, value: float) -> float:
    """Returns a share from 0 to 1. Raises ConfigError."""
    if not 0 <= value <= 1:
        raise ConfigError(f"{flag} must be a share from 0 to 1, got {value:g}.")
    return value


def properties(path: str | None) -> dict[str, str]:
    """Returns the settings of the Kafka client in a file. Raises ConfigError."""
    try:
        return kafka_properties.load(path)
    except kafka_properties.PropertiesError as error:
        raise ConfigError(f"--kafka_config_file: {error}") from None


def problems_of(check: Callable[..., object], *arguments: Any) -> tuple[str, ...]:
    """Returns what `check` says against its arguments."""
    try:
        check(*arguments)
    except ConfigError as error:
        return error.problems
    return ()


def missing(**values: str | None) -> Iterator[str]:
    """Yields what to say of flags that must be there and are not: all of them in a line."""
    missing = [f"--{name}" for name, value in values.items() if not value]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        yield (
            f"{' and '.join(missing)} {verb} required. Hint: a flag, a variable (PAYMENTS_…) or a "
            "key of --config FILE says it."
        )


def run_id(asked: str | None) -> str:
    """Returns the name asked for, or one that no other launch has and that sorts by time."""
    if asked is None:
        return f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    if not _RUN_ID.fullmatch(asked):
        raise ConfigError(
            "--run_id must be 1 to 63 letters, digits, hyphens or underscores, beginning with a "
            f"letter or digit, got {asked!r}."
        )
    return asked


def streams(asked: int | None, parallelism: int) -> int:
    """Returns how many append streams a table has: one for each subtask, unless a flag says."""
    if asked is None:
        return min(flink_keys.COUNT_MAX, max(2, parallelism))
    if not 1 <= asked <= flink_keys.COUNT_MAX:
        raise ConfigError(
            f"--bigquery_streams must be from 1 to {flink_keys.COUNT_MAX}, got {asked}."
        )
    return asked


def shards(asked: int | None, parallelism: int) -> int:
    """Returns in how many shards ids and accounts are remembered."""
    if asked is None:
        return flink_keys.count_for(parallelism)
    if not 1 <= asked <= flink_keys.COUNT_MAX or asked & (asked - 1):
        raise ConfigError(
            f"--shards must be a power of two from 1 to {flink_keys.COUNT_MAX}, got {asked}."
        )
    return asked
