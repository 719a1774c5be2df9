"""Tells what compaction leaves out of a topic from what a pipeline has made up."""

from __future__ import annotations

from collections.abc import Callable

from operations.errors import CannotCheck
from operations.reconcile.report import Report

# What fails when a record is gone whose row is right.
_BY_HOLES = {"unknown", "conservation", "sums", "outcomes"}


def check(report: Report, compacted: Callable[[], list[str]]) -> None:
    """Raises CannotCheck when all that is wrong is rows of records that compaction has removed.

    A record that Kafka holds and no table does is a finding whatever the topic's settings.

    Args:
        compacted: returns the topics that are compacted; asked only when it matters.
    """
    if not report.counts.unknown or not set(report.failed()) <= _BY_HOLES:
        return
    topics = compacted()
    if topics:
        raise CannotCheck(
            f"topic {', '.join(topics)} is compacted (cleanup.policy): {report.counts.unknown} "
            "rows are of offsets that Kafka no longer holds, and its holes are no proof either "
            f"way. Each of the {report.counts.read} records that it holds has one row. Hint: "
            f"kafka-configs.sh --alter --topic {topics[0]} --add-config cleanup.policy=delete "
            "keeps what comes from now on."
        )
