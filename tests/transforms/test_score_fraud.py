"""Fraud indicators in a stream: the order of arrival decides, and copies move nothing."""

import random
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.runner import PipelineRunner
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from tests.support import fraud_reference
from tests.support.lists import Each, InLists
from tests.support.payments import SECOND_US, transaction
from tests.support.shards import SHARDS
from transforms import Deduplicate, ScoreFraud
from transforms.payment.dedup_policy import DedupPolicy
from transforms.payment.fraud_rules import FraudAlert, FraudRules
from transforms.state import account_state

HORIZON_US = 3_900 * SECOND_US
MEMORY_SEC = 1_000


def paid(serial: int, at_sec: float, **changes: object) -> TimestampedValue:
    payment = transaction(
        f"tx-{serial}", arrival_us=round(at_sec * SECOND_US), offset=serial, **changes
    )
    return TimestampedValue(payment, Timestamp(at_sec))


def history() -> list[TimestampedValue]:
    """Two accounts whose payments raise something of everything."""
    rng = random.Random(3)
    found = []
    for serial in range(60):
        changes = {
            "account_id": rng.choice(("acc-1", "acc-2")),
            "amount_minor": rng.choice((90, 100, 110, 5_000)),
            "country": rng.choice(("DE", "DE", "FR")),
            "device_id": rng.choice(("dev-1", "dev-2", "dev-3")),
        }
        found.append(paid(serial, 1 + serial * 2.5, **changes))
    return found


def copies(payments: list[TimestampedValue]) -> list[TimestampedValue]:
    """Honest and dishonest copies of the payments, a moment later each."""
    return [
        TimestampedValue(
            each.value._replace(
                offset=1_000 + n,
                broker_time_us=each.value.broker_time_us + 1,
                amount_minor=each.value.amount_minor + (n % 2) * 999_999,
                country="JP" if n % 2 else each.value.country,
            ),
            each.timestamp,
        )
        for n, each in enumerate(payments)
    ]


TOLD: list[tuple] = []


def tell(raised: FraudAlert) -> None:
    features = raised.features
    numbers = (features.count_1h, features.z_score) if features else ()
    TOLD.append((raised.indicator.value, raised.transaction.offset, *numbers))


def scored(payments: Any, runner: PipelineRunner | None = None) -> list[tuple]:
    """Runs Deduplicate and ScoreFraud; returns (indicator, offset, count_1h, z_score), sorted."""
    TOLD.clear()
    options = PipelineOptions(streaming=runner is None)
    with TestPipeline(runner=runner, options=options) as root:
        arrivals = root | payments | InLists()
        result = arrivals | Deduplicate(DedupPolicy(HORIZON_US), SHARDS)
        raised = (result.accepted, result.conflicts) | ScoreFraud(
            FraudRules(MEMORY_SEC * SECOND_US), SHARDS
        )
        _ = raised | beam.Flatten() | Each() | beam.Map(tell)
    return sorted(TOLD)


def streamed(payments: list[TimestampedValue]) -> list[tuple]:
    """Delivers the payments in this order, with a watermark that follows arrival."""
    stream = TestStream().advance_watermark_to(0)
    watermark = 0.0
    for each in payments:
        stream = stream.add_elements([each])
        if float(each.timestamp) > watermark:
            watermark = float(each.timestamp)
            stream = stream.advance_watermark_to(watermark)
    return scored(stream.advance_watermark_to(watermark + 20).advance_watermark_to_infinity())


def bounded(payments: list[TimestampedValue]) -> list[tuple]:
    """Delivers the payments as the DirectRunner of the pipeline does: all, then the end."""
    return scored(beam.Create(payments) | beam.Map(_same), FnApiRunner())


def _same(it: Any) -> Any:
    return it


def by_rules(payments: list[TimestampedValue]) -> list[tuple]:
    """What the pure rules say of the payments in order of arrival."""
    rules = FraudRules(MEMORY_SEC * SECOND_US)
    in_order = sorted((it.value for it in payments), key=lambda it: it.broker_time_us)
    return sorted(
        (it.indicator.value, it.transaction.offset, it.features.count_1h, it.features.z_score)
        for it in fraud_reference.judge_all(rules, in_order)
    )


def test_indicators_are_those_of_the_rules_in_order_of_arrival() -> None:
    expected = by_rules(history())

    assert len({indicator for indicator, *_ in expected}) >= 4
    assert streamed(history()) == expected


def test_order_of_delivery_changes_nothing() -> None:
    for seed in range(3):
        delivered = history()
        random.Random(seed).shuffle(delivered)

        assert bounded(delivered) == by_rules(history())


def test_control_without_the_sorting_the_order_of_delivery_shows(monkeypatch) -> None:
    monkeypatch.setattr("transforms.state.stretch.place", lambda payment: 0)
    delivered = history()
    random.Random(0).shuffle(delivered)

    assert bounded(delivered) != by_rules(history())


def test_duplicates_and_conflicts_move_no_indicator() -> None:
    mixed = sorted(history() + copies(history()), key=lambda it: it.value.broker_time_us)

    told = streamed(mixed)

    assert [each for each in told if each[0] != "conflict"] == by_rules(history())
    conflicts = [offset for indicator, offset, *_ in told if indicator == "conflict"]
    assert conflicts == [1_000 + n for n in range(60) if n % 2]


def test_control_copies_that_reach_the_rules_do_move_indicators() -> None:
    assert by_rules(history() + copies(history())) != by_rules(history())


def test_account_that_has_not_paid_for_long_is_forgotten_by_the_timer(monkeypatch) -> None:
    """The rules are made blind to time, so that only a cleared state forgets."""
    monkeypatch.setattr(account_state, "judge", _never_forgetting)

    told = streamed(
        [
            paid(1, 1, device_id="dev-1"),
            paid(2, MEMORY_SEC - 1, device_id="dev-2"),  # new, for dev-1 is remembered
            paid(3, 3 * MEMORY_SEC, device_id="dev-3"),  # the first again
        ]
    )

    assert [(name, offset) for name, offset, *_ in told] == [("new_device", 2)]


_judge = account_state.judge


def _never_forgetting(rules: FraudRules, account, payment):
    return _judge(FraudRules(10**18), account, payment)
