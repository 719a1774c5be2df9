"""Beam's Java sink for BigQuery: the jars of its expansion service, and of its Java workers."""

from __future__ import annotations

from pathlib import Path

from benchmarks.peers import programs

_PARTS = Path(__file__).parent / "beam_sink"
_HOME = programs.PEERS / "beam_sink"


def install() -> Path:
    """Fetches the jars if need be; returns their folder.

    Raises:
        HarnessError: they could not be fetched, or are others than jars.lock names.
    """
    pom, lock, jars = _PARTS / "pom.xml", _PARTS / "jars.lock", _HOME / "jars"
    programs.install(
        _HOME,
        pom.read_text() + lock.read_text(),
        [
            [
                *("mvn", "--batch-mode", "--quiet", "-f", str(pom)),
                f"{programs.DEPENDENCY_PLUGIN}:copy-dependencies",
                *(f"-DoutputDirectory={jars}", "-DincludeScope=runtime"),
            ],
            ["sh", "-c", 'cd "$0" && sha256sum --quiet --strict -c "$1"', str(jars), str(lock)],
        ],
    )
    return jars
