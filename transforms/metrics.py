"""Makes the counters of the steps, so that every name is one of metric_names."""

from __future__ import annotations

from apache_beam.metrics import Metrics
from apache_beam.metrics.metric import Metrics as _Metrics

from transforms.payment.metric_names import NAMESPACE, CounterName


def counter(name: CounterName) -> _Metrics.DelegatingCounter:
    """Returns the counter of that name, in the namespace of this pipeline."""
    return Metrics.counter(NAMESPACE, name)
