"""A view says what it asks: tables.get names its query, letter by letter.

bqemulator keeps the query of a view and leaves it out of the answer, and its
INFORMATION_SCHEMA.VIEWS loses the quotes of strings in it. Who compares the views of a dataset
with those of a checkout (operations/tables/command.py) would find every one changed.
"""

from __future__ import annotations

from typing import Any


def apply() -> None:
    """Adds the query to what the emulator's REST says of a view."""
    from bqemulator.api.routes import tables

    without_query = tables._table_to_rest

    def with_query(meta: Any) -> dict[str, Any]:
        body: dict[str, Any] = without_query(meta)
        if meta.table_type == "VIEW":
            body["view"] = {"query": meta.view_query, "useLegacySql": False}
        return body

    tables._table_to_rest = with_query
