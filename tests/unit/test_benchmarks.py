"""The comparison: what is measured of what was written down, and how it is told."""

import json
import math
from pathlib import Path

import pytest

from benchmarks import (
    by_contract,
    chart,
    decode,
    load_report,
    meter,
    state_report,
    table,
    usage,
    worker_copy,
)
from benchmarks.latencies import Latencies
from benchmarks.meter import Reading
from benchmarks.stage import Measured
from benchmarks.state_report import Copied, Costs, Flat, Sample


def measured(name: str, rate_per_sec: float, *, kept: int = 990) -> Measured:
    return Measured(name, 1_000, kept, 990, rate_per_sec, cpu_sec=0.36)


def test_rate_is_of_what_came_after_the_warm_up() -> None:
    # The first 200 took ten seconds, the other 800 took four.
    reading = Reading(((0.0, 100), (10.0, 100), (12.0, 400), (14.0, 400)))

    assert reading.steady_rate(0.2) == pytest.approx(800 / 4)
    assert reading.steady_rate(0.0) == pytest.approx(900 / 14)


@pytest.mark.parametrize("bundles", [(), ((1.0, 5),), ((1.0, 5), (1.0, 5))])
def test_rate_of_too_little_is_zero_rather_than_infinite(
    bundles: tuple[tuple[float, int], ...],
) -> None:
    assert Reading(bundles).steady_rate(0.2) == 0.0


def test_meters_are_read_together_in_order_and_half_a_line_is_left(tmp_path: Path) -> None:
    (tmp_path / "kept.1.csv").write_text("5.000,10\n9.000,1")
    (tmp_path / "kept.2.csv").write_text("4.000,20\n")
    (tmp_path / "copies.1.csv").write_text("4.500,3\n")

    assert meter.read(tmp_path, "kept").bundles == ((4.0, 20), (5.0, 10))
    assert meter.read(tmp_path).total == 33


def test_money_is_seconds_times_the_price_of_an_hour() -> None:
    assert usage.usd(3_600) == pytest.approx(usage.USD_PER_VCPU_HOUR)


def test_table_compares_with_ours_and_names_who_was_not_exact() -> None:
    results = [measured("sharded", 40_000), measured("Spark", 20_000, kept=991)]

    ours, spark = table.text(results).splitlines()[-2:]

    assert ours.split()[-5:] == ["40,000", "1.00", "360", "0.0069", "yes"]
    assert "2.00" in spark
    assert spark.endswith("991 of 990")
    assert "NOT EXACT" in table.line(results[1])
    assert [each["exact"] for each in table.document(results)["contestants"]] == [True, False]


def test_decoding_is_measured_for_every_format_and_its_records_are_of_one_size() -> None:
    found = decode.measure(records=40, rounds=1)

    assert [each.name for each in found] == [decode.NATIVE, *decode.OTHERS]
    assert all(each.rate_per_sec > 0 for each in found)
    sizes = [each.record_bytes for each in found if each.name != "native, as users send it"]
    assert min(sizes) > 0.9 * max(sizes)


def test_format_that_is_too_slow_is_named() -> None:
    native, slow, fast = (
        decode.Decoded("native", 1_500, 100_000, 1.0),
        decode.Decoded("foreign JSON", 1_500, 49_000, 0.49),
        decode.Decoded("Avro", 1_500, 71_000, 0.71),
    )

    lines = decode.text([native, slow, fast]).splitlines()[-3:]

    assert [line.endswith("missed") for line in lines] == [False, True, False]
    told = decode.document([native, slow, fast])["decode_alone"]
    assert [each["missed"] for each in told] == [False, True, False]


def test_contracts_are_compared_with_our_own_of_the_same_run() -> None:
    found = [by_contract.ByContract(measured("native", 40_000), 230)]
    found.append(by_contract.ByContract(measured("stripe", 30_000, kept=991), 300))

    native, stripe = by_contract.text(found).splitlines()[-2:]

    assert native.split() == ["native", "230", "1000", "40,000", "1.00", "360", "1.00", "yes"]
    assert stripe.split()[4] == "0.75" and stripe.endswith("NO")
    assert by_contract.text(found[1:]).split()[-4:] == ["-", "360", "-", "NO"]


