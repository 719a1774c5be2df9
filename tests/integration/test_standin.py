"""Does BigQuery's stand-in do what a sink that writes Arrow relies on? Without a whole sandbox."""

from collections.abc import Iterator

import grpc
import pytest
from google.api_core import exceptions
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
from google.cloud.bigquery_storage_v1.services.big_query_write import transports

from tests.integration.standin_process import Standin

pytestmark = pytest.mark.integration

_UNKNOWN = "projects/sandbox/datasets/writes/tables/none/streams/0123456789abcdef"


@pytest.fixture(scope="module")
def standin(tmp_path_factory) -> Iterator[Standin]:
    running = Standin(tmp_path_factory.mktemp("standin"))
    yield running
    running.kill()


def _secure_writer(standin: Standin) -> BigQueryWriteClient:
    credentials = grpc.ssl_channel_credentials(standin.authority)
    channel = grpc.secure_channel(standin.address, credentials)
    return BigQueryWriteClient(transport=transports.BigQueryWriteGrpcTransport(channel=channel))


# --- One port -------------------------------------------------------------------------------------


def test_one_port_answers_rest_and_grpc_with_tls_and_without(standin) -> None:
    # Both reach the Write API: nothing but it says NOT_FOUND of a stream.
    for writer in (standin.writer(), _secure_writer(standin)):
        with pytest.raises(exceptions.NotFound, match="Requested entity was not found"):
            writer.finalize_write_stream(name=_UNKNOWN)
    rest = standin.rest()  # POST
    assert [dataset.dataset_id for dataset in rest.list_datasets()] == ["writes"]  # GET
    dataset = rest.get_dataset("writes")
    dataset.description = "changed"
    rest.update_dataset(dataset, ["description"])  # PATCH begins with P as well
    assert rest.get_dataset("writes").description == "changed"
