"""A control for the lost answers: the pipeline with a sink that appends without offsets."""

import dataclasses
from typing import Any

import apache_beam as beam

from pipeline import graph, main
from pipeline.config import PipelineConfig
from pipeline.program import Program
from transforms import WriteBigQuery
from transforms.bigquery.append_connection import AppendConnection
from transforms.bigquery.write_client import WriteClient


class _ConnectionWithoutOffsets(AppendConnection):
    def _send(self, offset: int | None, part: Any) -> None:
        super()._send(None, part)  # type: ignore[arg-type]

    def _check_place(self, taken_at: Any, offset: Any) -> None:
        return


class AtLeastOnceClient(WriteClient):
    """Appends to the default stream of each table.

    It shows rows at once, and nothing in it tells a repeated row.
    """

    connection = _ConnectionWithoutOffsets

    def create_stream(self, table: str) -> str:
        """Returns the stream that every table has."""
        return f"{self._place(table)}/streams/_default"

    def flush(self, stream: str, end: int) -> None:
        """Does nothing: the rows are visible."""


def build(root: beam.Pipeline, config: PipelineConfig) -> None:
    """Wires the graph with that client."""
    write = WriteBigQuery(config.sink, config.stream_keys, config.version, client=AtLeastOnceClient)
    graph.build(root, config, dataclasses.replace(graph.Parts.of(config), write=write))


if __name__ == "__main__":
    main.end(main.main(program=Program(build)))
