"""`python -m payments`, the same as `payments`."""

from payments.cli import program

program()
