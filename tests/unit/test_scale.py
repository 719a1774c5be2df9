"""The model of scale: even where keys are, held back by what holds back, and plain arithmetic."""

from __future__ import annotations

import dataclasses
import itertools
import json

import pytest

from benchmarks import scale, scale_costs, scale_measure, usage
from benchmarks.scale_model import Layout, capacity, estimate, load, shares_of
from benchmarks.scale_needs import needs, usd_written

POWERS = tuple(2**power for power in range(10))
# Whatever the quota: cores, partitions and shards alone.
WIDE = Layout(1, location="multi-region")


def rate_of(**changes: object) -> float:
    return estimate(dataclasses.replace(WIDE, **changes)).rate_per_sec


def test_more_subtasks_are_faster_where_shards_divide_evenly() -> None:
    rates = [rate_of(subtasks=each) for each in POWERS]

    assert rates == sorted(rates)
    # And never by more than they are more: batches become small.
    assert all(after < 2.02 * before for before, after in itertools.pairwise(rates))


def test_a_dearer_record_a_smaller_bundle_and_fewer_partitions_are_never_faster() -> None:
    assert rate_of(subtasks=32, end_to_end_us=100.0) < rate_of(subtasks=32, end_to_end_us=60.0)
    assert rate_of(subtasks=32, bundle_ms=200) < rate_of(subtasks=32, bundle_ms=1_000)
    assert rate_of(subtasks=32, bundle_records=512) < rate_of(subtasks=32)
    by_partitions = [rate_of(subtasks=32, partitions=each) for each in (1, 8, 16, 32, 64)]
    assert by_partitions == sorted(by_partitions)


def test_load_grows_with_the_rate() -> None:
    layout = Layout(8)
    loads = [load(layout, shares_of(layout), rate) for rate in (1, 100, 10_000, 1_000_000)]

    assert loads == sorted(loads)
    assert load(layout, shares_of(layout), capacity(layout, shares_of(layout))) == pytest.approx(
        1.0, abs=0.001
    )


@pytest.mark.parametrize("subtasks", POWERS)
def test_no_subtask_has_more_than_its_share_of_even_keys_that_it_divides(subtasks: int) -> None:
    layout = Layout(subtasks)

    assert shares_of(layout).shards == pytest.approx(1 / subtasks)
    assert shares_of(layout).partitions == pytest.approx(1 / subtasks)


def test_control_keys_numbered_from_zero_show_the_cliff() -> None:
    numbered = Layout(8, shards=32, keys="numbered")
    even = dataclasses.replace(numbered, keys="even")

    assert estimate(even).fullest_shards == 4
    assert estimate(numbered).fullest_shards > 4
    assert estimate(numbered).rate_per_sec < 0.8 * estimate(even).rate_per_sec
    assert estimate(numbered).bottleneck[0] == "shards"
    # Behind 32 subtasks nothing gets faster, whatever is added.
    most = max(estimate(dataclasses.replace(numbered, subtasks=n)).rate_per_sec for n in (128, 512))
    assert most < 0.2 * rate_of(subtasks=512)


def test_what_holds_back_is_named() -> None:
    cases = {
        "cores": Layout(8),
        "partitions": Layout(8, partitions=4),
        "shards": Layout(64, shards=32),
        "streams": Layout(8, streams=3, end_to_end_us=87.0),
        "BigQuery": Layout(512),
    }

    assert {kind: estimate(each).bottleneck[0] for kind, each in cases.items()} == {
        kind: kind for kind in cases
    }
    assert "4 of 8 read nothing" in estimate(cases["partitions"]).bottleneck[1]
    assert "MB/s a project" in estimate(cases["BigQuery"]).bottleneck[1]


def test_connections_beyond_the_quota_are_named() -> None:
    assert estimate(Layout(8, streams=256)).bottleneck == (
        "BigQuery",
        "2,048 connections are too many",
    )
    assert estimate(Layout(8, streams=256, location="multi-region")).bottleneck[0] == "cores"
    assert Layout(512).connections <= 1_000


def test_no_quota_of_bigquery_is_exceeded_by_what_is_told() -> None:
    for subtasks in scale.SUBTASKS:
        told = estimate(Layout(subtasks))

        assert told.append_bytes < scale_costs.REQUEST_BYTES_MAX
        assert told.bytes_per_sec <= scale_costs.QUOTAS["region"].bytes_per_sec * 1.000_1
        per_stream = told.bytes_per_sec / told.layout.stream_count
        assert per_stream <= scale_costs.STREAM_BYTES_PER_SEC * 1.000_1


def test_a_million_a_second_needs_what_arithmetic_says() -> None:
    found = needs(1_000_000, Layout(1))

    assert found.subtasks is not None
    assert found.subtasks >= 1_000_000 * 87e-6 / scale_costs.PLANNED_LOAD
    assert found.load <= scale_costs.PLANNED_LOAD
    assert found.partitions == 2 * found.subtasks
    assert found.ids == 1_000_000 * 3_900
    assert found.state_bytes == (pytest.approx(156e9), pytest.approx(226.59e9))
    assert found.copy_bytes == pytest.approx(171.21e9)
    assert found.bytes_per_sec == 1_000_000 * scale_costs.ROW_BYTES
    assert found.streams_min == 23
    assert found.usd_cpu == pytest.approx(found.subtasks * 730 * usage.USD_PER_VCPU_HOUR)
    assert found.limit == ""


def test_the_first_two_tebibytes_cost_nothing() -> None:
    assert usd_written(2 * 2**40) == 0
    assert usd_written(3 * 2**40) == pytest.approx(1_024 * 0.025)


def test_what_no_job_can_do_is_told_as_such() -> None:
    assert needs(10_000_000, Layout(1)).subtasks is None
    # By cores it could be done, but not at this place.
    assert needs(1_400_000, Layout(1)).limit == "BigQuery: 300 MB/s a project"
    assert needs(1_400_000, WIDE).limit == ""


def test_command_prints_both_tables_and_the_same_for_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert scale.main(["--subtasks=8", "--rates=10000"]) == 0
    text = capsys.readouterr().out
    assert scale.main(["--subtasks=8", "--rates=10000", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)

    assert "cores: all alike" in text
    assert "(measured)" in text
    assert "(computed)" in text
    told = document["subtasks"][0]
    assert told["bottleneck"]["kind"] == "cores"
    assert f"{told['records_per_sec']:,.0f}" in text
    assert told["with_32_shards_from_0"]["fullest_shards"] > told["fullest_shards"]
    assert document["needs"][0]["subtasks"] == 2


@pytest.mark.parametrize(
    "flag",
    ["--subtasks=513", "--subtasks=x", "--shards=12", "--partitions=0", "--max_bundle_size=1001"],
)
def test_mistake_in_a_flag_is_exit_code_2(flag: str) -> None:
    with pytest.raises(SystemExit) as ended:
        scale.main([flag])

    assert ended.value.code == 2


def test_every_step_can_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale_measure, "_RECORDS", 1_000)
    monkeypatch.setattr(scale_measure, "_REPETITIONS", 1)

    measured = scale_measure.measure(100)

    assert measured.per_record_us.keys() == scale_costs.STEPS.keys()
    assert all(cost > 0 for cost in measured.per_record_us.values())
    assert measured.record_bytes == pytest.approx(scale_costs.RECORD_BYTES, rel=0.05)
    assert measured.row_bytes == pytest.approx(scale_costs.ROW_BYTES, rel=0.1)
