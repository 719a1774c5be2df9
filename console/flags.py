"""Serves a page on this machine that shows what a job does: a proof that one can watch.

    payments live --kafka_bootstrap_servers=broker:9092 --kafka_topics=payments \\
        --bigquery_dataset=my-project.payments --flink=jobmanager:8081

It prints an address with a token; whoever has it can read. The page shows how well the job is,
what the tables hold and what waits, and what became of one payment. It only reads.

With --sandbox=FOLDER it acts on that sandbox, and on nothing else: it sends payments, in the form
of --contract where one is given, kills a TaskManager, and compares the tables with the topic. The
addresses must be the sandbox's own. `make live` starts a sandbox, a job, traffic and this page.

It listens on 127.0.0.1 and nowhere else: read it from afar through `ssh -L`. Records are shown as
text, whatever they hold. docs/live.md tells who is refused.

Looks at the tables cost money on BigQuery: they read today's rows of five tables, once a minute by
default. On a stand-in all rows are counted, every two seconds.

Exit code: 0 ended by SIGTERM, 2 a mistake in the flags, 3 it cannot listen there or no sandbox is
up, 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from operations import flag_types, tool_flags
from payments.parser import Parser
from simulator import contract_flags
from transforms import addresses

HOST = "127.0.0.1"
_OWN_NAMES = (HOST, "localhost")
_PORT_MAX = 65_535


def parser() -> Parser:
    """Returns the parser of the command line."""
    whole = tool_flags.parser("payments live", __doc__)
    tool_flags.add_sources(whole)
    whole.add_argument(
        "--listen",
        type=own_port,
        default=0,
        metavar="PORT",
        help="Port of 127.0.0.1, or 127.0.0.1:PORT (default: one that is free).",
    )
    whole.add_argument(
        "--every_sec",
        type=flag_types.pause,
        metavar="SEC",
        help="Pause between two looks at the tables (default: 2 on a stand-in, else 60).",
    )
    whole.add_argument(
        "--sandbox",
        type=Path,
        metavar="FOLDER",
        help="Folder of the sandbox that may be acted on; without it the page only reads.",
    )
    whole.add_argument(
        "--control",
        action="store_true",
        help="Say on the page that the job is the control, which must count twice.",
    )
    contract_flags.add(whole)
    return whole


def own_port(text: str) -> int:
    """Returns a port of this machine."""
    host, _, port = text.strip().rpartition(":")
    if host and host not in _OWN_NAMES:
        raise argparse.ArgumentTypeError(
            f"must be a port of 127.0.0.1, got {text!r}. Hint: the page is for this machine alone; "
            "`ssh -L` brings it to another"
        )
    if not port.isdecimal() or int(port) > _PORT_MAX:
        raise argparse.ArgumentTypeError(f"must be a port from 0 to {_PORT_MAX}, got {text!r}")
    if int(port):
        addresses.host_and_port(f"{HOST}:{port}")
    return int(port)
