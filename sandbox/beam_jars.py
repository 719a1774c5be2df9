"""The jars of Beam and Flink as the sandbox's programs load them: not quite as they are.

Two things differ from .tools/jars/expansion, and neither has an option:

- One jar comes first: Beam's servers then listen on loopback only (loopback_patch.py).
- The others lie in a folder called gradle/wrapper. The job server and the expansion service add
  their whole class path to every job, 170 jars that each TaskManager downloads again although it
  has them: hundreds of MB and half a minute per job, and a class loader per job, which in the end
  fails with NoClassDefFoundError. Beam spares only files whose path holds these words
  (PipelineResources.isStageable). It looks at real paths, so symbolic links do not do. One small
  jar must stay outside, because an empty list is an error to the expansion service.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

from sandbox import loopback_patch
from sandbox.layout import EXPANSION_JARS, REPORTER_JAR, Layout


def make(layout: Layout) -> None:
    """Makes both anew: links cost nothing, and `make setup` may have changed the jars."""
    link(EXPANSION_JARS, layout.beam_jars, layout.loopback_jar)


def link(jars: Path, folder: Path, loopback_jar: Path) -> None:
    """Makes `folder`, which must end in gradle/wrapper, and the one jar that comes first, anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for jar in sorted(jars.glob("*.jar")):
        try:
            os.link(jar, folder / jar.name)
        except OSError:  # another disk, or one without hard links
            shutil.copyfile(jar, folder / jar.name)
    with zipfile.ZipFile(loopback_jar, "w") as target:
        loopback_patch.add(jars, target)
        if REPORTER_JAR.exists():
            loopback_patch.add_reporter(REPORTER_JAR, target)
