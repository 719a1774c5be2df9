"""Gathers payments by shard before the shuffle, cut into stretches of their arrival."""

from __future__ import annotations

from transforms.batch_by_shard import BatchByShard, Shards
from transforms.payment.transaction import Transaction
from transforms.state.stretch import Clock


class BatchByStretch(BatchByShard):
    """Gathers transactions by the shard of their account, and cuts them by their arrival.

    Input:      [Transaction, …].
    Output:     (key of the shard, Pieces one after the other), timestamp = the earliest arrival.
    Guarantee:  every transaction whose payer is known is in one piece; a piece holds transactions
                of one stretch, in the order in which they are judged.
    """

    def __init__(self, shards: Shards) -> None:
        super().__init__(account_of, shards, CutByStretch(shards))


class CutByStretch:
    """Packs a batch of a shard as pieces, one for each stretch of its arrivals."""

    def __init__(self, shards: Shards) -> None:
        self._clocks = clocks(shards)

    def __call__(self, shard: int, batch: list[Transaction]) -> bytes:
        """Returns the pieces, one behind the other."""
        return b"".join(piece.encode() for piece in self._clocks[shard].cut(batch))


def account_of(payment: Transaction) -> str | None:
    """Returns by what name payments are gathered; None, an unknown payer, is not judged.

    One name for all of them would be one account that pays all day, and one key for all the work.
    """
    return payment.account_id


def clocks(shards: Shards) -> dict[int, Clock]:
    """Returns the clock of each shard, by its key."""
    return {key: Clock(number, len(shards)) for number, key in enumerate(shards.keys)}
