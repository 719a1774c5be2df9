"""Payments are cut into stretches that end at a time of their shard's own."""

from tests.support.payments import START_US, transaction
from transforms.state.stretch import STRETCH_US, Clock, merged, pieces

SHARDS = 32
PAYMENTS = [
    transaction(f"tx-{n}", arrival_us=START_US + n * 1_300_000 % 17_000_000, offset=n)
    for n in range(40)
]


def test_stretches_end_at_whole_milliseconds_because_timers_are_cut_to_them() -> None:
    ends_us = {Clock(shard, SHARDS).end_us(7) for shard in range(SHARDS)}

    assert all(end_us % 1_000 == 0 for end_us in ends_us)
    assert len(ends_us) == SHARDS
    assert max(ends_us) - min(ends_us) < STRETCH_US


def test_every_payment_is_in_the_piece_of_its_stretch_in_order() -> None:
    for shard in (0, 13, 31):
        clock = Clock(shard, SHARDS)
        found = list(clock.cut(list(PAYMENTS)))

        assert [each.stretch for each in found] == sorted({each.stretch for each in found})
        assert [each.number for each in found] == [len(each.payments()) for each in found]
        for piece in found:
            for payment in piece.payments():
                assert clock.stretch_of(payment.broker_time_us) == piece.stretch
                end_us = clock.end_us(piece.stretch)
                assert end_us - STRETCH_US <= payment.broker_time_us < end_us
        in_order = sorted(PAYMENTS, key=lambda it: (it.broker_time_us, it.offset))
        assert merged([each.payments() for each in reversed(found)]) == in_order


def test_pieces_one_after_the_other_come_back() -> None:
    found = list(Clock(5, SHARDS).cut(list(PAYMENTS)))

    assert len(found) > 3
    assert list(pieces(b"".join(each.encode() for each in found))) == found
