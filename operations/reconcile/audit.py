"""Checks that every record was counted exactly once: all checks, from two sides to a report."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from operations.reconcile.accepted_twice import Twice, accepted_twice
from operations.reconcile.checks import Check, Tally
from operations.reconcile.compare import Comparison, compare_sums, plain
from operations.reconcile.copies import Copies, CopiesFinding
from operations.reconcile.coverage import PartitionLine
from operations.reconcile.ledger import Ledger
from operations.reconcile.ledger_check import LedgerAudit
from operations.reconcile.progress import Progress, Tell
from operations.reconcile.report import Counts, Report
from operations.reconcile.rows import MinuteDifference, Outside, Tables
from operations.reconcile.scope import FULL, INCREMENTAL, Scope
from operations.reconcile.truth import Partition, Place, Reach, Truth
from transforms.payment.outcome import Outcome


def audit(
    truth: Truth,
    tables: Tables,
    ledgers: Sequence[Ledger] = (),
    scope: Scope | None = None,
    tell: Tell = lambda text: None,
) -> Report:
    """Compares what Kafka holds with what BigQuery says.

    The truth is Kafka and, where given, what the ledgers say was sent; never the tables.

    Args:
        scope: what is checked; everything unless given.
        tell: told how far the comparison is.

    Raises:
        CannotCheck: a side or a ledger cannot be read to its end.
    """
    scope = (scope or Scope.full(truth.ranges)).as_read(truth.ranges)
    found = _find(truth, tables, ledgers, scope, tell)
    comparison = found.comparison
    partitions = comparison.coverage.lines()
    counts = _counts(partitions, comparison, found.twice)
    currencies, sums = compare_sums(comparison, tables.sums)
    checks = _checks(found, tables, partitions, counts, sums)
    if scope.kind == INCREMENTAL:
        checks.append(_unbroken(scope))
    notes = _notes(found, tables.outside, scope)
    if not counts.read:
        notes.append("Kafka holds no record in the checked ranges: nothing is proven")
    if found.ledger is not None:
        finding = found.ledger.finish(found.copies.swapped)
        checks += finding.checks
        notes += finding.notes
    scope = dataclasses.replace(scope, proven_ends=_proven_ends(found))
    return Report(counts, tuple(partitions), tuple(currencies), tuple(checks), tuple(notes), scope)


def _proven_ends(found: _Found) -> dict[Partition, int]:
    """Returns where the next check must begin in the partitions that are not proven to their end.

    A range that reaches further is counted there as a whole.
    """
    ends = dict(found.copies.unproven)
    for pair, offset in found.comparison.skipped.unproven.items():
        ends[pair] = min(ends.get(pair, offset), offset)
    return ends


class _Found(NamedTuple):
    """What the passes over places and ids have found."""

    comparison: Comparison
    copies: CopiesFinding
    twice: Twice
    ledger: LedgerAudit | None


def _find(
    truth: Truth, tables: Tables, ledgers: Sequence[Ledger], scope: Scope, tell: Tell
) -> _Found:
    twice = accepted_twice(
        tables.repeated, truth.limits.horizon_us, truth.key, _reaches(truth, scope)
    )
    copies = Copies(truth, scope.holds)
    ledger = LedgerAudit(truth, copies, ledgers) if ledgers else None
    comparison = Comparison(truth, copies, ledger)
    records = truth.records
    fetched = Progress(tell, "rows read from BigQuery", records)
    compared = Progress(tell, "records compared", records)
    comparison.run(tables.rows, twice.places, fetched.step, compared.step)
    for place in tables.outside.beyond_end:
        comparison.unknown.add(f"{place} is in a table; Kafka has not reached that offset")
    if ledger is not None:
        ledger.match_alike()
    for row in tables.firsts:
        copies.add_first(row)
    by_ledger = Tally() if ledger is None else ledger.outcomes
    finding = copies.judge(comparison.outcome, comparison.content, by_ledger, tell)
    return _Found(comparison, finding, twice, ledger)


def _checks(
    found: _Found,
    tables: Tables,
    partitions: Sequence[PartitionLine],
    counts: Counts,
    sums: Check,
) -> list[Check]:
    comparison, twice = found.comparison, found.twice
    return [
        _missing(partitions),
        comparison.double.check("double", f"{counts.read} records, at most one row each"),
        comparison.unknown.check("unknown", f"{comparison.rows.total()} rows, each of a record"),
        comparison.skipped.wrong.check("skipped", f"{comparison.skipped.ranges} ranges"),
        _conservation(counts),
        twice.tally.check(
            "distinct ids",
            f"COUNT(*) = {tables.accepted_rows}, COUNT(DISTINCT transaction_id) = "
            f"{tables.accepted_ids}, {twice.again} accepted again beyond the horizon",
        ),
        comparison.content.check("content", "every column that Kafka knows"),
        sums,
        _minutes(tables.minutes),
        comparison.outcome.check("outcomes", f"{found.copies.groups} ids with copies"),
    ]


def _reaches(truth: Truth, scope: Scope) -> Callable[[Place], bool]:
    """Returns whether a row of an id that was accepted twice concerns this check.

    A full check tells of the whole history; one of a range, of what has a copy in it.
    """
    if scope.kind == FULL:
        return lambda place: True
    return lambda place: truth.reach(place) in (Reach.CHECKED, Reach.NOWHERE)


def _counts(partitions: Sequence[PartitionLine], comparison: Comparison, twice: Twice) -> Counts:
    outcomes = {outcome: comparison.rows[outcome] for outcome in Outcome}
    return Counts(
        sum(line.records for line in partitions),
        outcomes,
        sum(line.missing for line in partitions) + comparison.skipped.missing,
        comparison.double.failures + comparison.twice + twice.elsewhere,
        comparison.unknown.failures + comparison.skipped.unknown,
    )


def _missing(partitions: Sequence[PartitionLine]) -> Check:
    tally = Tally()
    for line in partitions:
        for gap in line.gaps:
            tally.add(
                f"{line.topic}[{line.partition}] {gap.first_offset}..{gap.last_offset}: "
                f"{gap.records} records in no table"
            )
    tally.failures = sum(line.all_gaps for line in partitions)
    records = sum(line.records for line in partitions)
    missing = sum(line.missing for line in partitions)
    return tally.check("missing", f"{missing} of {records} records, {tally.failures} gaps")


def _conservation(counts: Counts) -> Check:
    tally = Tally()
    total = sum(counts.outcomes.values())
    terms = " + ".join(f"{count} {outcome.value}" for outcome, count in counts.outcomes.items())
    if total != counts.read:
        tally.add(f"{counts.read} read, but {terms} = {total}")
    return tally.check("conservation", f"{counts.read} read, {total} rows")


def _minutes(differences: Iterable[MinuteDifference]) -> Check:
    tally = Tally()
    for minute_us, currency, rows, amount, count, total in differences:
        minute = dt.datetime.fromtimestamp(minute_us / 1e6, dt.UTC)
        tally.add(
            f"{minute:%F %R} {currency}: {rows} payments of {plain(amount)}, but the totals say "
            f"{count} of {plain(total)}"
        )
    return tally.check("totals by minute", "the newest panes add up to the accepted payments")


def _unbroken(scope: Scope) -> Check:
    tally = Tally()
    for line in scope.unproven:
        tally.add(line)
    return tally.check("unbroken", "begins where the proof before has ended")


def _notes(found: _Found, outside: Outside, scope: Scope) -> list[str]:
    cut = scope.kind != FULL
    before = "before the checked range" if cut else "that Kafka has deleted since (expired)"
    after = "the checked range" if cut else "this check began"
    notes = {
        "rows were refused by BigQuery: their payments are in dead_letters, not counted": (
            found.comparison.refused
        ),
        "copies name an accepted record that is not read here: their facts were not compared": (
            found.copies.unverifiable
        ),
        f"rows are of records {before}": outside.expired,
        f"rows are of records that arrived after {after}": outside.newer,
        "rows are of other topics": outside.other_topics,
        "ids were accepted twice outside the checked range": found.twice.left_out,
    }
    return scope.notes() + [f"{count} {text}" for text, count in notes.items() if count]
