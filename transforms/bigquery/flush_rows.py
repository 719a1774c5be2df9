"""Makes appended rows visible, after the state that covers them is saved."""

from __future__ import annotations

import concurrent.futures
from typing import Any

import apache_beam as beam

from transforms.bigquery.sink import BigQuerySink
from transforms.bigquery.table_stream import Flush
from transforms.bigquery.write_client import WriteClient

# The name of the annotation by which a step says that it must see only what a restart repeats
# exactly (pipeline/runners.py).
NEEDS_STABLE_INPUT = "payments:needs_stable_input"
_THREADS_MAX = 16


class FlushRows(beam.PTransform):
    """Flushes streams.

    Input:      Flush (stream, end), which must be stable: after a failure the same elements
                come again, and the state that they stand for has been saved. On Flink that is a
                completed checkpoint (runners.py, docs/decisions/0018), on Dataflow the commit of
                the bundle before the shuffle; DirectRunner has no second attempt.
    Output:     nothing.
    Guarantee:  a row is visible only when a job that resumes does so behind it.
    """

    def __init__(self, sink: BigQuerySink, client: type[WriteClient] = WriteClient) -> None:
        super().__init__()
        self._sink = sink
        self._client = client

    def expand(self, flushes: beam.PCollection[Flush]) -> beam.PCollection[Any]:
        """Returns an empty collection."""
        return flushes | "Flush" >> _AfterCheckpoint(_FlushFn(self._sink, self._client))


class _AfterCheckpoint(beam.ParDo):
    """A ParDo that declares what it needs, in the pipeline that is submitted."""

    def annotations(self) -> dict[str, Any]:
        return {**super().annotations(), NEEDS_STABLE_INPUT: b"1"}


class _FlushFn(beam.DoFn):
    def __init__(self, sink: BigQuerySink, client: type[WriteClient]) -> None:
        self._sink = sink
        self._connect = client
        self._ends: dict[str, int] = {}

    def setup(self) -> None:
        self._client = self._connect(self._sink)
        self._threads = concurrent.futures.ThreadPoolExecutor(_THREADS_MAX, "flush")

    def teardown(self) -> None:
        self._threads.shutdown(wait=False)
        self._client.close()

    def start_bundle(self) -> None:
        self._ends = {}

    def process(self, element: tuple[str, int]) -> None:
        stream, end = element
        self._ends[stream] = max(end, self._ends.get(stream, 0))

    def finish_bundle(self) -> None:
        # One call for each stream, however many bundles appended to it since the last checkpoint.
        for _ in self._threads.map(self._client.flush, self._ends, self._ends.values()):
            pass
        self._ends = {}
