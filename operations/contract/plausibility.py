"""Finds what decodes well and is probably wrong: a unit, an id that is none, a time far away.

Questions, not findings: a shop may sell for round sums only.
"""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping, Sequence

from operations.contract import why_skipped
from operations.contract.check import Group
from transforms.codecs.contract.language import DAY_KINDS, LOCAL_KINDS, Contract
from transforms.payment.rules import MINOR_DIGITS, amount_of
from transforms.payment.transaction import Transaction, facts_of

_DAY_US = 86_400_000_000
_ENOUGH = 10
# Of major units: a median above is seldom a payment, in any currency but a few.
_MEDIAN_MAX = 1_000_000
_MANY_UNITS = frozenset({"IDR", "VND", "IRR", "LBP", "COP", "KRW", "UZS", "PYG", "LAK", "GNF"})


def questions(contract: Contract, transactions: Sequence[Transaction], now_us: int) -> list[str]:
    """Returns what a person should look at, a line each."""
    if not transactions:
        return []
    return [
        *_of_amounts(contract, transactions),
        *_of_times(contract, transactions, now_us),
        *_of_ids(transactions),
    ]


def of_skips(contract: Contract, records: int, skipped: Mapping[str, Group]) -> list[str]:
    """Returns the same of what is skipped: nobody would miss it."""
    found = []
    if skipped and sum(each.count for each in skipped.values()) == records:
        found.append(
            "all records are skipped, so nothing would be counted. Does `keep` ask rightly?"
        )
    for name, group in skipped.items():
        rule = why_skipped.rule_of(contract, name)
        if rule is not None and group.detail.startswith(f"{rule.at.text} is absent"):
            found.append(
                f"{name} skips what has no {rule.at.text}, as {group.place}: is the path right? "
                "Hint: `explain` shows what lies there"
            )
    return found


def _of_amounts(contract: Contract, transactions: Sequence[Transaction]) -> Iterator[str]:
    by_currency = collections.defaultdict(list)
    for each in transactions:
        by_currency[each.currency].append(each.amount_minor)
    kind = contract.fields["amount"].kind
    for currency, amounts in sorted(by_currency.items()):
        digits = MINOR_DIGITS.get(currency, 0)
        whole = all(each % 10**digits == 0 for each in amounts)
        if digits and whole and len(amounts) >= _ENOUGH and len(set(amounts)) > 1:
            yield (
                f"unit? all {len(amounts)} amounts in {currency} end in {'0' * digits}: "
                f"is {kind} right, or are they in whole units already?"
            )
        median = amount_of(sorted(amounts)[len(amounts) // 2], currency)
        if median > _MEDIAN_MAX and currency not in _MANY_UNITS:
            yield f"unit? half of the amounts in {currency} are above {median:f}"


def _of_times(
    contract: Contract, transactions: Sequence[Transaction], now_us: int
) -> Iterator[str]:
    field = contract.fields["event_time"]
    if field.kind in DAY_KINDS:
        yield (
            "event_time is a day: a payment counts as made at its first moment, so most are late "
            "unless --allowed_lateness_sec is above a day"
        )
    times = [each.event_time_us for each in transactions]
    ahead = sum(time > now_us + _DAY_US for time in times)
    if ahead:
        yield f"unit or zone? {ahead} event times are more than a day after now"
    if len(set(times)) == 1 and len(times) >= _ENOUGH and field.kind not in LOCAL_KINDS:
        yield f"event_time is the same in all {len(times)} payments"
    lags = [each.broker_time_us - each.event_time_us for each in transactions]
    late = sum(_DAY_US > lag > 3_600_000_000 for lag in lags)
    if late and late < len(lags):
        yield f"{late} payments arrived more than an hour after their event time: late by default"


def _of_ids(transactions: Sequence[Transaction]) -> Iterator[str]:
    ids = collections.defaultdict(set)
    for each in transactions:
        ids[each.transaction_id].add(facts_of(each))
    torn = [name for name, facts in ids.items() if len(facts) > 1]
    if torn:
        yield (
            f"{len(torn)} transaction_ids have records with other facts, such as {torn[0]!r}: "
            "these are conflicts. Is the id unique, and does `keep` choose one state?"
        )
    repeated = len(transactions) - len(ids)
    if repeated > len(transactions) // 2:
        yield f"only {len(ids)} transaction_ids in {len(transactions)} payments: is it an id?"
    if len(ids) >= _ENOUGH and len({each.merchant_id for each in transactions}) == len(ids):
        yield "merchant_id is another one in every payment: is it an id of the payment?"
    if len(ids) >= _ENOUGH and len({each.account_id for each in transactions} - {None}) == 1:
        yield "account_id is the same in all payments. Hint: `{absent: null}` where it is unknown"
