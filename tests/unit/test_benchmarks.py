"""The comparison: what is measured of what was written down, and how it is told."""

from pathlib import Path

import pytest

from benchmarks import meter, table, usage
from benchmarks.meter import Reading
from benchmarks.stage import Measured


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
