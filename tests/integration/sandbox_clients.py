"""Clients of the sandbox for tests: waiting, jobs, and BigQuery's Storage Write API."""

import queue
import time
from typing import Any

import grpc
from apache_beam.options.pipeline_options import PipelineOptions
from google.api_core.client_options import ClientOptions
from google.api_core.gapic_v1 import method
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types
from google.cloud.bigquery_storage_v1.services.big_query_write import transports
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

WAIT_SEC = 120


def wait_until(holds, timeout_sec: float = WAIT_SEC) -> None:
    deadline = time.monotonic() + timeout_sec
    while not holds():
        assert time.monotonic() < deadline, f"waited {timeout_sec:g} s in vain"
        time.sleep(0.2)


def answers(ask) -> object:
    """Returns what `ask` does, or None while the server it asks is starting."""
    try:
        return ask()
    except (OSError, ValueError, KeyError):
        return None


def job_options(endpoints, streaming: bool = False) -> PipelineOptions:
    return PipelineOptions(
        ["--checkpointing_interval=1000"],
        runner="PortableRunner",
        job_endpoint=endpoints["job_service"],
        environment_type="EXTERNAL",
        environment_config=endpoints["python_workers"],
        parallelism=2,
        streaming=streaming,
    )


def client_of(address: str) -> bigquery.Client:
    options = ClientOptions(api_endpoint=f"http://{address}")
    return bigquery.Client("sandbox", credentials=AnonymousCredentials(), client_options=options)


class Rows:
    """A table of numbers, and what the Storage Write API does to it."""

    def __init__(self, address: str, authority: bytes, table: str) -> None:
        self.rest = client_of(address)
        self.rest.create_dataset(bigquery.Dataset("sandbox.writes"), exists_ok=True)
        schema = [bigquery.SchemaField("n", "INT64", "REQUIRED")]
        self.rest.create_table(bigquery.Table(f"sandbox.writes.{table}", schema=schema))
        self._table = f"projects/sandbox/datasets/writes/tables/{table}"
        self._query = f"SELECT n FROM `sandbox.writes.{table}` ORDER BY n"
        channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(authority))
        transport = transports.BigQueryWriteGrpcTransport(channel=channel)
        self.write = BigQueryWriteClient(transport=transport)
        file = descriptor_pb2.FileDescriptorProto(name="rows.proto")
        self._descriptor = file.message_type.add(name="Row")
        self._descriptor.field.add(name="n", number=1, type=3, label=1)  # optional int64
        pool = descriptor_pool.DescriptorPool()
        pool.Add(file)
        self._row = message_factory.GetMessageClass(pool.FindMessageTypeByName("Row"))

    def open(self) -> str:
        kind = types.WriteStream(type_=types.WriteStream.Type.BUFFERED)
        return self.write.create_write_stream(parent=self._table, write_stream=kind).name

    def append(self, stream: str, offset: int, numbers: list[int], retry=method.DEFAULT) -> int:
        """Returns 0, or the code of the error in the answer."""
        request = self._request(stream, offset, numbers)
        answers: list[types.AppendRowsResponse] = []
        # After a crash the client repeats the call by itself, but with its requests used up.
        while not answers:
            answers = list(self.write.append_rows(iter([request]), retry=retry))
        return answers[0].error.code

    def connect(self, stream: str) -> Any:
        """Appends a row over a connection that stays open; returns what ends it, by `cancel`."""
        requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        requests.put(self._request(stream, 0, [1]))
        answers = self.write.append_rows(iter(requests.get, None))
        next(iter(answers))
        return answers

    def flush(self, stream: str, offset: int, retry=method.DEFAULT) -> None:
        request = types.FlushRowsRequest(write_stream=stream, offset=offset)
        self.write.flush_rows(request, retry=retry)

    def _request(self, stream: str, offset: int, numbers: list[int]) -> types.AppendRowsRequest:
        data = types.AppendRowsRequest.ProtoData(
            writer_schema=types.ProtoSchema(proto_descriptor=self._descriptor),
            rows=types.ProtoRows(
                serialized_rows=[self._row(n=n).SerializeToString() for n in numbers]
            ),
        )
        return types.AppendRowsRequest(write_stream=stream, offset=offset, proto_rows=data)

    def visible(self) -> list[int]:
        return [row["n"] for row in self.rest.query(self._query).result()]
