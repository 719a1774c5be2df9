"""Numbers in flags: both ends of each range are taken, and what is beyond is refused in a line."""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable

import pytest

from operations.dead_letters import flags as replay_flags
from operations.flag_ranges import RANGES
from operations.health import command as health
from operations.reconcile import flags as reconcile_flags
from pipeline import flink_keys
from pipeline.config import PipelineConfig
from pipeline.config_values import ConfigError
from pipeline.options import OWN_OPTIONS
from simulator import cli as simulator_cli
from tests.support.payments import SECOND_US, START_US, transaction
from tests.unit.test_config import FLINK, REQUIRED, config
from tests.unit.test_shard import by_policy_of, in_batches_of
from transforms.payment.dedup_policy import DedupPolicy
from transforms.payment.number_limits import (
    BUCKETS_PER_HORIZON,
    HORIZON_SEC_MAX,
    PARTITION_MAX,
    TOPICS_MAX,
)
from transforms.payment.transaction import Transaction
from transforms.read_kafka import OffsetRange
from transforms.state.shard import Catalogue, Shard

ENDS = [(flag, end) for flag, each in RANGES.items() for end in each[:2]]
BEYOND = [
    *((flag, each.least - 1) for flag, each in RANGES.items()),
    *((flag, each.most + 1) for flag, each in RANGES.items()),
    *((flag, 10**30) for flag in RANGES),
    ("--parallelism", 0),
    ("--parallelism", -2),
    ("--parallelism", flink_keys.COUNT_MAX + 1),
]


def with_value(flag: str, value: int) -> PipelineConfig:
    no_skew = ["--clock_skew_sec=0"] if "lateness" in flag else []
    return config(*FLINK, *no_skew, f"{flag}={value}")


@pytest.mark.parametrize(("flag", "value"), ENDS)
def test_both_ends_are_taken(flag: str, value: int) -> None:
    assert with_value(flag, value)


@pytest.mark.parametrize(("flag", "value"), BEYOND)
def test_what_is_beyond_is_refused_with_what_was_received(flag: str, value: int) -> None:
    with pytest.raises(ConfigError) as told:
        with_value(flag, value)

    assert flag in str(told.value)
    assert f"got {value}." in str(told.value)
    assert "\n" not in str(told.value)


def test_every_whole_number_among_the_flags_has_a_range() -> None:
    """The others have checks of their own: powers of two, for one."""
    numbers = {
        f"--{action.dest}"
        for action in _actions()
        if action.type is int and action.dest not in ("shards", "bigquery_streams")
    }

    assert numbers == RANGES.keys()


def _actions() -> list[argparse.Action]:
    parser = argparse.ArgumentParser(add_help=False)
    for group in OWN_OPTIONS:
        group._add_argparse_args(parser)
    return parser._actions


def test_lateness_and_skew_are_limited_together() -> None:
    most = HORIZON_SEC_MAX - 300
    flags = [*REQUIRED, "--clock_skew_sec=300"]

    assert config(*flags, f"--allowed_lateness_sec={most}").horizon_us == HORIZON_SEC_MAX * 10**6
    with pytest.raises(ConfigError, match=f"at most {most} with --clock_skew_sec=300, got"):
        config(*flags, f"--allowed_lateness_sec={most + 1}")


@pytest.mark.parametrize("horizon_sec", [HORIZON_SEC_MAX, HORIZON_SEC_MAX - 1, 1, 0])
@pytest.mark.parametrize("seed", range(5))
def test_longest_and_shortest_horizons_are_remembered_to_their_end(
    horizon_sec: int, seed: int
) -> None:
    policy = DedupPolicy(horizon_sec * SECOND_US)
    records = around_the_horizon(random.Random(seed), horizon_sec)

    told, _, _ = in_batches_of(policy, records, seed)

    assert told == by_policy_of(policy, records)


def around_the_horizon(rng: random.Random, horizon_sec: int) -> list[Transaction]:
    """Returns copies that arrive about the ends of their horizon, and of a bucket."""
    bucket_ms = max(1, horizon_sec * 1_000 // BUCKETS_PER_HORIZON)
    begin_ms = START_US // 1_000 // bucket_ms * bucket_ms
    edges_ms = [begin_ms + buckets * bucket_ms for buckets in (0, 1, 4, 5, 8)]
    arrivals_ms = sorted(rng.choice(edges_ms) + rng.randrange(-2, 3) for _ in range(200))
    return [
        transaction(
            f"tx-{rng.randrange(30)}",
            arrival_us=each * 1_000,
            offset=n,
            partition=rng.choice((0, PARTITION_MAX)),
        )
        for n, each in enumerate(arrivals_ms)
    ]


def test_a_longer_horizon_is_refused_where_it_would_wrap() -> None:
    with pytest.raises(ValueError, match=f"at most {HORIZON_SEC_MAX} s"):
        Shard(DedupPolicy((HORIZON_SEC_MAX + 1) * SECOND_US), Catalogue(), 8)


def test_partitions_whose_number_state_cannot_hold_are_refused() -> None:
    job = config(*REQUIRED)

    assert job.watching([OffsetRange("payments", PARTITION_MAX, 0, 1)])
    with pytest.raises(ConfigError, match="payments has a partition 65536"):
        job.watching([OffsetRange("payments", PARTITION_MAX + 1, 0, 1)])


def test_more_topics_than_state_can_number_are_refused() -> None:
    def topics(count: int) -> str:
        return "--kafka_topics=" + ",".join(f"t{n}" for n in range(count))

    assert config(*REQUIRED, topics(TOPICS_MAX))
    with pytest.raises(ConfigError, match=f"at most {TOPICS_MAX} topics, got {TOPICS_MAX + 1}"):
        config(*REQUIRED, topics(TOPICS_MAX + 1))


@pytest.mark.parametrize(
    ("command", "flag", "value"),
    [
        (reconcile_flags.parser, "--clock_skew_sec", "86401"),
        (reconcile_flags.parser, "--allowed_lateness_sec", str(HORIZON_SEC_MAX + 1)),
        (reconcile_flags.parser, "--wait_sec", "1" + 30 * "0"),
        (reconcile_flags.parser, "--wait_sec", "-1"),
        (health.parser, "--window_sec", "1" + 30 * "0"),
        (health.parser, "--lag_records_max", "nan"),
        (health.parser, "--lag_records_max", "-1"),
        (replay_flags.parser, "--since", "99999999999999d"),
        (replay_flags.parser, "--limit", "0"),
    ],
)
def test_tools_refuse_numbers_that_make_no_sense(
    command: Callable[..., argparse.ArgumentParser],
    flag: str,
    value: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = ["list"] if flag in ("--since", "--limit") else []
    with pytest.raises(SystemExit) as ended:
        command().parse_args([*before, f"{flag}={value}"])

    assert ended.value.code == 2
    assert f"error: {flag} must be" in capsys.readouterr().err


@pytest.mark.parametrize(
    "flags",
    [
        ["--duration_sec=nan"],
        ["--duration_sec=inf"],
        ["--count=100000000000"],
        ["--accounts=1000000000"],
        ["--rate_per_sec=nan"],
        ["--rate_per_sec=1", "--start_time=1960-01-01T00:00:00Z"],
    ],
)
def test_the_simulator_refuses_them_too(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        simulator_cli.main(["--kafka_bootstrap_servers=broker:9092", *flags])

    assert ended.value.code == 2
    assert flags[-1].partition("=")[0] + " must" in capsys.readouterr().err
