"""Entry point of `python -m pipeline`."""

import atexit
import os
import sys

from pipeline.main import main

if __name__ == "__main__":
    code = main()
    # Not sys.exit: while the interpreter takes itself apart, gRPC's stream from the job server may
    # wait for a thread that is no more (_Rendezvous.__del__), and the program never ends.
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
