"""One ZooKeeper from Flink's own jars, so that a JobManager's successor resumes its jobs.

Without it a JobManager that dies takes its jobs along, although their checkpoints are there. In a
cluster Kubernetes keeps this memory (`high-availability.type: kubernetes`); Flink offers no way
that needs neither. The memory is as old as the sandbox's current start: `up` begins without jobs,
as resuming one from a checkpoint is the user's decision, made with --savepoint_path.
"""

from __future__ import annotations

import shlex

from sandbox import crash_reports, java
from sandbox.component import Component, Plan
from templates.flink.loopback import HOST

# Where Flink's jars have ZooKeeper.
_SHADED = "org.apache.flink.shaded.zookeeper3"
# A successor waits until its predecessor's session has ended: the shorter, the sooner it takes
# over, but a JobManager that collects garbage for this long is taken for dead.
SESSION_TIMEOUT_MS = 6_000
_TICK_MS = 1_000  # sessions may last from 2 to 20 of these


def component(plan: Plan) -> Component:
    """Returns the server, which keeps its data over its own restarts."""
    config = plan.write(plan.layout.zookeeper / "zoo.cfg", settings(plan))
    main_class = f"{_SHADED}.org.apache.zookeeper.server.ZooKeeperServerMain"
    options = ("-Xms32m", "-Xmx128m", crash_reports.option(plan.layout), *java.QUIET)
    command = java.command(main_class, java.beam_classpath(plan.layout), options, [str(config)])
    data = shlex.quote(str(plan.layout.zookeeper / "data"))
    return Component("zookeeper", command, prepare=f"mkdir -p {data}")


def settings(plan: Plan) -> str:
    """Returns the server's settings."""
    values = {
        "dataDir": str(plan.layout.zookeeper / "data"),
        "clientPort": str(plan.ports["zookeeper"]),
        "clientPortAddress": HOST,
        "tickTime": str(_TICK_MS),
        "admin.enableServer": "false",
    }
    return "".join(f"{key}={value}\n" for key, value in values.items())


def flink_settings(plan: Plan) -> dict[str, object]:
    """Returns what makes Flink use it."""
    return {
        "high-availability.type": "zookeeper",
        "high-availability.zookeeper.quorum": plan.address("zookeeper"),
        "high-availability.cluster-id": "/sandbox",
        "high-availability.storageDir": (plan.layout.zookeeper / "flink").as_uri(),
        "high-availability.zookeeper.client.session-timeout": SESSION_TIMEOUT_MS,
        "high-availability.zookeeper.client.connection-timeout": SESSION_TIMEOUT_MS,
        "high-availability.zookeeper.client.retry-wait": 500,
        "high-availability.zookeeper.client.max-retry-attempts": 20,
        # ZooKeeper's own restart must not cost the JobManager its leadership.
        "high-availability.zookeeper.client.tolerate-suspended-connections": True,
    }
