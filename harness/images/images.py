"""The images that ship: what each is built from, and what must be true of it. One table."""

from __future__ import annotations

from typing import NamedTuple

from sandbox.layout import REPOSITORY

TEMPLATES = REPOSITORY / "templates"
# The names that build.sh would give; SDK_IMAGE in the image holds it.
PIPELINE = "localhost/payments/pipeline:try"
FLINK = "localhost/payments/flink:try"
WORKERS = "localhost/payments/workers:try"
SIMULATOR = "localhost/payments/simulator:try"

# Those who run it as deploy/k8s has it: the pods of Flink as Flink's user, all others as ours.
IN_FLINKS_POD = "9999:9999"
IN_OUR_POD = "10001:10001"


class Asked(NamedTuple):
    """A command that an image must answer: with its help, or with a refusal that helps.

    Attributes:
        user: who asks.
        arguments: behind the entry point.
        code: the exit code.
        words: what the answer holds.
        environment: settings that are given.
        program: what is run instead of the entry point.
    """

    user: str
    arguments: tuple[str, ...]
    code: int
    words: str
    environment: tuple[tuple[str, str], ...] = ()
    program: tuple[str, ...] = ()


class Image(NamedTuple):
    """An image that ships.

    Attributes:
        bases: build argument and the stage of bases/Dockerfile that stands for it.
        user: whom the image runs as; empty for root.
        megabytes_max: of its files, unpacked; a tenth above what was built.
        python: whether its packages are to fit together.
    """

    tag: str
    dockerfile: str
    target: str | None
    bases: dict[str, str]
    arguments: dict[str, str]
    user: str
    megabytes_max: int
    python: bool
    asked: tuple[Asked, ...]


_PLACES = (
    ("PAYMENTS_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1"),
    ("PAYMENTS_KAFKA_TOPICS", "payments"),
    ("PAYMENTS_BIGQUERY_DATASET", "my-project.payments"),
)
_ROLES = (
    Asked(IN_FLINKS_POD, (), 2, "a role is required"),
    Asked(IN_FLINKS_POD, ("no-such",), 2, "no such role: no-such"),
    Asked(IN_FLINKS_POD, ("python-workers", "--help"), 0, "--scratch"),
    Asked(IN_FLINKS_POD, ("java-workers",), 2, "PROJECT is required"),
    Asked(IN_FLINKS_POD, ("watchdog",), 2, "POD_IP is required"),
    Asked(IN_FLINKS_POD, ("watchdog", "--help"), 0, "--patience_sec", (("POD_IP", "127.0.0.1"),)),
    Asked(IN_OUR_POD, ("job-server",), 2, "FLINK_MASTER is required"),
    Asked(IN_OUR_POD, ("submit",), 2, "PAYMENTS_KAFKA_BOOTSTRAP_SERVERS is required"),
    Asked(IN_OUR_POD, ("submit", "--help"), 0, "--kafka_topics", _PLACES),
    Asked(IN_OUR_POD, ("health",), 2, "--kafka_bootstrap_servers"),
    Asked(IN_OUR_POD, ("health", "--help"), 0, "--flink"),
    Asked(IN_OUR_POD, ("exporter", "--help"), 0, "--listen"),
    Asked(IN_OUR_POD, ("reconcile", "--help"), 0, "--since_last"),
    Asked(IN_OUR_POD, ("tables", "--help"), 0, "create"),
    Asked(IN_OUR_POD, ("dead-letters", "--help"), 0, "send"),
    Asked(IN_OUR_POD, ("rollout", "--help"), 0, "status"),
    Asked(IN_OUR_POD, ("runs", "--help"), 0, "list"),
    Asked(IN_OUR_POD, ("job", "--help"), 0, "savepoint"),
    Asked(IN_OUR_POD, ("contract", "init", "--from=native"), 0, "fields"),
    Asked(IN_OUR_POD, ("config", "show"), 0, "PAYMENTS_KAFKA_TOPICS", _PLACES),
    # What is installed for it, besides the folder that PYTHONPATH names.
    Asked(IN_OUR_POD, ("--help",), 0, "reconcile", (("PYTHONPATH", ""),), ("payments",)),
)

IMAGES = (
    Image(
        tag=PIPELINE,
        dockerfile="dataflow",
        target=None,
        bases={
            "BASE_JAVA": "java",
            "BASE_MAVEN": "maven",
            "BASE_PYTHON": "python",
            "BASE_LAUNCHER": "launcher",
            "BASE_BEAM": "beam",
        },
        arguments={"IMAGE": PIPELINE},
        user="",  # Dataflow's boot program needs it: templates/dataflow/Dockerfile
        megabytes_max=1_900,
        python=True,
        asked=(
            Asked("0:0", ("-m", "pipeline", "--help"), 0, "--kafka_topics", (), ("python",)),
            Asked("0:0", ("/opt/payments/main.py", "--no_such=1"), 2, "no_such", (), ("python",)),
        ),
    ),
    Image(
        tag=FLINK,
        dockerfile="flink",
        target="flink",
        bases={"BASE_FLINK": "flink"},
        arguments={"PIPELINE": PIPELINE},
        user="9999:9999",
        megabytes_max=1_150,
        python=False,
        asked=(Asked(IN_FLINKS_POD, ("--version",), 0, "1.19.0", (), ("flink",)),),
    ),
    Image(
        tag=WORKERS,
        dockerfile="flink",
        target="workers",
        bases={"BASE_FLINK": "flink"},
        arguments={"PIPELINE": PIPELINE},
        user="10001:10001",
        megabytes_max=1_900,
        python=True,
        asked=_ROLES,
    ),
    Image(
        tag=SIMULATOR,
        dockerfile="simulator",
        target=None,
        bases={"BASE_PYTHON": "python"},
        arguments={},
        user="10001:10001",
        megabytes_max=350,
        python=True,
        asked=(Asked(IN_OUR_POD, ("--help",), 0, "--kafka_bootstrap_servers"),),
    ),
)
