"""The laws hold for the whole graph, run by Beam: many stories in each run, for a start is slow.

Engine: DirectRunner (FnApiRunner), bounded. In what order it reads partitions is not defined, so
what it wrote must be what the reference model says of some order.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.laws import mutants
from tests.laws.product import process, record_of
from tests.laws.reference_model import (
    ALLOWED_LATENESS_US,
    CLOCK_SKEW_US,
    Arrival,
    Place,
    Verdict,
    judge_all,
)
from tests.laws.stories import Story, interleavings, stories
from tests.support.graph_run import GraphRun
from transforms.payment.tables import OUTCOME_TABLES

pytestmark = pytest.mark.slow

STORIES_PER_RUN = 20

_LAW_RUNS = settings(
    max_examples=3,
    # To shrink would take minutes; what fails names its story, and that is short.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
# Each story has ids and a topic of its own, so that all can be told at once.
_MANY_STORIES = st.tuples(*(stories(f"story{number}") for number in range(STORIES_PER_RUN)))


@_LAW_RUNS
@given(told=_MANY_STORIES)
def test_whole_graph_keeps_the_laws(told: tuple[Story, ...]) -> None:
    written = verdicts_of_graph(told)

    for topic, story in topics(told).items():
        verdicts = written.pop(topic)
        assert all(len(each) == 1 for each in verdicts.values()), (story, verdicts)
        assert verdicts.keys() == {arrival.place for arrival in story.arrivals}  # conservation
        assert is_explained(story.arrivals, {place: each[0] for place, each in verdicts.items()})
    assert not written, "rows of no record"


def test_wrong_verdicts_have_no_explanation() -> None:
    """Control: the judge of the test above finds a fault that few stories show."""
    search = settings(max_examples=2_000, derandomize=True, database=None, phases=[Phase.generate])

    @search
    @given(story=stories())
    def look(story: Story) -> None:
        verdicts = process(mutants.CopiesExtendTheHorizon(), story.reading, forgets=False)
        assert is_explained(story.arrivals, verdicts)

    with pytest.raises(AssertionError):
        look()


@settings(max_examples=200)
@given(story=stories())
def test_every_order_of_reading_is_an_explanation(story: Story) -> None:
    """Control: the judge takes what is right."""
    assert is_explained(story.arrivals, judge_all(story.other_reading))


def topics(told: Sequence[Story]) -> dict[str, Story]:
    """Returns the stories by the topic in which each is told."""
    return {f"topic{number}": story for number, story in enumerate(told)}


def verdicts_of_graph(told: Sequence[Story]) -> dict[str, dict[Place, list[Verdict]]]:
    """Returns what the graph wrote, by topic and place: a list, for a row may be there twice."""
    records = [
        record_of(arrival, topic)
        for topic, story in topics(told).items()
        for arrival in story.arrivals
    ]
    run = GraphRun(allowed_lateness_us=ALLOWED_LATENESS_US, clock_skew_us=CLOCK_SKEW_US)
    rows = run.run(records)
    written: dict[str, dict[Place, list[Verdict]]] = {}
    for table in OUTCOME_TABLES:
        for row in rows.get(table.name, ()):
            place = Place(row.kafka_partition, row.kafka_offset)
            verdict = Verdict(table.outcome.value, _first(row))
            written.setdefault(row.kafka_topic, {}).setdefault(place, []).append(verdict)
    return written


def is_explained(arrivals: Sequence[Arrival], verdicts: Mapping[Place, Verdict]) -> bool:
    """Tells whether some order of reading leads to these verdicts, id by id."""
    by_id = itertools.groupby(
        sorted(arrivals, key=lambda each: (each.transaction_id, each.arrived_us, each.place)),
        key=lambda each: each.transaction_id,
    )
    for _, group in by_id:
        copies = list(group)
        found = {copy.place: verdicts[copy.place] for copy in copies}
        if not any(judge_all(order) == found for order in interleavings(copies)):
            return False
    return True


def _first(row: Any) -> Place | None:
    if not hasattr(row, "first_topic"):
        return None
    assert row.first_topic == row.kafka_topic
    return Place(row.first_partition, row.first_offset)
