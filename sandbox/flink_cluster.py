"""The Flink cluster: one JobManager and two TaskManagers, each a process of its own."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from sandbox import crash_reports, java, zookeeper
from sandbox.component import Component, Plan
from sandbox.layout import FLINK_TEMPLATE, REPORTER_JAR
from templates.flink.loopback import HOST

SLOTS_PER_TASK_MANAGER = 4
_REPORTER = "metrics.reporter.prom."

# A TaskManager's memory, by purpose. It is started by hand, so what Flink's scripts would derive
# from one total is spelled out, here for its settings and below for its command line.
_HEAP_MB = 1024  # 128 for Flink itself, 896 for operators
_FRAMEWORK_HEAP_MB = 128
_OFF_HEAP_MB = 128  # for Flink, and as much again for operators: gRPC's buffers to the workers
_NETWORK_MB = 128
_MANAGED_MB = 512  # RocksDB's caches and write buffers, 128 for each slot
_METASPACE_MB = 256
_OVERHEAD_MB = 192


def jobmanager(plan: Plan) -> Component:
    """Returns the process that schedules jobs and triggers checkpoints."""
    main_class = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
    options = ["-Xms128m", "-Xmx512m", *java.QUIET]
    return _component(plan, "jobmanager", main_class, options, {})


def taskmanager(plan: Plan, name: str) -> Component:
    """Returns a process that runs operators. Its id stays the same over restarts."""
    main_class = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
    options = [
        f"-Xms{_HEAP_MB}m",  # grown step by step it was collected 40 times a minute
        f"-Xmx{_HEAP_MB}m",
        *java.busy(plan.peak),
        f"-XX:MaxDirectMemorySize={2 * _OFF_HEAP_MB + _NETWORK_MB}m",
        f"-XX:MaxMetaspaceSize={_METASPACE_MB}m",
        # From 21 MB on, its default, every growth would be a full collection.
        f"-XX:MetaspaceSize={_METASPACE_MB}m",
    ]
    own_settings = {
        "taskmanager.resource-id": name,
        "state.backend.rocksdb.localdir": str(_scratch(plan, name)),
    }
    return _component(plan, name, main_class, options, own_settings)


def _component(
    plan: Plan,
    name: str,
    main_class: str,
    options: Sequence[str],
    own_settings: Mapping[str, str],
) -> Component:
    scratch = _scratch(plan, name)
    places = ("io.tmp.dirs", "web.tmpdir", "blob.storage.directory")
    options = [*options, crash_reports.option(plan.layout), f"-Djava.io.tmpdir={scratch}"]
    own_settings = {
        **dict.fromkeys(places, str(scratch)),
        **_reporter_port(plan, name),
        **own_settings,
    }
    arguments = ["--configDir", str(write_config(plan))]
    arguments += [f"-D{key}={value}" for key, value in own_settings.items()]
    # Flink unpacks 20 MB of jars at every start and cleans up only when it ends by itself.
    quoted = shlex.quote(str(scratch))
    return Component(
        name,
        java.command(
            main_class,
            java.flink_classpath(plan.layout),
            [*options, *_java_options()],
            arguments,
        ),
        prepare=f"rm -rf {quoted} && mkdir -p {quoted}",
    )


def _reporter_port(plan: Plan, name: str) -> dict[str, str]:
    """Returns where a process serves its metrics: each needs a port of its own here."""
    return {f"{_REPORTER}port": str(plan.ports[f"{name}-metrics"])} if REPORTER_JAR.exists() else {}


def _scratch(plan: Plan, name: str) -> Path:
    """Returns the folder for what a process needs only while it lives."""
    return plan.layout.flink / "scratch" / name


def settings(plan: Plan) -> dict[str, object]:
    """Returns the settings the images ship, with this sandbox's places and sizes on top."""
    merged: dict[str, object] = yaml.safe_load(FLINK_TEMPLATE.read_text())
    if not REPORTER_JAR.exists():
        merged = {key: value for key, value in merged.items() if not key.startswith(_REPORTER)}
    merged.update(_addresses(plan))
    merged.update(_folders(plan))
    merged.update(_memory())
    merged.update(zookeeper.flink_settings(plan))
    # A failure test waits for each restart. More often than this would not help: every attempt
    # starts Python workers anew, and a component that died needs its 10 s to come back.
    merged["restart-strategy.exponential-delay.max-backoff"] = "8 s"
    merged["restart-strategy.exponential-delay.reset-backoff-threshold"] = "30 s"
    return merged


def _addresses(plan: Plan) -> dict[str, object]:
    return {
        "jobmanager.rpc.address": HOST,
        "jobmanager.rpc.port": plan.ports["flink-rpc"],
        "high-availability.jobmanager.port": plan.ports["flink-rpc"],
        "jobmanager.bind-host": HOST,
        "taskmanager.host": HOST,
        "taskmanager.bind-host": HOST,
        "taskmanager.numberOfTaskSlots": SLOTS_PER_TASK_MANAGER,
        "parallelism.default": 2,
        "rest.address": HOST,
        "rest.bind-address": HOST,
        "rest.port": plan.ports["flink-rest"],
    }


def _folders(plan: Plan) -> dict[str, object]:
    flink = plan.layout.flink
    return {
        "state.checkpoints.dir": (flink / "checkpoints").as_uri(),
        "state.savepoints.dir": (flink / "savepoints").as_uri(),
    }


def _memory() -> dict[str, object]:
    return {
        "jobmanager.memory.process.size": "1000m",
        "taskmanager.cpu.cores": SLOTS_PER_TASK_MANAGER,
        "taskmanager.memory.framework.heap.size": f"{_FRAMEWORK_HEAP_MB}m",
        "taskmanager.memory.task.heap.size": f"{_HEAP_MB - _FRAMEWORK_HEAP_MB}m",
        "taskmanager.memory.framework.off-heap.size": f"{_OFF_HEAP_MB}m",
        "taskmanager.memory.task.off-heap.size": f"{_OFF_HEAP_MB}m",
        "taskmanager.memory.network.min": f"{_NETWORK_MB}m",
        "taskmanager.memory.network.max": f"{_NETWORK_MB}m",
        "taskmanager.memory.managed.size": f"{_MANAGED_MB}m",
        "state.backend.rocksdb.memory.fixed-per-tm": f"{_MANAGED_MB}m",
        "taskmanager.memory.jvm-metaspace.size": f"{_METASPACE_MB}m",
        "taskmanager.memory.jvm-overhead.min": f"{_OVERHEAD_MB}m",
        "taskmanager.memory.jvm-overhead.max": f"{_OVERHEAD_MB}m",
    }


def _java_options() -> list[str]:
    template = yaml.safe_load(FLINK_TEMPLATE.read_text())
    # The default is 10 s, which a machine that also builds and tests may need for itself. Flink's
    # own pekko.startup-timeout does not reach it: Pekko looks for it under another name.
    startup = "-Dpekko.remote.classic.startup-timeout=60s"
    return [*str(template["env.java.opts.all"]).split(), startup]


def write_config(plan: Plan) -> Path:
    """Writes the settings where both kinds of process and the job server read them."""
    text = yaml.safe_dump(settings(plan), sort_keys=True, width=10_000)
    return plan.write(plan.layout.flink / "conf/config.yaml", text).parent
