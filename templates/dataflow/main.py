"""Runs `python -m pipeline` on Dataflow for the Flex Template's launcher, and does not wait.

JAVA_PARTS names the folder of the image that holds the pinned jars; SDK_IMAGE the image itself,
which is also where the workers run. The Dockerfile and build.sh set both.
"""

import os
import runpy
import sys

from pipeline.launch.flex_template import as_flags

if __name__ == "__main__":
    try:
        flags = as_flags(sys.argv[1:])
    except ValueError as error:
        sys.exit(f"error: {error}")
    sys.argv[1:] = [
        "--runner=DataflowRunner",
        "--no_wait_until_finish",
        f"--java_parts={os.environ['JAVA_PARTS']}",
        f"--sdk_container_image={os.environ['SDK_IMAGE']}",
        *flags,
    ]
    runpy.run_module("pipeline", run_name="__main__", alter_sys=True)
