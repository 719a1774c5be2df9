"""Starts the Java programs of the sandbox."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.layout import BROKER_JARS, JAVA_HOME, REPORTER_JAR, WEB_JARS, Layout

# IPv4 only: "localhost" and 127.0.0.1 then mean the same listener. A JVM that ran out of memory
# must die and be started again, not linger with half of its threads.
ALWAYS = (
    "-Djava.net.preferIPv4Stack=true",
    "-XX:+ExitOnOutOfMemoryError",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
    "-Dorg.slf4j.simpleLogger.showShortLogName=true",
)
# The quick compiler alone, unless a benchmark asks for the peak. The other one took 32 of the 75 s
# of CPU that a TaskManager used in its first six minutes, which is all that most of them live here,
# and starts missed their heartbeats.
_QUICK = "-XX:TieredStopAtLevel=1"
# For programs that mostly wait: one collector thread saves memory.
QUIET = ("-XX:+UseSerialGC", _QUICK)


def busy(peak: bool) -> list[str]:
    """Returns options for programs that work.

    No collector threads beside the work: they would need cores of their own.
    """
    return ["-XX:+UseParallelGC", *quickly(peak)]


def quickly(peak: bool) -> list[str]:
    """Returns which compiler a program gets: the quick one alone, unless the peak is wanted."""
    return [] if peak else [_QUICK]


def command(
    main_class: str,
    classpath: Sequence[str],
    options: Sequence[str],
    arguments: Sequence[str] = (),
) -> list[str]:
    """Returns the command line that runs `main_class`."""
    binary = str(JAVA_HOME / "bin/java")
    return [binary, *ALWAYS, *options, "-cp", ":".join(classpath), main_class, *arguments]


def broker_classpath() -> list[str]:
    """Returns the class path of Kafka's own programs."""
    return [f"{BROKER_JARS}/*"]


def beam_classpath(layout: Layout) -> list[str]:
    """Returns the class path of everything with Beam in it; beam_jars.py says how it is made."""
    return [str(layout.loopback_jar), f"{layout.beam_jars}/*"]


def flink_classpath(layout: Layout) -> list[str]:
    """Returns the class path of Flink's own processes: its web pages and its reporter as well.

    Apart from Beam's, whose programs would hand these jars to every job.
    """
    return [*beam_classpath(layout), f"{WEB_JARS}/*", str(REPORTER_JAR)]
