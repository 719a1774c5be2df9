"""The steps, in the order in which a record passes them.

Loaded at first use: payment, codecs, state and kafka lie below this package and must not import
Beam, which would cost the simulator and the tools two seconds at every start.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transforms.read_kafka import KafkaSource, OffsetRange, ReadKafka
    from transforms.decode_transaction import DecodeTransaction
    from transforms.limit_dead_letters import LimitDeadLetters
    from transforms.split_late import SplitLate
    from transforms.deduplicate import Deduplicate
    from transforms.total_by_minute import TotalByMinute
    from transforms.score_fraud import ScoreFraud
    from transforms.bigquery.write_bigquery import WriteBigQuery
    from transforms.bigquery.sink import BigQuerySink

_HOME = {
    "ReadKafka": "read_kafka",
    "KafkaSource": "read_kafka",
    "OffsetRange": "read_kafka",
    "DecodeTransaction": "decode_transaction",
    "LimitDeadLetters": "limit_dead_letters",
    "SplitLate": "split_late",
    "Deduplicate": "deduplicate",
    "TotalByMinute": "total_by_minute",
    "ScoreFraud": "score_fraud",
    "WriteBigQuery": "bigquery.write_bigquery",
    "BigQuerySink": "bigquery.sink",
}

__all__ = [
    "ReadKafka",
    "KafkaSource",
    "OffsetRange",
    "DecodeTransaction",
    "LimitDeadLetters",
    "SplitLate",
    "Deduplicate",
    "TotalByMinute",
    "ScoreFraud",
    "WriteBigQuery",
    "BigQuerySink",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
