"""A run whose payments have the shape of a contract: what the simulator and the job are told."""

from __future__ import annotations

import argparse
import dataclasses

from harness.e2e_run import E2ERun
from operations import contract_flag
from sandbox.sandbox import Sandbox


def flag(text: str) -> str:
    """Returns what a --contract says: a mistake must not cost a sandbox and a job.

    Raises:
        ArgumentTypeError: it is wrong, or cannot be read.
    """
    try:
        contract_flag.named(text)
    except contract_flag.WrongContract as error:
        # A parser says which flag it is.
        raise argparse.ArgumentTypeError(
            str(error).removeprefix("--contract").removeprefix(":").lstrip()
        ) from None
    return text


def speaking(run: E2ERun, sandbox: Sandbox, said: str, sample: str | None = None) -> E2ERun:
    """Returns a run by a contract; one that needs a registry gets the sandbox's.

    The job gets a copy that names it, with the files that the contract names beside the copy.

    Args:
        run: not yet prepared.
        said: a contract file, or the name of one that comes along.
        sample: a file with a record, for a contract file of one's own.

    Raises:
        WrongContract: it is wrong, or cannot be read.
    """
    contract, place, flags = contract_flag.named(said), said, [f"--contract={said}"]
    if sample is not None:
        flags.append(f"--contract_sample={sample}")
    if contract.schema.registry is not None:
        registry = sandbox.up(with_registry=True)["registry"]
        flags.append(f"--schema_registry={registry}")
        for name, content in contract.files.items():
            (run.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (run.folder / name).write_bytes(content)
        run.folder.mkdir(parents=True, exist_ok=True)
        copy = run.folder / f"{contract.name}.yaml"
        copy.write_text(contract.text.replace(contract.schema.registry, registry), "utf-8")
        place = str(copy)
    return dataclasses.replace(run, contract=place, speaks=tuple(flags))
