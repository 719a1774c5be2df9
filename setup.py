"""Packages what runs on workers: `pipeline` and `transforms`, and nothing else."""

import pathlib
import re

from setuptools import find_packages, setup

_HERE = pathlib.Path(__file__).parent
_VERSION = re.search(r'__version__ = "(.+)"', (_HERE / "pipeline/__init__.py").read_text())
assert _VERSION, "pipeline/__init__.py must hold __version__"

setup(
    name="payments-exactly-once",
    version=_VERSION.group(1),
    description="Counts each payment exactly once: Kafka, deduplication, BigQuery, on Apache Beam",
    python_requires=">=3.11,<3.12",
    # Named, not found: a package called `tests` already lies in site-packages of some dependencies.
    packages=find_packages(include=["pipeline", "pipeline.*", "transforms", "transforms.*"]),
    install_requires=[
        line.partition("#")[0].strip()
        for line in (_HERE / "requirements/pipeline.in").read_text().splitlines()
        if line.partition("#")[0].strip()
    ],
)
