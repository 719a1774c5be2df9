"""The sandbox with the parts of the images: Flink, services and workers run from their roots.

Kafka, the stand-in of BigQuery and ZooKeeper stay the sandbox's own. As in deploy/k8s, what is in a
pod with a TaskManager runs as Flink's user, what submits as ours, on the ports that the entry point
has by default, and all but Flink with a root that cannot be changed. Other than there, both
TaskManagers have one pool of workers, and one service of Java expands and works: one machine has
each port once.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from harness.images.buildah import Settings
from harness.images.container import Container
from harness.images.images import IN_FLINKS_POD, IN_OUR_POD
from sandbox import flink_cluster, sandbox
from sandbox.component import TASK_MANAGERS, Component, Plan
from sandbox.layout import Layout
from sandbox.supervision import MARKER
from templates.flink.loopback import HOST

# Where the entry point, and the role `submit`, have them unless told otherwise.
PORTS = {"job-server": 8099, "expansion": 8097, "python-workers": 50000}


class Roots(NamedTuple):
    """The files of the images that a job needs, and what each says of itself."""

    flink: Path
    flink_settings: Settings
    workers: Path
    workers_settings: Settings
    simulator: Path
    simulator_settings: Settings


class Pods:
    """Runs programs of the images beside a sandbox in `folder`."""

    def __init__(self, roots: Roots, folder: Path, tmp: Path) -> None:
        self._roots = roots
        self._layout = Layout.of(folder)
        self._tmp = tmp

    def parts(self, plan: Plan) -> list[Component]:
        """Returns the components of the sandbox, with those of the images in their places."""
        for folder in ("checkpoints", "savepoints"):
            _for_all(plan.layout.flink / folder)
        _for_all(plan.layout.zookeeper / "flink")
        own = {each.name: each for each in sandbox.components(plan)}
        own |= {each.name: each for each in (*self._flink(plan), *self._beam(plan))}
        return list(own.values())

    def tool(self, name: str) -> Container:
        """Returns the workers' image as a pod of deploy/k8s runs it that submits, or asks."""
        return self._workers(IN_OUR_POD, name)

    def simulator(self) -> Container:
        """Returns the simulator's image as the test overlay runs it."""
        roots = self._roots
        return Container(
            roots.simulator, roots.simulator_settings, IN_OUR_POD, self.tmp("simulator"), self._root
        )

    def tmp(self, pod: str) -> Path:
        """Returns where the /tmp of a pod is on this machine."""
        return self._tmp / pod

    @property
    def _root(self) -> Path:
        return self._layout.root

    def _workers(self, user: str, pod: str) -> Container:
        roots = self._roots
        return Container(roots.workers, roots.workers_settings, user, self.tmp(pod), self._root)

    def _flink(self, plan: Plan) -> list[Component]:
        conf = flink_cluster.write_config(plan)
        # The operator brings this one along with the settings.
        shutil.copy(self._roots.flink / "opt/flink/conf/log4j-console.properties", conf)
        environment = {"FLINK_CONF_DIR": str(conf), MARKER: str(self._root)}
        roots = self._roots

        def component(name: str, *arguments: str) -> Component:
            container = Container(
                *(roots.flink, roots.flink_settings, IN_FLINKS_POD, self.tmp(name), self._root),
                writable=True,
            )
            return Component(name, container.command(arguments, environment))

        return [
            component("jobmanager", "jobmanager"),
            *(
                component(name, "taskmanager", f"-Dtaskmanager.resource-id={name}")
                for name in TASK_MANAGERS
            ),
        ]

    def _beam(self, plan: Plan) -> list[Component]:
        rest = plan.address("flink-rest")

        def component(
            name: str, user: str, pod: str, arguments: Sequence[str], **settings: str
        ) -> Component:
            environment = {**settings, MARKER: str(self._root)}
            return Component(name, self._workers(user, pod).command(arguments, environment))

        in_flinks = (IN_FLINKS_POD, "workers")
        return [
            component("python-workers", *in_flinks, ["python-workers"]),
            component("expansion", *in_flinks, ["java-workers"], PROJECT=plan.project),
            component("watchdog", *in_flinks, ["watchdog"], POD_IP=HOST, PAYMENTS_FLINK=rest),
            component("job-server", IN_OUR_POD, "submit", ["job-server"], FLINK_MASTER=rest),
        ]


def _for_all(folder: Path) -> None:
    """Makes a folder that every user may write to, as a volume is to the users of a pod."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o1777)
