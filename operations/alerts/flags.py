"""Lists the alerts, and writes the files that Prometheus and Alertmanager read.

    payments alerts list
    payments alerts list --json
    payments alerts generate

deploy/monitoring/prometheus-rules.yaml and alertmanager.yaml, and deploy/k8s/base/alerts.yaml for
Prometheus' operator, are written from operations/alerts. Limits are those of `payments health`
where it has one. docs/monitoring.md says how to install them.

Exit code: 0 well, 2 a mistake in the flags.
"""

from __future__ import annotations

from operations import tool_flags
from payments.parser import Parser


def parser() -> Parser:
    """Returns the parser of the command line."""
    whole = tool_flags.parser("payments alerts", __doc__)
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listed = commands.add_parser("list", help="every alert: severity, wait, meaning")
    tool_flags.add_json(listed)
    commands.add_parser("generate", help="writes the files of deploy/ anew")
    return whole
