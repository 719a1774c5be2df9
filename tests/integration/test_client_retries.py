"""Does the sink's client repeat a call that failed, when the worker that made it has ended?

Beam's own classes against a server that refuses once. With Beam's executor the repetition is
dropped: with the worker's end first it is an error, the other way round the caller waits for ever.
"""

import subprocess
import zipfile
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import grpc
import pytest
from google.cloud.bigquery_storage_v1 import types

from sandbox import certificates, client_retries
from sandbox.bigquery import secure_grpc
from sandbox.layout import EXPANSION_JARS, Layout
from sandbox.ports import HOST
from tests.support import java_program

pytestmark = [pytest.mark.integration, java_program.needs_jdk]
STREAM = "projects/p/datasets/d/tables/t/streams/s"


class RefusesOnce(grpc.GenericRpcHandler):
    """BigQuery that is restarted: UNAVAILABLE at first, then a stream."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            self.calls.append(call.method.rpartition("/")[2])
            if len(self.calls) == 1:
                context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
            return types.WriteStream.serialize(types.WriteStream(name=STREAM))

        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.fixture
def layout(tmp_path) -> Layout:
    layout = Layout(tmp_path)
    certificates.make(layout)
    return layout


@pytest.fixture
def bigquery(layout) -> Iterator[tuple[RefusesOnce, str]]:
    handler = RefusesOnce()
    server = grpc.server(futures.ThreadPoolExecutor(2), handlers=[handler])
    port = server.add_secure_port(f"{HOST}:0", secure_grpc.credentials(layout.certificates))
    server.start()
    yield handler, f"{HOST}:{port}"
    server.stop(grace=None).wait()


def ask(layout: Layout, address: str, *patched: Path) -> subprocess.CompletedProcess[str]:
    """Returns how the Java program ended."""
    return java_program.run(
        "CreateStreamAfterWorker",
        address,
        first_in_class_path=patched,
        options=certificates.trusted_by_java(layout),
    )


def test_repeated_call_outlives_the_worker(layout, bigquery, tmp_path) -> None:
    handler, address = bigquery
    patched = tmp_path / "patched.jar"
    with zipfile.ZipFile(patched, "w") as jar:
        client_retries.add(EXPANSION_JARS, jar)

    asked = ask(layout, address, patched)

    assert asked.stdout.strip() == STREAM, asked.stderr
    assert handler.calls == ["CreateWriteStream", "CreateWriteStream"]


def test_control_without_the_patch_it_is_never_repeated(layout, bigquery) -> None:
    handler, address = bigquery

    asked = ask(layout, address)

    assert asked.returncode != 0
    assert "RejectedExecutionException" in asked.stderr
    assert handler.calls == ["CreateWriteStream"]
