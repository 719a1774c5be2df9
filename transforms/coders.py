"""Coders of a single transaction, which crosses a shuffle as a row; of many: state/packed.py."""

from __future__ import annotations

from apache_beam.coders import Coder, RowCoder, registry

from transforms.payment.transaction import Transaction

registry.register_coder(Transaction, RowCoder)
TRANSACTION: Coder = registry.get_coder(Transaction)