def test_percentiles_are_latencies_that_payments_had() -> None:
    latencies = Latencies()
    for seconds, count in ((3.0, 9), (1.0, 50), (2.0, 40), (60.0, 1)):
        latencies.add(seconds, count)

    assert [latencies.percentile(p) for p in (50, 51, 90, 99, 99.5)] == [1.0, 2.0, 2.0, 3.0, 60.0]


def test_no_payment_has_no_latency() -> None:
    assert math.isnan(Latencies().percentile(50))


@pytest.mark.parametrize(
    ("sent_per_sec", "tail_sec", "kept_up", "said"),
    [
        (9_800, 12, True, "kept up"),
        (9_800, 31, False, "FELL BEHIND: 31 s to catch up"),
        (9_000, 12, False, "only 9,000 records/s were sent"),
    ],
)
def test_load_that_was_not_sent_is_not_kept_up_with(
    sent_per_sec: float, tail_sec: float, kept_up: bool, said: str
) -> None:
    result = loaded(sent_per_sec, tail_sec)

    assert result.kept_up is kept_up
    assert said in load_report.line(result)
    assert load_report.document([result])["loads"][0]["kept_up"] is kept_up
    row = load_report.text([result]).splitlines()[2].split()
    assert row[-2:] == ["yes" if kept_up else "NO", "yes"]


def loaded(sent_per_sec: float, tail_sec: float) -> load_report.Loaded:
    return load_report.Loaded(
        load_report.Load(10_000, 120, 5),
        records=1_000_000,
        sent_per_sec=sent_per_sec,
        p50_sec=3.0,
        p95_sec=4.0,
        p99_sec=5.0,
        lag_max=60_000,
        tail_sec=tail_sec,
        cpu_sec=100.0,
        state_bytes=40_000_000,
        memory_bytes={"kafka": 500_000_000},
        exact=True,
    )


def test_rate_between_shares_leaves_what_is_before_and_after() -> None:
    reading = Reading(((0.0, 100), (10.0, 100), (12.0, 400), (14.0, 400), (30.0, 1_000)))

    assert reading.rate_between(0.1, 0.5) == pytest.approx(800 / 4)


def flat(sizes: list[int]) -> Flat:
    samples = tuple(Sample(10.0 * n, size // 40, size, 0) for n, size in enumerate(sizes))
    return Flat(20, 1_000, 990, 990, samples)


def test_saw_is_level_and_a_slope_is_not() -> None:
    saw = flat([0, 10, 20, *(4_000, 4_800, 4_400) * 6])
    slope = flat([0, 10, 20, *(4_000 + 200 * n for n in range(18))])

    assert saw.level
    assert saw.bytes_per_id == pytest.approx(40)
    assert not slope.level
    assert "NOT LEVEL" in state_report.text(Costs(slope))
    assert state_report.document(Costs(slope))["flat"]["level"] is False


def test_line_that_ended_before_the_plateau_is_not_called_level() -> None:
    assert not flat([0, 10]).level


def test_many_ids_are_told_as_a_share_of_few() -> None:
    full = state_report.Full(10_000_000, 8_000.0, 10_000.0, exact=True)

    assert "80%" in state_report.text(Costs(full=full))
    assert state_report.document(Costs(full=full))["full"]["ratio"] == pytest.approx(0.8)


def test_copy_of_a_worker_costs_what_its_entries_take_and_little_more() -> None:
    costs = Costs(copy=Copied(100_000, worker_copy.bytes_for(100_000)))

    # No id without its 40 bytes, and no objects of Python, which would take ten times as much.
    assert 40 <= state_report.document(costs)["copy"]["bytes_per_id"] < 80
    assert state_report.text(costs).startswith("copy: ")
    assert costs.well


def test_newest_results_are_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = table.document([measured("sharded", 40_000), measured("Spark", 20_000)])
    (tmp_path / "1_bench.json").write_text(json.dumps(document))
    line = state_report.document(Costs(flat([0, 10, 20, *(4_000, 4_800, 4_400) * 6])))
    (tmp_path / "1_state.json").write_text(json.dumps(line))

    assert chart.main([*map(str, tmp_path.glob("*.json")), f"--to={tmp_path}"]) == 0

    assert "40,000" in (tmp_path / "throughput.svg").read_text()
    assert "horizons" in (tmp_path / "state.svg").read_text()


def test_file_that_is_no_result_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "1.json").write_text("{}")

    with pytest.raises(SystemExit) as ended:
        chart.main([str(tmp_path / "1.json")])

    assert ended.value.code == 2
    assert "none of the files" in capsys.readouterr().err
