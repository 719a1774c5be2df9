"""Lists the panels with their queries, and writes the dashboard that Grafana reads.

    payments dashboards list
    payments dashboards list --json
    payments dashboards generate

deploy/monitoring/dashboard.json, and the same as a ConfigMap in deploy/k8s/base/dashboard.yaml, are
written from operations/dashboards. The JSON was never opened in Grafana: its form is that of
Grafana's own SDK, and the queries are asked of a real Prometheus by a test.

Exit code: 0 well, 2 a mistake in the flags.
"""

from __future__ import annotations

from operations import tool_flags
from payments.parser import Parser


def parser() -> Parser:
    """Returns the parser of the command line."""
    whole = tool_flags.parser("payments dashboards", __doc__)
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listed = commands.add_parser("list", help="every panel: what is normal, and its queries")
    tool_flags.add_json(listed)
    commands.add_parser("generate", help="writes the files of deploy/ anew")
    return whole
