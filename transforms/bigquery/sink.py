"""The settings of the sink: where it writes, and how."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class BigQuerySink:
    """Where and how to write.

    Attributes:
        project: Google Cloud project of the dataset.
        dataset: dataset that holds the tables, which must exist.
        streams: append streams per table.
        endpoint: host:port of a stand-in that takes gRPC without TLS; None for Google's service.
        trace_id: names this pipeline in BigQuery's own logs and metrics.
        claim_id: of the run that must hold the tables when rows are made visible (the table
            `runs`); None asks nobody.
    """

    project: str
    dataset: str
    streams: int = 2
    endpoint: str | None = None
    trace_id: str = "payments"
    claim_id: str | None = None
