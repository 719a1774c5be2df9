"""All that a page shows and does, put together."""

from __future__ import annotations

import dataclasses

from console.board import Board
from console.cards import Cards
from console.faults import Killer
from console.places import Places
from console.proof import Prover
from console.send import Sender
from console.watch import Loop, Watch

_FOLLOW_SEC = 0.7


@dataclasses.dataclass
class Parts:
    """What there is to show, and to do; a page that only reads has no sender, killer and prover."""

    places: Places
    board: Board
    loops: tuple[Watch | Loop, ...] = ()
    sender: Sender | None = None
    cards: Cards | None = None
    killer: Killer | None = None
    prover: Prover | None = None

    @classmethod
    def of(cls, places: Places) -> Parts:
        """Returns the parts of a page: those that act only for a sandbox."""
        board = Board()
        watch = Watch(places, board)
        if places.sandbox is None:
            return cls(places, board, (watch,))
        cards = Cards(places, board)
        follow = Loop("cards", _FOLLOW_SEC, cards.follow, lambda said: None)
        return cls(
            places,
            board,
            (watch, follow),
            Sender(places),
            cards,
            Killer(places, board),
            Prover(places, board),
        )

    def start(self) -> None:
        """Begins to look."""
        for loop in self.loops:
            loop.start()

    def stop(self) -> None:
        """Looks no further, and lets go of Kafka."""
        for loop in self.loops:
            loop.stop()
        if self.sender is not None:
            self.sender.close()
