"""A contestant on Beam, launched as the pipeline is: its flags, its preflight, another graph.

python -m benchmarks.job --graph=deduplicate --meters=FOLDER <flags of python -m pipeline>
"""

from __future__ import annotations

import argparse

from benchmarks.graphs import GRAPHS
from pipeline import main
from pipeline.program import Program


def run() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--graph", choices=list(GRAPHS), required=True)
    parser.add_argument("--meters", required=True, help="folder for what is counted")
    own, flags = parser.parse_known_args()
    program = Program(
        build=lambda root, config: GRAPHS[own.graph](root, config, own.meters),
        hold=lambda pipeline: [],  # none of these graphs has a sink whose flush must wait
    )
    return main.main(flags, program)


if __name__ == "__main__":
    main.end(run())
