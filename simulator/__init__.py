"""Payments with a known truth: what is sent, in which order, and how each record must end."""
