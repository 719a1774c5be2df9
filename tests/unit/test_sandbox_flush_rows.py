"""FlushRows includes the offset that it names, and refuses a repeated flush."""

from hypothesis import given
from hypothesis import strategies as st

from sandbox.bigquery.flush_rows import Refusal, decide

S = "projects/p/datasets/d/tables/t/streams/s"


def test_flush_includes_the_row_at_its_offset() -> None:
    # Three rows at offsets 0, 1, 2. Exclusive, as bqemulator has it, the last would stay unseen.
    assert decide(S, offset=2, appended=3, flushed=0) == 3


def test_single_row_can_be_flushed() -> None:
    assert decide(S, offset=0, appended=1, flushed=0) == 1


def test_flush_beyond_the_end_is_out_of_range() -> None:
    refusal = decide(S, offset=3, appended=3, flushed=0)

    assert isinstance(refusal, Refusal)
    assert refusal.status == "OUT_OF_RANGE"
    assert S in refusal.message


def test_repeated_flush_already_exists() -> None:
    refusal = decide(S, offset=2, appended=3, flushed=3)

    assert isinstance(refusal, Refusal)
    assert refusal.status == "ALREADY_EXISTS"


def test_negative_offset_is_refused() -> None:
    assert isinstance(decide(S, offset=-1, appended=3, flushed=0), Refusal)


@given(appended=st.integers(0, 50), offsets=st.lists(st.integers(-2, 60)))
def test_any_flushes_make_each_row_visible_at_most_once(appended, offsets) -> None:
    flushed = 0
    visible: list[int] = []
    for offset in offsets:
        decision = decide(S, offset, appended, flushed)
        if isinstance(decision, int):
            visible += range(flushed, decision)
            flushed = decision

    assert visible == list(range(flushed))  # none twice, none skipped
    assert flushed <= appended


def test_finalized_stream_cannot_be_flushed_again() -> None:
    refusal = decide(S, offset=1, appended=2, flushed=2, finalized=True)

    assert isinstance(refusal, Refusal)
    assert refusal.status == "INVALID_ARGUMENT"
