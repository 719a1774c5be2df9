"""The laws' controls: each wrong product is found, by the law that its fault breaks."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.laws import laws, mutants
from tests.laws.product import Product
from tests.laws.stories import Story, stories

# Always the same stories: a control that fails once in a hundred runs would teach to ignore it.
SEARCH = settings(
    max_examples=5_000,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)

BROKEN = [
    (laws.conservation, mutants.LosesTheLate),
    (laws.conservation, mutants.LosesTheUnreadable),
    (laws.uniqueness, mutants.ForgetsOneTickEarly),
    (laws.uniqueness, mutants.TimersFollowTheWallClock),
    (laws.uniqueness, mutants.IgnoresLateness),
    (laws.uniqueness, mutants.TrustsTheFuture),
    (laws.replay, mutants.DecidesByTheWallClock),
    (laws.order_independence, mutants.RemembersTheLate),
    (laws.order_independence, mutants.LateByWhatWasReadBefore),
    (laws.conflict_symmetry, mutants.CountsConflictsAsDuplicates),
    (laws.conflict_symmetry, mutants.TakesAnyDifferenceForAConflict),
    (laws.conflict_symmetry, mutants.RemembersTheConflict),
    (laws.horizon, mutants.CopiesExtendTheHorizon),
    (laws.horizon, mutants.ForgetsOneTickEarly),
    (laws.horizon, mutants.ForgetsOneTickLate),
    (laws.horizon, mutants.NeverForgets),
    (laws.agreement, mutants.JudgesReplaysByTheirOwnArrival),
]
# The verdicts of one are right: only its state is wrong.
WRONG_VERDICTS = {mutant for _, mutant in BROKEN} - {mutants.NeverForgets}


@pytest.mark.parametrize(
    ("law", "mutant"), BROKEN, ids=[f"{law.__name__}-{mutant.__name__}" for law, mutant in BROKEN]
)
def test_law_finds_the_fault(law, mutant: type[Product]) -> None:
    assert finds(law, mutant)


def test_every_law_and_every_mutant_has_a_control() -> None:
    wrong = {each for each in vars(mutants).values() if _is_mutant(each)}

    assert {law for law, _ in BROKEN} == set(laws.ALL)
    assert {mutant for _, mutant in BROKEN} == wrong


@pytest.mark.parametrize("mutant", sorted(WRONG_VERDICTS, key=repr))
def test_reference_model_finds_every_wrong_verdict(mutant: type[Product]) -> None:
    assert finds(laws.agreement, mutant)


def finds(law, product: type[Product]) -> bool:
    @SEARCH
    @given(story=stories())
    def search(story: Story) -> None:
        law(product, story)

    try:
        search()
    except AssertionError:
        return True
    return False


def _is_mutant(each: object) -> bool:
    return isinstance(each, type) and issubclass(each, Product) and each is not Product
