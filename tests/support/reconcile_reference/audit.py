"""All checks that every record was counted exactly once: pure, from values to a report."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from operations.reconcile.checks import Check, Tally
from operations.reconcile.compare import plain
from operations.reconcile.coverage import PartitionLine
from operations.reconcile.ledger import Ledger
from operations.reconcile.report import Counts, Report
from operations.reconcile.rows import MinuteDifference, Outside, Tables
from tests.support.reconcile_reference.compare import Comparison, compare_sums, gaps
from tests.support.reconcile_reference.copies import accepted_twice, check_copies
from tests.support.reconcile_reference.ledger_check import check_ledgers
from tests.support.reconcile_reference.truth import Truth
from transforms.payment.outcome import Outcome


def audit(truth: Truth, tables: Tables, ledgers: Sequence[Ledger] = ()) -> Report:
    """Compares what Kafka holds with what BigQuery says.

    The truth is Kafka and, where given, what the ledgers say was sent; never the tables.

    Raises:
        CannotCheck: a side or a ledger cannot be read to its end.
    """
    comparison = _compare(truth, tables)
    twice = accepted_twice(tables.repeated, truth.limits.horizon_us)
    copies = check_copies(truth, comparison.outcome, comparison.content)
    currencies, sums = compare_sums(truth, tables.sums)
    partitions = _partition_lines(truth, comparison)
    doubles = comparison.double.failures + len(twice.places - comparison.double_places)
    counts = _counts(truth.records, partitions, comparison, doubles)
    checks = [
        _missing(partitions),
        comparison.double.check("double", f"{counts.read} records, at most one row each"),
        comparison.unknown.check("unknown", f"{comparison.rows.total()} rows, each of a record"),
        Tally().check("skipped", "0 ranges"),
        _conservation(counts),
        twice.tally.check(
            "distinct ids",
            f"COUNT(*) = {tables.accepted_rows}, COUNT(DISTINCT transaction_id) = "
            f"{tables.accepted_ids}, {twice.again} accepted again beyond the horizon",
        ),
        comparison.content.check("content", "every column that Kafka knows"),
        sums,
        _minutes(tables.minutes),
        comparison.outcome.check("outcomes", f"{copies.groups} ids with copies"),
    ]
    notes = _notes(comparison.refused, copies.unverifiable, tables.outside)
    if not counts.read:
        notes.append("Kafka holds no record in the checked ranges: nothing is proven")
    if ledgers:
        finding = check_ledgers(truth, ledgers, copies.wrong_ids)
        checks += finding.checks
        notes += finding.notes
    return Report(counts, tuple(partitions), tuple(currencies), tuple(checks), tuple(notes))


def _compare(truth: Truth, tables: Tables) -> Comparison:
    comparison = Comparison(truth)
    for row in tables.rows:
        comparison.add(row)
    for place in tables.outside.beyond_end:
        comparison.unknown.add(f"{place} is in a table; Kafka has not reached that offset")
    return comparison


def _counts(
    read: int, partitions: Sequence[PartitionLine], comparison: Comparison, doubles: int
) -> Counts:
    outcomes = {outcome: comparison.rows[outcome] for outcome in Outcome}
    missing = sum(line.missing for line in partitions)
    return Counts(read, outcomes, missing, doubles, comparison.unknown.failures)


def _partition_lines(truth: Truth, comparison: Comparison) -> list[PartitionLine]:
    return [
        PartitionLine(
            topic,
            number,
            len(partition.entries),
            min(partition.entries, default=None),
            max(partition.entries, default=None),
            tuple(gaps(partition)),
            comparison.doubles[topic, number],
            sum(gap.records for gap in gaps(partition)),
            len(gaps(partition)),
        )
        for (topic, number), partition in truth.partitions.items()
    ]


def _missing(partitions: Sequence[PartitionLine]) -> Check:
    tally = Tally()
    for line in partitions:
        for gap in line.gaps:
            tally.add(
                f"{line.topic}[{line.partition}] {gap.first_offset}..{gap.last_offset}: "
                f"{gap.records} records in no table"
            )
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


def _minutes(differences: Sequence[MinuteDifference]) -> Check:
    tally = Tally()
    for minute_us, currency, rows, amount, count, total in differences:
        minute = dt.datetime.fromtimestamp(minute_us / 1e6, dt.UTC)
        tally.add(
            f"{minute:%F %R} {currency}: {rows} payments of {plain(amount)}, but the totals say "
            f"{count} of {plain(total)}"
        )
    return tally.check("totals by minute", "the newest panes add up to the accepted payments")


def _notes(refused: int, unverifiable: int, outside: Outside) -> list[str]:
    notes = {
        "rows were refused by BigQuery: their payments are in dead_letters, not counted": refused,
        "copies name an accepted record that is not read here: their facts were not compared": (
            unverifiable
        ),
        "rows are of records that Kafka has deleted since (expired)": outside.expired,
        "rows are of records that arrived after this check began": outside.newer,
        "rows are of other topics": outside.other_topics,
    }
    return [f"{count} {text}" for text, count in notes.items() if count]
