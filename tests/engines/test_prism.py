"""The path of Dataflow, run: splittable read, records one by one (docs/decisions/0020).

Prism gives a step its elements in another order than they came in: a stage that waits is handed its
heap as it lies in memory (engine/elementmanager.go: `toProcess = ss.pending`), which is not sorted
where two partitions have met. Beam promises no order either. Which of several copies is the first
then differs from the topic's order; how many are counted must not.
"""

from __future__ import annotations

from collections import Counter

import pytest

from harness.e2e_run import E2ERun
from tests.engines.behaviours import Behaviours
from tests.engines.engines import Counted, outcome_of, place_of
from tests.engines.prism import BINARY, Prism
from transforms.payment.outcome import Outcome

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.timeout(1_800),
    pytest.mark.skipif(
        not BINARY.exists(), reason="Prism is not here: make setup-launch, which needs Go"
    ),
]

# Checks that rest on the order of a partition: all others must hold.
OF_ORDER = {"outcomes", "ledger outcomes"}
BY_ORDER = {Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.CONFLICT}


@pytest.fixture(scope="module")
def prism(traffic: E2ERun) -> Counted:
    return Prism().count(traffic)


class TestOnPrism(Behaviours):
    @pytest.fixture
    def counted(self, prism: Counted) -> Counted:
        return prism

    def test_every_record_ends_once_and_as_the_ledger_says(self, counted: Counted) -> None:
        report = counted.report
        assert (report.missing, report.double) == (0, 0), report.text()
        assert set(report.failed()) <= OF_ORDER, report.text()
        assert counted.rows.keys() == {place_of(sent) for sent in counted.sent}
        assert {outcome_of(row) for row in counted.rows.values()} == set(Outcome) - {
            Outcome.SKIPPED
        }


def test_outcomes_that_no_order_decides_are_those_of_the_ledger(prism: Counted) -> None:
    for sent in prism.sent:
        outcome = outcome_of(prism.rows[place_of(sent)])
        assert outcome is sent.expected or {outcome, sent.expected} <= BY_ORDER, sent


def test_of_all_copies_of_an_id_one_is_accepted(prism: Counted) -> None:
    wanted = {sent.transaction_id for sent in prism.sent if sent.expected is Outcome.ACCEPTED}
    found = Counter(
        sent.transaction_id
        for sent in prism.sent
        if outcome_of(prism.rows[place_of(sent)]) is Outcome.ACCEPTED
    )

    assert found == Counter(wanted)
