"""The whole graph on records of a test's own: only the two ends, Kafka and BigQuery, are replaced.

Engine: DirectRunner as `python -m pipeline` uses it (FnApiRunner), bounded, in this process.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from pipeline import graph, runners
from pipeline.config import PipelineConfig
from tests.support.fake_bigquery import FakeBigQuery, FakeClient, Rows
from tests.support.payments import SECOND_US
from transforms import BigQuerySink, KafkaSource, WriteBigQuery
from transforms.bigquery import arrow_rows
from transforms.codecs.contract.decoder import Decoder
from transforms.payment.transaction import KafkaRecord

_RUNS = itertools.count()


class GraphRun:
    """One run of the graph.

    Args:
        refused_ids: BigQuery refuses payments with these ids.
        decoder: instead of the product's for the contract.
        config: fields of PipelineConfig that are not as by default.
    """

    def __init__(
        self,
        refused_ids: Collection[str] = (),
        decoder: Decoder | None = None,
        **config: Any,
    ) -> None:
        dataset = f"dataset_{next(_RUNS)}"
        self._decoder = decoder
        self.bigquery = FakeBigQuery(dataset, refused_ids)
        self.config = PipelineConfig(
            **{
                "runner": "DirectRunner",
                "source": KafkaSource("nowhere:0", ("payments",), ranges=()),
                "sink": BigQuerySink("project", dataset),
                "clock_skew_us": 300 * SECOND_US,
                "allowed_lateness_us": 3_600 * SECOND_US,
                "dead_letter_ratio_max": 1.0,  # a test may send nothing but invalid records
                **config,
            }
        )

    def run(self, records: Iterable[KafkaRecord]) -> Rows:
        """Runs it to its end; records of one partition are read in their order."""
        root = self.build(records)
        result: PipelineResult = root.run()
        result.wait_until_finish()
        return self.bigquery.rows()

    def build(self, records: Iterable[KafkaRecord] = ()) -> beam.Pipeline:
        """Returns the graph, not yet run."""
        lanes: dict[tuple[str, int], list[KafkaRecord]] = {}
        for record in records:
            lanes.setdefault((record.topic, record.partition), []).append(record)
        config = self.config
        write = WriteBigQuery(
            config.sink,
            config.stream_keys,
            config.version,
            arrow_rows.encoders_of(config.contract),
            client=FakeClient,
        )
        parts = dataclasses.replace(
            graph.Parts.of(config), read=_ReadRecords(list(lanes.values())), write=write
        )
        if self._decoder is not None:
            parts = dataclasses.replace(parts, decoder=self._decoder)
        return self.build_of(parts)

    def build_of(self, parts: graph.Parts | None = None) -> beam.Pipeline:
        """Returns the graph of these parts, of the product's own by default."""
        options = PipelineOptions([])
        runners.apply_defaults(options, "DirectRunner", "payments")
        root = beam.Pipeline(runner=runners.create("DirectRunner"), options=options)
        graph.build(root, self.config, parts)
        return root


class _ReadRecords(beam.PTransform):
    def __init__(self, lanes: list[list[KafkaRecord]]) -> None:
        super().__init__()
        self._lanes = lanes

    def expand(self, root: beam.Pipeline) -> beam.PCollection[list[KafkaRecord]]:
        return (
            root
            | "Partitions" >> beam.Create(self._lanes)
            | "Records" >> beam.FlatMap(_stamped).with_output_types(list[KafkaRecord])
        )


def _stamped(lane: list[KafkaRecord]) -> Iterator[TimestampedValue]:
    # Batches of several sizes, so that what shares one differs from run to run of the laws.
    sizes = itertools.cycle((1, 2, 5))
    while lane:
        size = next(sizes)
        batch, lane = lane[:size], lane[size:]
        earliest_us = min(record.broker_time_us for record in batch)
        yield TimestampedValue(batch, Timestamp(micros=earliest_us))
