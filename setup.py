"""Packages what runs on workers and for operators; sandbox, harness and tests stay here."""

import pathlib
import re

from setuptools import find_packages, setup

_HERE = pathlib.Path(__file__).parent
_VERSION = re.search(r'VERSION = "(.+)"', (_HERE / "operations/version.py").read_text())
assert _VERSION, "operations/version.py must hold VERSION"

setup(
    name="payments-exactly-once",
    version=_VERSION.group(1),
    description="Counts each payment exactly once: Kafka, deduplication, BigQuery, on Apache Beam",
    python_requires=">=3.11,<3.12",
    # Named, not found: a package called `tests` already lies in site-packages of some dependencies.
    packages=find_packages(
        include=[
            f"{name}{inner}"
            for name in ("payments", "pipeline", "operations", "transforms", "simulator")
            for inner in ("", ".*")
        ]
    ),
    package_data={"operations.report": ["page.html"]},
    entry_points={"console_scripts": ["payments = payments.cli:program"]},
    install_requires=[
        line.partition("#")[0].strip()
        for line in (_HERE / "requirements/pipeline.in").read_text().splitlines()
        if line.partition("#")[0].strip()
    ],
)
