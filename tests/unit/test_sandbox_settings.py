"""The generated settings are what the components need."""

import configparser
import shlex
from collections.abc import Sequence

import pytest
import yaml

from sandbox import flink_cluster, kafka_broker, ports, registry, supervision
from sandbox.component import NAMES, Component, Plan
from sandbox.layout import FLINK_TEMPLATE, REPORTER_JAR, SOCKET_PATH_BYTES_MAX, Layout
from sandbox.sandbox import components


@pytest.fixture
def plan(tmp_path) -> Plan:
    numbers = {name: 21_000 + index for index, name in enumerate(ports.PORT_NAMES)}
    return Plan(Layout.of(tmp_path / "a folder, 100% odd; really"), numbers)


def read_config(layout, parts) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"))
    parser.read_string(supervision.render(layout, parts))
    return parser


def test_every_component_is_supervised(plan) -> None:
    parser = read_config(plan.layout, components(plan))

    programs = {section for section in parser.sections() if section.startswith("program:")}
    assert programs == {f"program:{name}" for name in NAMES}
    for program in programs:
        assert parser[program]["autorestart"] == "true"
        assert parser[program]["killasgroup"] == "true"


def test_folder_name_with_odd_characters_survives_supervisord(plan) -> None:
    plan = Plan(Layout.of(plan.layout.root.parent / "100% odd"), plan.ports)
    parser = read_config(plan.layout, [Component("kafka", ["true"])])

    command = parser["program:kafka"]["command"].replace("%%", "%")
    assert shlex.split(command)[-1] == str(plan.layout.script("kafka"))


def test_every_java_process_leaves_its_crash_report_beside_the_logs(plan) -> None:
    """Of the words that start it, or of the file of options that it is started with."""
    scripts = {each.name: each.script() for each in (*components(plan), registry.component(plan))}
    for name, script in scripts.items():
        options = plan.layout.root / "run" / f"{name}.java-options"
        starts_java = "/bin/java" in script or options.exists()
        told = script + (options.read_text() if options.exists() else "")
        assert ("-XX:ErrorFile=" in told) == starts_java, name
    assert sum("/bin/java" in script for script in scripts.values()) >= 6


def test_script_of_a_component_quotes_what_the_shell_would_read() -> None:
    component = Component("x", ["run", "a b", "$HOME"], {"KEY": "it's"}, prepare="echo first")

    assert component.script().splitlines() == [
        "set -e",
        "export KEY='it'\"'\"'s'",
        "echo first",
        "exec run 'a b' '$HOME'",
    ]


def test_every_address_is_loopback(plan) -> None:
    """Exception: none. What a component listens on is checked for real in the integration test."""
    flink = flink_cluster.settings(plan)
    hosts = [value for key, value in flink.items() if key.endswith(("host", "address"))]

    assert set(hosts) == {"127.0.0.1"}
    for line in kafka_broker.server_properties(plan).splitlines():
        if "listeners" in line:
            assert "PLAINTEXT://127.0.0.1:" in line


def test_flink_runs_with_the_settings_the_images_ship(plan) -> None:
    template = yaml.safe_load(FLINK_TEMPLATE.read_text())
    settings = flink_cluster.settings(plan)

    changed = {key for key, value in template.items() if settings.get(key) != value}
    # Nothing but the restarts, which a failure test wants at once, may differ from production; and
    # the reporter, of which not every machine has fetched the jar.
    allowed = ["restart-strategy"] if REPORTER_JAR.exists() else ["restart-", "metrics.reporter"]
    assert all(key.startswith(tuple(allowed)) for key in changed), changed
    assert settings["state.backend.type"] == "rocksdb"
    assert settings["classloader.resolve-order"] == "parent-first"


def test_taskmanagers_differ_only_in_their_names(plan) -> None:
    first, second = (flink_cluster.taskmanager(plan, f"taskmanager-{n}") for n in (1, 2))

    assert "-Dtaskmanager.resource-id=taskmanager-1" in first.argv
    renamed = [argument.replace("taskmanager-1", "taskmanager-2") for argument in first.argv]
    assert shared(renamed) == shared(second.argv)


def shared(argv: Sequence[str]) -> list[str]:
    """Returns a command line without the one port that each process has for itself."""
    return [each for each in argv if not each.startswith("-Dmetrics.reporter.prom.port=")]


def test_broker_makes_no_topic_by_accident(plan) -> None:
    assert "auto.create.topics.enable=false\n" in kafka_broker.server_properties(plan)


def test_socket_of_a_deep_folder_lies_in_a_short_place(tmp_path) -> None:
    deep = Layout.of(tmp_path / ("d" * 150))
    shallow = Layout.of("/tmp/x")

    assert len(str(deep.socket)) <= SOCKET_PATH_BYTES_MAX
    assert deep.socket != Layout.of(tmp_path / ("e" * 150)).socket
    assert shallow.socket == shallow.root / "supervisor.sock"
