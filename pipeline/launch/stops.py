"""Tells in one line why a job stopped or was not taken, whoever said so."""

from __future__ import annotations

import grpc

from transforms.bigquery.errors import CannotWrite, ClaimLost, RefusedRow
from transforms.codecs.contract.schema_source import RegistryUnavailable
from transforms.kafka.reader import CannotRead
from transforms.kafka.topic_watch import BoundsChanged, PartitionsAdded, TopicRemade
from transforms.limit_dead_letters import TooManyDeadLetters
from transforms.payment.arrival import NoArrivalTime
from transforms.payment.ends_job import without_mark
from transforms.state.shard import ContractChanged, HorizonChanged, ShardsChanged

# Errors by which a step stops the job on purpose: one line that says why, and a hint.
_STOPS = (
    TooManyDeadLetters,
    RefusedRow,
    CannotWrite,
    PartitionsAdded,
    TopicRemade,
    BoundsChanged,
    ClaimLost,
    HorizonChanged,
    ShardsChanged,
    ContractChanged,
    NoArrivalTime,
    CannotRead,
    RegistryUnavailable,
)
# Flink's word for the end that somebody asked for; Beam's job server takes it for a failure.
_CANCELLED = ("JobCancellationException", "failed in state CANCELLED")


def stopped(error: BaseException) -> BaseException:
    """Returns what a step said when it stopped the job on purpose, else the error as it is."""
    text = str(error)
    for stop in _STOPS:
        # Out of this process it comes as it is, out of a worker as text: class name, message.
        _, from_worker, message = text.partition(f"{stop.__name__}: ")
        if from_worker or isinstance(error, stop):
            message = (message or text).partition("\n")[0]
            return RuntimeError(without_mark(message.partition(" [while running")[0]))
    return error


def is_cancellation(error: BaseException) -> bool:
    """Returns whether the job was cancelled, and did not fail."""
    return any(word in str(error) for word in _CANCELLED)


def answered(error: grpc.RpcError | grpc.FutureTimeoutError) -> str:
    """Returns what a service of Beam's said, in a line."""
    if not isinstance(error, grpc.Call):
        return "no answer in time"
    return f"{error.code().name} {' '.join((error.details() or '').split())[:300]}".strip()
