"""Says what lay where a rule of a contract looked, of a record that it skips.

A rule with `else: skip` also skips what has no such field: a path that is wrong skips everything.
"""

from __future__ import annotations

from transforms.codecs.contract.decoder import Decoder
from transforms.codecs.contract.language import Contract, Keep
from transforms.codecs.contract.paths import MISSING, Scope, follow, getter
from transforms.codecs.contract.trace import shown
from transforms.payment.transaction import KafkaRecord


def rule_of(contract: Contract, name: str) -> Keep | None:
    """Returns the rule of `keep` that a record was skipped by, None for another one."""
    return next((each for each in contract.keep if name == f"{each.name}: else"), None)


def told(decoder: Decoder, record: KafkaRecord, rule: str) -> str:
    """Returns what lay where an open rule looked, as `type is "paid"`; nothing of other rules."""
    keep = rule_of(decoder.contract, rule)
    if keep is None or record.payload is None:
        return ""
    reader = decoder.reader
    scope = reader.decode(record, record.payload)
    if keep not in reader.keeps[: reader.rules_before]:
        reader.unwrap(scope)
    said = f"{keep.at.text} is {shown(getter(keep.at)(scope))}"
    return said + _outside(keep, scope)


def _outside(keep: Keep, scope: Scope) -> str:
    """Returns that the path leads to something around what was unwrapped."""
    is_inner = keep.at.origin == "inner" and scope.outer is not scope.inner
    if not is_inner or getter(keep.at)(scope) is not MISSING:
        return ""
    around = follow(scope.outer, keep.at.segments)
    return "" if around is MISSING else f"; outer:{keep.at.text} is {shown(around)}"
