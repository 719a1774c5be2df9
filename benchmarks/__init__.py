"""Measures from outside how fast, how fresh and how large: beside peers, on the same records.

__main__, contestants, stage     the comparison with other engines
load, latencies                  the load test
state, worker_copy               the cost of remembering
reconcile                        the cost of a proof
scale                            where the bottleneck of a larger job lies, computed
chart, results                   figures as pictures and as files
"""

# First of all imports: it silences what Google's libraries announce when they are imported.
import pipeline as _pipeline

_ = _pipeline
