"""Many streams write at once, beside queries, into tables that grow.

Two things bqemulator does do not hold up under that. It copies the whole table for time travel
after every write, so that each flush costs more than the last. And it shares one DuckDB
connection between the threads of gRPC and the loop of REST: a query can come back with the result
of somebody else's insert.

And DuckDB is set for many cores of its own. A flush of 5,000 payments took 30 ms of CPU on a
machine whose two cores everything shares: a third of them for handing work to a second thread, a
sixth for checkpoints, which begin their last row group anew (600,000 rows, timed alone).
"""

from __future__ import annotations

import threading
from typing import Any

_SETTINGS = """
SET threads = 1;  -- for each query: those of other connections have threads of their own
SET checkpoint_threshold = '64MB';  -- the log of 300,000 payments; 0.6 s at start after a kill
"""


def apply() -> None:
    """Gives every thread a connection of its own, and keeps no history of tables."""
    from bqemulator.storage.engine import DuckDBEngine
    from bqemulator.versioning.snapshots import SnapshotManager

    opened = DuckDBEngine.connection.fget
    DuckDBEngine.connection = property(connection_of_thread(opened))
    SnapshotManager.record_change = _record_change_without_copy
    apply_pragmas = DuckDBEngine._apply_session_pragmas

    def apply_pragmas_and_settings(engine: Any) -> None:
        apply_pragmas(engine)
        opened(engine).execute(_SETTINGS)

    DuckDBEngine._apply_session_pragmas = apply_pragmas_and_settings


def connection_of_thread(opened: Any) -> Any:
    """Returns a getter: the thread that asks for this keeps the connection that was opened, every
    other thread gets one of its own to the same database."""
    local = threading.local()
    owner = threading.get_ident()

    def connection(engine: Any) -> Any:
        if threading.get_ident() == owner:
            return opened(engine)
        if not hasattr(local, "connection"):
            local.connection = opened(engine).cursor()
            local.connection.execute("SET TimeZone = 'UTC'")
        return local.connection

    return connection


def _record_change_without_copy(manager: Any, project: str, dataset: str, table: str) -> None:
    """Tells caches and views of a change. FOR SYSTEM_TIME AS OF finds no past: the price."""
    from bqemulator.domain.events import TableDataChanged

    manager._events.publish(TableDataChanged(project, dataset, table))
