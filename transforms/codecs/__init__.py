"""Bytes to payments, one by one and by the batch. No Beam."""
