"""BigQuery's stand-in alone, without the rest of a sandbox, and a client that sends Arrow."""

import contextlib
import json
import queue
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pyarrow
import trustme
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types
from google.cloud.bigquery_storage_v1.services.big_query_write import transports

from sandbox import ports
from sandbox.layout import BIGQUERY_PYTHON, REPOSITORY
from templates.flink import loopback
from tests.integration.sandbox_clients import client_of, wait_until


class Standin:
    """A process of its own on a port of its own; what it keeps is in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.faults = folder / "faults.json"
        authority = trustme.CA()
        server = authority.issue_cert("localhost", loopback.HOST)
        server.private_key_pem.write_to_path(str(folder / "server.key"))
        server.cert_chain_pems[0].write_to_path(str(folder / "server.pem"))
        self.authority = authority.cert_pem.bytes()
        free = (number for number in range(ports.PORT_MIN, ports.PORT_MAX) if ports.free(number))
        self._port = next(free)
        self.address = f"{loopback.HOST}:{self._port}"
        self.start()

    def start(self) -> None:
        command = [BIGQUERY_PYTHON, "-m", "sandbox.bigquery", f"--port={self._port}"]
        command += [f"--data={self._folder}", f"--certificates={self._folder}"]
        command += ["--project=sandbox", f"--faults={self.faults}"]
        self.process = subprocess.Popen(command, cwd=REPOSITORY)
        wait_until(lambda: self.process.poll() is not None or not ports.free(self._port))
        assert self.process.poll() is None, "the stand-in ended at once"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @contextlib.contextmanager
    def spoiled(self, **asked: object) -> Iterator[None]:
        """Asks for faults, and takes the request back at the end."""
        self.faults.write_text(json.dumps(asked))
        try:
            yield
        finally:
            self.faults.unlink()

    def rest(self) -> bigquery.Client:
        client = client_of(self.address)
        client.create_dataset(bigquery.Dataset("sandbox.writes"), exists_ok=True)
        return client

    def writer(self) -> BigQueryWriteClient:
        """Returns a client over a channel without TLS, of which every one has its own."""
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
        channel = grpc.insecure_channel(self.address, options)
        return BigQueryWriteClient(transport=transports.BigQueryWriteGrpcTransport(channel=channel))


class Connection:
    """One AppendRows call. As a sink does, it sends the schema with the first request only."""

    def __init__(self, writer: BigQueryWriteClient, stream: str, schema: pyarrow.Schema) -> None:
        self._writer, self._stream, self._schema = writer, stream, schema
        self._requests: queue.SimpleQueue = queue.SimpleQueue()
        self._answers = None

    def append(
        self, rows: pyarrow.RecordBatch, offset: int, timeout: float = 30
    ) -> types.AppendRowsResponse:
        """Returns the answer. Raises what the call's status is when it is ended with one.

        Args:
            timeout: of the whole connection, in seconds; the one of its first append holds.
        """
        data = types.AppendRowsRequest.ArrowData()
        data.rows.serialized_record_batch = rows.serialize().to_pybytes()
        request = types.AppendRowsRequest(offset=offset, arrow_rows=data)
        if self._answers is None:
            request.write_stream = self._stream
            serialized = self._schema.serialize().to_pybytes()
            request.arrow_rows.writer_schema.serialized_schema = serialized
        self._requests.put(request)
        if self._answers is None:
            call = self._writer.append_rows(
                iter(self._requests.get, None), retry=None, timeout=timeout
            )
            self._answers = iter(call)
        return next(self._answers)
