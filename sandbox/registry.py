"""A schema registry, when asked for: Apicurio, which speaks Confluent's interface.

Its data lies in a file, as ids must mean the same after a restart (docs/decisions/0033).
"""

from __future__ import annotations

from sandbox import crash_reports, java
from sandbox.component import Component, Plan
from sandbox.errors import SandboxError
from sandbox.layout import JAVA_HOME, REGISTRY, REPOSITORY
from templates.flink.loopback import HOST

NAME = "registry"
# Of Confluent's interface in it; the registry's own ones are beside it.
_PATH = "/apis/ccompat/v7"
_MAIN_JAR = "apicurio-registry-app-3.0.9-runner.jar"


def url(plan: Plan) -> str:
    """Returns what a contract's `schema.registry` says to reach it."""
    return f"http://{plan.address(NAME)}{_PATH}"


def check() -> None:
    """Raises SandboxError when it has not been fetched: `make setup` leaves it out."""
    if not (REGISTRY / _MAIN_JAR).exists():
        where = REGISTRY.relative_to(REPOSITORY)
        raise SandboxError(f"the schema registry: {where} is missing", "run `bin/setup registry`")


def component(plan: Plan) -> Component:
    """Returns the registry, on loopback, with a database in the sandbox's folder."""
    folder = plan.layout.registry
    options = ["-Xmx256m", crash_reports.option(plan.layout), *java.ALWAYS, *java.QUIET]
    command = [str(JAVA_HOME / "bin/java"), *options, "-jar", str(REGISTRY / _MAIN_JAR)]
    environment = {
        "QUARKUS_HTTP_HOST": HOST,
        "QUARKUS_HTTP_PORT": str(plan.ports[NAME]),
        "APICURIO_STORAGE_KIND": "sql",
        "APICURIO_STORAGE_SQL_KIND": "h2",
        # At once: else a kill loses what was registered half a second ago, in part.
        "APICURIO_DATASOURCE_URL": f"jdbc:h2:file:{folder}/schemas;WRITE_DELAY=0",
    }
    return Component(NAME, command, environment)
