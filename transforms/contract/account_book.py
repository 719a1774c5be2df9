"""What is remembered of all accounts of a shard, and how does it rest in state?

State holds a log: each batch appends the memories that it has changed, the newest of an account
counts. When the log has grown to a multiple of what is live in it, it is written anew.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import orjson

from transforms.contract.account_memory import AccountMemory
from transforms.contract.fraud_rules import FraudRules, Raised
from transforms.contract.open_account import OpenAccount
from transforms.contract.transaction import Transaction

# A log three times as long as its content is read in three times the time, after a restart only;
# writing it anew at every third of its length costs a third more than appending.
_GROWTH_MAX = 3
_SMALL_BYTES = 65_536


@dataclasses.dataclass
class BookHeader:
    """What state says of a book, besides the memories.

    Attributes:
        token: random, another after every change: tells a copy of this very state from any other.
        parts: how many parts the log has.
        log_bytes: how long they are together.
        sweep_at_us: when to look for accounts to forget, microseconds since the epoch; 0: not set.
    """

    token: str = ""
    parts: int = 0
    log_bytes: int = 0
    sweep_at_us: int = 0

    def encode(self) -> bytes:
        """Returns the header as it rests in state."""
        return orjson.dumps(dataclasses.astuple(self))

    @classmethod
    def decode(cls, stored: bytes | None) -> BookHeader:
        """Returns what `encode` was called on, an empty header for None."""
        return cls() if stored is None else cls(*orjson.loads(stored))


class AccountBook:
    """The memories of the accounts of one shard, kept encoded: decoded they take five times more.

    An account id holds no white space (rules.py) and a memory no line break (JSON), so a line of
    the log is `account memory`.
    """

    def __init__(self, header: BookHeader, log: Iterable[bytes] = ()) -> None:
        self.header = header
        self._memories: dict[bytes, bytes] = {}
        # State gives the parts back in any order; each begins with its number.
        for part in sorted(log, key=lambda part: int(part.partition(b"\n")[0])):
            for line in part.splitlines()[1:]:
                account, _, memory = line.partition(b" ")
                self._memories[account] = memory

    def __len__(self) -> int:
        """Returns how many accounts are remembered."""
        return len(self._memories)

    def judge(
        self, rules: FraudRules, payments: Iterable[Transaction]
    ) -> tuple[list[Raised], bytes]:
        """Judges payments in the order given, and remembers them.

        Returns:
            what they raise, and the part to append to the log.
        """
        raised: list[Raised] = []
        opened: dict[bytes, OpenAccount] = {}
        for payment in payments:
            account = payment.account_id.encode()
            known = opened.get(account) or self._open(account)
            opened[account], news = rules.judge_next(known, payment)
            raised += news
        encoded = {account: each.closed().encode() for account, each in opened.items()}
        self._memories |= encoded
        return raised, self._part(encoded)

    def needs_rewriting(self) -> bool:
        """Returns whether most of the log is outdated."""
        live_bytes = sum(map(len, self._memories.values()))
        return self.header.log_bytes > max(_SMALL_BYTES, _GROWTH_MAX * live_bytes)

    def rewritten(self) -> bytes:
        """Returns the one part that replaces the whole log."""
        self.header.parts = self.header.log_bytes = 0
        return self._part(self._memories)

    def forget(self, rules: FraudRules, now_us: int) -> int:
        """Forgets the accounts that may be forgotten by now; returns how many. Rewrite the log."""
        gone = [
            account
            for account, memory in self._memories.items()
            if rules.forget_at_us(AccountMemory.decode(memory)) <= now_us
        ]
        for account in gone:
            del self._memories[account]
        return len(gone)

    def _open(self, account: bytes) -> OpenAccount | None:
        encoded = self._memories.get(account)
        return None if encoded is None else OpenAccount(AccountMemory.decode(encoded))

    def _part(self, memories: dict[bytes, bytes]) -> bytes:
        lines = [account + b" " + memory for account, memory in memories.items()]
        part = b"\n".join((b"%d" % self.header.parts, *lines))
        self.header.parts += 1
        self.header.log_bytes += len(part)
        return part
