"""Faults of a schema registry: of a suite whose contract needs one."""

from __future__ import annotations

import time

from harness.faults.catalogue import FAULTS, Fault
from harness.faults.fault_context import FaultContext
from operations import contract_flag
from sandbox import registry
from sandbox.component import TASK_MANAGERS


def _away(context: FaultContext) -> None:
    """Kills the registry, and those who know its schemas, which ask it in vain for a while."""
    context.kill(registry.NAME, restart=False)
    context.kill(*TASK_MANAGERS)
    time.sleep(context.pace.unavailable)  # this wait is the fault itself
    context.start(registry.NAME)


WITH_REGISTRY = (
    Fault(
        "registry-away",
        "no schema registry, for a minute, while new workers ask it (with a contract that has one)",
        _away,
        (registry.NAME, *TASK_MANAGERS),
        lambda pace: pace.unavailable,
    ),
)


def offered(contract: str | None) -> tuple[Fault, ...]:
    """Returns the faults that a suite can inject on records of a contract."""
    has_registry = contract_flag.named(contract).schema.registry is not None
    return (*FAULTS, *WITH_REGISTRY) if has_registry else FAULTS
