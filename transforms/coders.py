"""How does a transaction cross a shuffle, or rest in state? As a row, never as a pickle."""

from __future__ import annotations

from apache_beam.coders import Coder, RowCoder, registry

from transforms.contract.transaction import Transaction

registry.register_coder(Transaction, RowCoder)
TRANSACTION: Coder = registry.get_coder(Transaction)
