"""A column that tables.patch adds is in the table: the emulator changes its catalogue alone.

Who then appends or selects the column would be told that there is none.
"""

from __future__ import annotations

from typing import Any


def apply() -> None:
    """Adds the columns to the data as well."""
    from bqemulator.api.routes.tables import _field_to_rest
    from bqemulator.catalog.duckdb_repository import DuckDBCatalogRepository
    from bqemulator.storage.sql_identifiers import quoted_table_ref
    from bqemulator.storage.type_map import bq_schema_to_duckdb_columns

    catalogue_alone = DuckDBCatalogRepository.update_table

    def update_table(self: Any, table: Any) -> Any:
        before = self._cache.get_table(table.project_id, table.dataset_id, table.table_id)
        names = {field.name for field in before.schema_.fields}
        added = [_field_to_rest(each) for each in table.schema_.fields if each.name not in names]
        if added and table.table_type == "TABLE":
            name = quoted_table_ref(table.project_id, table.dataset_id, table.table_id)
            for column, kind in bq_schema_to_duckdb_columns(added):
                # Who has altered the data by SQL asks for the catalogue only.
                self._engine.execute(
                    f'ALTER TABLE {name} ADD COLUMN IF NOT EXISTS "{column}" {kind}'
                )
        return catalogue_alone(self, table)

    DuckDBCatalogRepository.update_table = update_table
