"""The newest samples of all sources, as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from operations.exporter.loop import Loop
from operations.exporter.metric_names import METRICS
from operations.exporter.readings import Sample
from operations.version import VERSION


class Board(Collector):
    """Collects what the loops have seen last; asks nobody."""

    def __init__(self, loops: Sequence[Loop]) -> None:
        self._loops = loops

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Returns every metric with its meaning, also one that has no value."""
        families = {
            metric.name: GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels)
            for metric in METRICS.values()
        }
        for sample in self._samples():
            families[sample.name].add_metric(sample.labels, float(sample.value))
        return families.values()

    def _samples(self) -> Iterator[Sample]:
        yield Sample("payments_build_info", 1, (VERSION,))
        for loop in self._loops:
            yield from loop.samples
            yield from _of_probe(loop)


def _of_probe(loop: Loop) -> Iterator[Sample]:
    label = (loop.source,)
    yield Sample("payments_probe_success", loop.succeeds, label)
    if loop.took_sec is not None:
        yield Sample("payments_probe_duration_seconds", loop.took_sec, label)
    if (age_sec := loop.age_sec) is not None:
        yield Sample("payments_probe_age_seconds", age_sec, label)
