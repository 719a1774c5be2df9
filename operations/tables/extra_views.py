"""The view that reads what a contract keeps of records beside the columns: JSON, parsed."""

from __future__ import annotations

from operations.tables.sql_files import View
from transforms.codecs.contract.language import Contract
from transforms.payment.tables import TRANSACTIONS


def of(contract: Contract) -> list[View]:
    """Returns the views that a contract adds: one where it keeps the rest of a record."""
    if contract.extra is None:
        return []
    column = contract.extra.column
    # The Storage Write API takes no JSON from Arrow, so the table holds text (Google's page
    # "Supported protocol buffer and Arrow data types").
    return [
        View(
            f"{TRANSACTIONS.name}_with_{column}",
            f"What else the record of each payment said: {column}, parsed.",
            f"SELECT * EXCEPT ({column}), PARSE_JSON({column}) AS {column}\n"
            f"FROM `${{dataset}}.{TRANSACTIONS.name}`\n",
        )
    ]
