"""Step 5: keeps the first record of each transaction_id; every later one is set aside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import apache_beam as beam

from transforms import coders
from transforms.batch_by_shard import BatchByShard, Shards
from transforms.payment.dedup_policy import DedupPolicy, RepeatedRecord
from transforms.payment.transaction import Transaction
from transforms.per_id_dedup import KeepFirstOfId
from transforms.shard_memory import Memory
from transforms.sharded_dedup import KeepFirstOfShard
from transforms.state import packed

ACCEPTED = "accepted"
DUPLICATES = "duplicates"
CONFLICTS = "conflicts"

StateLayout = Literal["sharded", "per_id"]

_ = coders.TRANSACTION  # registered by the import: transactions cross a shuffle below


class Deduplicate(beam.PTransform):
    """Accepts the first arrival of each transaction_id.

    Input:      [Transaction, …], global window, element timestamp = the earliest arrival.
    Output:     accepted    [Transaction, …], at most one per transaction_id per horizon
                duplicates  [RepeatedRecord, …], every later record whose payment facts agree
                conflicts   [RepeatedRecord, …], every later record that differs in a payment fact
                each list with the earliest arrival of its batch as element timestamp
    Guarantee:  accepted + duplicates + conflicts == input, under any retry.
    Limit:      a copy that arrives after the horizon is accepted here. With an unchanged event
                time it cannot get here: it is late (docs/decisions/0002).
    Memory:     ids that are remembered from the start, for a job without state (sharded only).
    State:      sharded: 40 bytes per live id, freed by the bucket when the watermark has passed
                the horizon of its last id; per_id: about 100 bytes and a timer per live id. Both
                answer alike (docs/decisions/0009).
    """

    class Outputs(NamedTuple):
        """The three ends of the step."""

        accepted: beam.PCollection[list[Transaction]]
        duplicates: beam.PCollection[list[RepeatedRecord]]
        conflicts: beam.PCollection[list[RepeatedRecord]]

    def __init__(
        self,
        policy: DedupPolicy,
        shards: Shards,
        state: StateLayout = "sharded",
        memory: Memory | None = None,
    ) -> None:
        super().__init__()
        self._shards = shards
        self._memory = memory
        self._policy = policy
        self._state = state

    def expand(self, transactions: beam.PCollection[list[Transaction]]) -> Deduplicate.Outputs:
        """Returns accepted transactions, duplicates and conflicts."""
        keyed, keep_first = (
            self._by_shard(transactions) if self._state == "sharded" else self._by_id(transactions)
        )
        outputs = keyed | "KeepFirst" >> beam.ParDo(keep_first).with_outputs(
            DUPLICATES, CONFLICTS, main=ACCEPTED
        )
        return self.Outputs(outputs[ACCEPTED], outputs[DUPLICATES], outputs[CONFLICTS])

    def _by_shard(self, transactions: beam.PCollection) -> tuple[beam.PCollection, beam.DoFn]:
        batches = transactions | "BatchByShard" >> BatchByShard(_id_of, self._shards)
        # An empty batch for every shard brings a memory into state at once, read or not: a later
        # start from a checkpoint finds it there. Without a memory there are none, but the step is
        # the same: a checkpoint fits the one graph only.
        shards = self._shards.keys if self._memory else ()
        empty = (
            transactions.pipeline
            | "Begin" >> beam.Impulse()
            | "EachShard"
            >> beam.FlatMap(
                lambda _: [(shard, packed.pack([])) for shard in shards]
            ).with_output_types(tuple[int, bytes])
        )
        # Flink finds state by the name of what a stage reads. With another number of shards it must
        # find none, and refuse.
        both = (batches, empty) | f"Into {len(self._shards)} shards" >> beam.Flatten()
        return both, KeepFirstOfShard(
            self._policy, (DUPLICATES, CONFLICTS), len(self._shards), self._memory
        )

    def _by_id(self, transactions: beam.PCollection) -> tuple[beam.PCollection, beam.DoFn]:
        keyed = transactions | "KeyById" >> beam.FlatMap(_with_ids).with_output_types(
            tuple[str, Transaction]
        )
        return keyed, KeepFirstOfId(self._policy, DUPLICATES, CONFLICTS)


def _id_of(transaction: Transaction) -> str:
    return transaction.transaction_id


def _with_ids(batch: list[Transaction]) -> Iterator[tuple[str, Transaction]]:
    for transaction in batch:
        yield transaction.transaction_id, transaction
