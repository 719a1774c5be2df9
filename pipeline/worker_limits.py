"""Limits inside a Python worker that Beam has no option for. Each worker imports this at its start.

From 2.67 to 2.75 Beam keeps the exception of every failed bundle, and with its traceback all that
the bundle held: 250 to 350 kB for eight steps, of up to 10,000 bundles. Dataflow retries for ever,
so a worker would run out of memory. Those of the last hundred tell as much. Flink ends its
workers with each restart. Beam 2.76 keeps texts alone (apache/beam issue 39406, pull request
39405): this module goes then.
"""

from __future__ import annotations

from apache_beam.runners.worker import sdk_worker

FAILED_BUNDLES_MAX = 100

sdk_worker.MAX_FAILED_INSTRUCTIONS = FAILED_BUNDLES_MAX
