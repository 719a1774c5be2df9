"""Shards for tests in which their number does not matter."""

from transforms.batch_by_shard import Shards

SHARDS = Shards(tuple(range(8)))
