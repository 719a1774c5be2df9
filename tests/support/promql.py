"""The metrics that an expression of Prometheus' asks for, and whether somebody serves them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import promql_parser

from operations.alerts.catalogue import FLINK_COUNTER_PREFIX, RECORDINGS
from operations.exporter.metric_names import METRICS
from transforms.payment.metric_names import CounterName

_INSIDE = ("lhs", "rhs", "expr", "args", "param", "vector_selector")


def metrics_of(expression: str) -> set[str]:
    """Returns the names. Raises ValueError for what is no expression."""
    return set(_names(promql_parser.parse(expression)))


def unserved(expression: str, others: frozenset[str]) -> set[str]:
    """Returns the metrics that neither the exporter, nor the job, nor a rule, nor another has."""
    counters = {f"{FLINK_COUNTER_PREFIX}{name}" for name in get_args(CounterName)}
    recorded = {rule.name for rule in RECORDINGS}
    return metrics_of(expression) - METRICS.keys() - counters - recorded - others


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, list | tuple):
        for each in node:
            yield from _names(each)
        return
    if isinstance(node, promql_parser.VectorSelector):
        yield node.name
    for name in _INSIDE:
        inner = getattr(node, name, None)
        if inner is not None and not isinstance(inner, str):
            yield from _names(inner)
