"""The flags that say in which form payments are sent."""

from __future__ import annotations

import argparse
from pathlib import Path

from payments.parser import Parser
from simulator.contracts.find import Named
from simulator.traffic import UsageError
from transforms.codecs.contract import shipped

_OTHERS = ("contract_sample", "contract_schema", "schema_registry")


def add(parser: Parser) -> None:
    """Adds them to a parser."""
    # A setting, as it is to the job: what one reads, the other sends.
    parser.add_setting(
        "contract",
        meaning="What payloads look like: a contract file, or the name of one that comes along, "
        f"{', '.join(shipped.NAMES)} (default: our own JSON).",
    )
    group = parser.add_argument_group("form of the payments")
    group.add_argument(
        "--contract_sample",
        type=Path,
        metavar="FILE",
        help="a record of it to fill in: what no field maps stays as it is there (default: the "
        "file beside the contract, such as stripe.ndjson)",
    )
    group.add_argument(
        "--contract_schema",
        type=Path,
        action="append",
        metavar="FILE",
        help="schema that is registered for the records, such as payment.avsc",
    )
    group.add_argument(
        "--schema_registry", metavar="URL", help="of the schemas, instead of the contract's own"
    )


def named(flags: argparse.Namespace) -> Named | None:
    """Returns the contract that flags name, None for our own JSON.

    Raises:
        UsageError: flags are given that say nothing without one.
    """
    if flags.contract is None:
        for name in _OTHERS:
            if getattr(flags, name):
                raise UsageError(f"--{name} needs --contract")
        return None
    schema = tuple(flags.contract_schema or ())
    return Named(flags.contract, flags.contract_sample, schema, flags.schema_registry)
