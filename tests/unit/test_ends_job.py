"""Errors that end a job bear their mark once, wherever they pass, and people do not see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import graph
from pipeline.launch import stops
from transforms.bigquery.errors import CannotWrite, ClaimLost, RefusedRow
from transforms.codecs.contract.schema_source import RegistryUnavailable
from transforms.kafka.topic_watch import PartitionsAdded, TopicRemade
from transforms.limit_dead_letters import TooManyDeadLetters
from transforms.payment.arrival import BY_BROKER
from transforms.payment.ends_job import MARK, EndsJob
from transforms.state.shard import ContractChanged, HorizonChanged, ShardsChanged

PATCH = Path(__file__).parents[2] / "templates/expansion/patches/stops-end-the-job.diff"
ENDS = (
    ClaimLost,
    HorizonChanged,
    PartitionsAdded,
    ShardsChanged,
    ContractChanged,
    RegistryUnavailable,
    TooManyDeadLetters,
    TopicRemade,
)


def test_every_such_error_is_told_by_the_launcher() -> None:
    assert graph  # loads all steps, and with them their errors
    ours = {each for each in EndsJob.__subclasses__() if not each.__module__.startswith("tests")}

    assert ours <= set(stops._STOPS)


@pytest.mark.parametrize("error", ENDS)
def test_mark_is_there_once_however_often_it_is_raised_again(error: type[EndsJob]) -> None:
    again = error(f"{error('why. Hint: what to do')} [while running 'Step']")

    assert str(again) == f"why. Hint: what to do {MARK} [while running 'Step']"


@pytest.mark.parametrize("error", ENDS)
def test_launcher_tells_it_without_the_mark(error: type[EndsJob]) -> None:
    from_worker = RuntimeError(
        f"Traceback …\n{error.__module__}.{error.__name__}: {error('why')} [while running 'S']\n"
    )
    assert str(stops.stopped(from_worker)) == "why"
    assert str(stops.stopped(error("why"))) == "why"


def test_record_without_arrival_time_ends_a_job_too() -> None:
    told = str(BY_BROKER.refusal("payments", 0, 7, 0))

    assert isinstance(BY_BROKER.refusal("payments", 0, 7, 0), EndsJob)
    assert told.endswith(MARK) and "payments[0] offset 7" in told


@pytest.mark.parametrize("error", [CannotWrite, RefusedRow])
def test_what_may_pass_by_itself_is_tried_again(error: type[RuntimeError]) -> None:
    assert MARK not in str(error("BigQuery is away"))


def test_flinks_side_looks_for_the_same_mark() -> None:
    assert f'ENDS_THE_JOB = "{MARK}"' in PATCH.read_text()
