"""The memory that a job without state begins with: files of ids, one for each shard.

The launcher writes them from what the tables hold (pipeline/launch/recover); Deduplicate puts a
file into its state before it decides the first record of that shard.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import orjson
from apache_beam.io.filesystems import FileSystems

from transforms.state.shard import Catalogue


class Memory(NamedTuple):
    """Where the files are.

    Attributes:
        folder: a URI or path that launcher and workers reach.
    """

    folder: str


class ShardFile(NamedTuple):
    """The memory of one shard, as it goes into state.

    Attributes:
        catalogue: of these entries.
        blobs: entries, each as `contract.shard.pack` makes it.
    """

    catalogue: Catalogue
    blobs: Sequence[bytes]


def write(folder: str, shard: int, content: ShardFile) -> None:
    """Writes the file of one shard."""
    head = (content.catalogue.encode().decode(), [len(blob) for blob in content.blobs])
    with FileSystems.create(_path(folder, shard)) as file:
        file.write(b"\n".join((orjson.dumps(head), b"".join(content.blobs))))


def read(folder: str, shard: int) -> ShardFile:
    """Returns what was written; raises when the file is gone: nothing may be forgotten silently."""
    with FileSystems.open(_path(folder, shard)) as file:
        head, _, rest = file.read().partition(b"\n")
    catalogue, lengths = orjson.loads(head)
    blobs, begin = [], 0
    for length in lengths:
        blobs.append(rest[begin : begin + length])
        begin += length
    return ShardFile(Catalogue.decode(catalogue.encode()), blobs)


def _path(folder: str, shard: int) -> str:
    return str(FileSystems.join(folder, f"shard-{shard}"))
