"""BigQuery's stand-in: REST and the Storage Write API on one port, with data kept on disk."""

from __future__ import annotations

from sandbox.component import Component, Plan
from sandbox.layout import BIGQUERY_PYTHON, REPOSITORY


def component(plan: Plan) -> Component:
    """Returns the stand-in; sandbox/bigquery/ is what runs in it."""
    arguments = [
        f"--port={plan.ports['bigquery']}",
        f"--data={plan.layout.bigquery}",
        f"--certificates={plan.layout.certificates}",
        f"--project={plan.project}",
        f"--faults={plan.layout.faults}",
    ]
    environment = {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
    command = [str(BIGQUERY_PYTHON), "-m", "sandbox.bigquery", *arguments]
    return Component("bigquery", command, environment)
