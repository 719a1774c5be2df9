"""Beam's sink gets the right rows in the comparison, and its flush waits for checkpoints."""

import collections
from decimal import Decimal

import pytest
from apache_beam.coders import RowCoder
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.utils.timestamp import Timestamp

from benchmarks.peers import beam_sink_job, beam_sink_steps
from harness.errors import HarnessError
from tests.support.payments import START_US, transaction
from transforms.bigquery.arrow_rows import ENCODERS
from transforms.payment.tables import TABLES, TRANSACTIONS, Table
from transforms.payment.transaction import ReplayOf

FLUSH = (
    "Write transactions/Storage Write API/"
    "Flush and finalize writes/ParMultiDo(StorageApiFlushAndFinalize)"
)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_row_that_java_gets_has_the_columns_of_its_table(table: Table) -> None:
    schema = RowCoder.from_type_hint(beam_sink_steps.row_type(table), None).schema

    assert [(field.name, field.type.nullable) for field in schema.fields] == [
        (column.name, column.nullable) for column in table.columns
    ]


def test_payment_survives_the_way_to_java() -> None:
    replay = ReplayOf("payments", 1, 5, START_US + 1)
    payments = [transaction("tx-1", device_id=None), transaction("tx-2", replay_of=replay)]
    batch = ENCODERS[TRANSACTIONS.name].encode(payments, "1.2.3")
    coder = RowCoder.from_type_hint(beam_sink_steps.row_type(TRANSACTIONS), None)
    row_of = collections.namedtuple("row_of", TRANSACTIONS.column_names)._make

    values = list(beam_sink_steps.values_of(batch))
    first, second = (coder.decode(coder.encode(row_of(each))) for each in values)

    assert [tuple(first), tuple(second)] == values
    assert (first.transaction_id, first.amount, first.device_id) == ("tx-1", Decimal("12.5"), None)
    assert first.event_time == Timestamp(micros=START_US)
    assert first.original_time is None
    assert (second.replay_of_offset, second.original_time) == (5, Timestamp(micros=START_US + 1))


def pipeline_of(*names: str) -> beam_runner_api_pb2.Pipeline:
    """Returns a pipeline with ParDos of these names."""
    pipeline = beam_runner_api_pb2.Pipeline()
    for name in names:
        pipeline.components.transforms[name].unique_name = name
    return pipeline


def test_flush_of_beams_sink_waits_for_its_checkpoint() -> None:
    pipeline = pipeline_of(FLUSH, "Format transactions")

    assert beam_sink_job.hold_flush_until_checkpoint(pipeline) == [FLUSH]

    transforms = pipeline.components.transforms
    held = beam_runner_api_pb2.ParDoPayload.FromString(transforms[FLUSH].spec.payload)
    assert held.requires_stable_input
    assert not transforms["Format transactions"].spec.payload
    assert "beam:requirement:pardo:stable_input:v1" in pipeline.requirements


def test_sink_whose_flush_has_another_name_is_refused() -> None:
    with pytest.raises(HarnessError, match="StorageApiFlushAndFinalize"):
        beam_sink_job.hold_flush_until_checkpoint(pipeline_of("Write transactions/Flush"))
