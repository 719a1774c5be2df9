"""The memory of all accounts of a shard, and how it is kept in state.

State holds a log. It begins with the accounts as they were when it was last written anew; each
batch appends what an account remembers of its payments, seventy bytes each. An account that is
opened after a restart takes its payments from there. When most of the log is outdated it is
written anew.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Iterable, Iterator, Sequence

import orjson

from transforms.payment.fraud_rules import FraudAlert, FraudRules
from transforms.payment.transaction import Transaction
from transforms.state.account_memory import Paid
from transforms.state.open_account import OpenAccount

# A log three times as long as its content is read in three times the time, after a restart only;
# writing it anew at every third of its length costs a third more than appending.
_GROWTH_MAX = 3
_SMALL_BYTES = 262_144
_PART_BYTES_MAX = 1_048_576
# Open accounts of all shards: an account weighs 16, and 1 for each payment of its last hour. So
# heavy they take about 64 MB in the one worker that has all shards.
_OPEN_WEIGHT_ALL = 320_000
_ACCOUNT_WEIGHT = 16

_PAID_COLUMNS = operator.itemgetter(*map(Transaction._fields.index, Paid._fields))


@dataclasses.dataclass
class BookHeader:
    """What state says of a book, besides the log.

    Attributes:
        token: random, another after every change: tells a copy of this very state from any other.
        parts: how many parts the log has had since it was written anew.
        log_bytes: how long they are together.
        anew_bytes: how long it was when it had been written anew.
        sweep_at_us: when to look for accounts to forget, microseconds since the epoch; 0: not set.
    """

    token: str = ""
    parts: int = 0
    log_bytes: int = 0
    anew_bytes: int = 0
    sweep_at_us: int = 0

    def encode(self) -> bytes:
        """Returns the header as it rests in state."""
        return orjson.dumps(dataclasses.astuple(self))

    @classmethod
    def decode(cls, stored: bytes | None) -> BookHeader:
        """Returns what `encode` was called on, an empty header for None."""
        return cls() if stored is None else cls(*orjson.loads(stored))


class AccountState:
    """The accounts of one shard: those of recent use open, the others encoded.

    An account id holds no white space (rules.py) and an encoded account no line break (JSON). A
    part of the log is lines: its number; columns of Paid; then `account encoded` for each account.
    What is encoded in a part replaces all that the parts before say of the account.
    """

    def __init__(
        self,
        rules: FraudRules,
        header: BookHeader,
        log: Iterable[bytes] = (),
        shards: int = 32,
    ) -> None:
        self.header = header
        self._open_weight_max = _OPEN_WEIGHT_ALL // shards
        self._rules = rules
        # Every account has its place here. An open one that has changed since is ahead of it.
        self._encoded: dict[str, bytes] = {}
        self._open: dict[str, OpenAccount] = {}  # the one used last stands last
        self._open_weight = 0
        # Payments that the log tells of accounts that have not been opened since it was read.
        self._unread: dict[str, list[Paid]] = {}
        # State gives the parts back in any order.
        for part in sorted(log, key=lambda part: int(part.partition(b"\n")[0])):
            self._read(part)

    def __len__(self) -> int:
        """Returns how many accounts are remembered."""
        return len(self._encoded)

    def judge(self, payments: Sequence[Transaction]) -> tuple[list[FraudAlert], bytes]:
        """Judges payments in the order given, and remembers them.

        Returns:
            what they raise, and the part to append to the log.
        """
        raised: list[FraudAlert] = []
        used: dict[str, OpenAccount] = {}
        rules = self._rules
        for payment in payments:
            account_id = payment.account_id or ""  # BatchByStretch: payers are known here
            account = used.get(account_id)
            if account is None:
                account = self._opened(account_id)
            used[account_id], news = judge(rules, account, payment)
            if news:
                raised += news
        self._keep(used)
        return raised, self._part(_PAID_COLUMNS(tuple(zip(*payments, strict=True))))

    def needs_rewriting(self) -> bool:
        """Returns whether most of the log is outdated."""
        header = self.header
        return header.log_bytes > max(_SMALL_BYTES, _GROWTH_MAX * header.anew_bytes)

    def rewritten(self) -> Iterator[bytes]:
        """Yields the parts that replace the whole log."""
        header = self.header
        header.parts = header.log_bytes = 0
        for account_id, account in self._open.items():
            self._encode(account_id, account)
        lines: list[bytes] = []
        paid: list[tuple] = []
        size_bytes = 0
        for account_id, encoded in self._encoded.items():
            if encoded:
                lines.append(account_id.encode() + b" " + encoded)
            paid += self._unread.get(account_id, ())
            size_bytes += len(encoded)
            if size_bytes > _PART_BYTES_MAX:
                yield self._part(tuple(zip(*paid, strict=True)), lines)
                lines, paid, size_bytes = [], [], 0
        if lines or paid:
            yield self._part(tuple(zip(*paid, strict=True)), lines)
        header.anew_bytes = header.log_bytes

    def forget(self, now_us: int) -> int:
        """Forgets the accounts that may be forgotten by now; returns how many. Rewrite the log."""
        gone = [
            account_id
            for account_id in self._encoded
            if self._rules.forget_at_us(self._last_arrival_us(account_id)) <= now_us
        ]
        for account_id in gone:
            del self._encoded[account_id]
            self._unread.pop(account_id, None)
            account = self._open.pop(account_id, None)
            self._open_weight -= account.weight if account else 0
        return len(gone)

    def _opened(self, account_id: str) -> OpenAccount | None:
        """Returns the account, which stays open; None if nothing is remembered of it."""
        account = self._open.pop(account_id, None)
        if account is not None:
            self._open_weight -= account.weight
            return account
        encoded = self._encoded.get(account_id)
        account = OpenAccount.decode(encoded) if encoded else None
        for paid in self._unread.pop(account_id, ()):
            account = _remember(self._rules, account, paid)
        return account

    def _keep(self, used: dict[str, OpenAccount]) -> None:
        """Keeps the accounts open, and closes those that have not been used for longest."""
        for account_id, account in used.items():
            account.weight = _ACCOUNT_WEIGHT + account.count_1h()
            self._open_weight += account.weight
            self._encoded.setdefault(account_id, b"")
        self._open |= used
        while self._open_weight > self._open_weight_max:
            oldest = next(iter(self._open))
            account = self._open.pop(oldest)
            self._open_weight -= account.weight
            self._encode(oldest, account)

    def _encode(self, account_id: str, account: OpenAccount) -> None:
        if account.changed:
            self._encoded[account_id] = account.encode()
            account.changed = False

    def _last_arrival_us(self, account_id: str) -> int:
        account = self._open.get(account_id)
        if account is not None:
            return account.last_arrival_us
        arrivals_us = [each.broker_time_us for each in self._unread.get(account_id, ())]
        encoded = self._encoded[account_id]
        if encoded:
            arrivals_us.append(OpenAccount.last_arrival_us_of(encoded))
        return max(arrivals_us)

    def _part(self, columns_of_paid: tuple, lines: Iterable[bytes] = ()) -> bytes:
        columns = orjson.dumps(columns_of_paid)
        part = b"\n".join((b"%d" % self.header.parts, columns, *lines))
        self.header.parts += 1
        self.header.log_bytes += len(part)
        return part

    def _read(self, part: bytes) -> None:
        _, columns, *lines = part.split(b"\n")
        for line in lines:
            name, _, encoded = line.partition(b" ")
            account_id = name.decode()
            self._encoded[account_id] = encoded
            self._unread.pop(account_id, None)
        for paid in map(Paid._make, zip(*orjson.loads(columns), strict=True)):
            self._unread.setdefault(paid.account_id, []).append(paid)
            self._encoded.setdefault(paid.account_id, b"")


def judge(
    rules: FraudRules, account: OpenAccount | None, payment: Transaction
) -> tuple[OpenAccount, list[FraudAlert]]:
    """Returns the account once the payment has been seen, and what the payment raises."""
    account = _moved_to(rules, payment.broker_time_us, account)
    same = account.in_currency(payment.currency)
    raised = rules.judge(account.seen(payment, same, payment.amount_minor // rules.small_ratio))
    account.add(payment, same)
    return account, raised


def _remember(rules: FraudRules, account: OpenAccount | None, paid: Paid) -> OpenAccount:
    """Returns the account as `judge` left it, when the payment has been judged before."""
    account = _moved_to(rules, paid.broker_time_us, account)
    account.add(paid, account.in_currency(paid.currency))
    return account


def _moved_to(rules: FraudRules, arrival_us: int, account: OpenAccount | None) -> OpenAccount:
    # An account may be kept for too long; it counts as forgotten all the same.
    if account is None or arrival_us >= account.last_arrival_us + rules.memory_us:
        return OpenAccount()
    account.move_to(arrival_us)
    return account
