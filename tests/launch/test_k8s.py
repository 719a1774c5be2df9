"""The manifests fit the real schemas, the settings that were tested, and careful policies."""

from __future__ import annotations

import copy
import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.support.kubernetes import OVERLAYS, REPOSITORY, TOOLS, Manifest, containers_in, render

LINTERS = REPOSITORY / ".venv-templates/bin"
# The oldest that is still cared for, and the newest that the schemas know.
KUBERNETES = ("1.33", "1.37")
FLINK = "flink.apache.org/v1beta1"
MONITORING = "monitoring.coreos.com/v1"


@pytest.fixture(scope="module", params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return render(request.param)


def is_custom(manifest: Manifest) -> bool:
    return manifest["apiVersion"] in (FLINK, MONITORING)


# --- Schemas --------------------------------------------------------------------------------------


def custom_schema(kind: str) -> dict[str, Any]:
    """Returns the schema of the resource's own definition, refusing unknown fields."""
    if kind in ("ServiceMonitor", "PrometheusRule"):
        text = (TOOLS / f"monitoring.coreos.com_{kind.lower()}s.yaml").read_text()
    else:
        [jar] = TOOLS.glob("flink-kubernetes-operator-api-*.jar")
        with zipfile.ZipFile(jar) as archive:
            name = "META-INF/fabric8/flinkdeployments.flink.apache.org-v1.yml"
            text = archive.read(name).decode()
    [version] = yaml.safe_load(text)["spec"]["versions"]
    return closed(version["schema"]["openAPIV3Schema"])


def closed(schema: Any) -> Any:
    """Returns the schema as the API server applies it to a strict request."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items()}
    open_ended = "additionalProperties" in found or found.get(
        "x-kubernetes-preserve-unknown-fields"
    )
    if isinstance(found.get("properties"), dict) and not open_ended:
        found["additionalProperties"] = False
    if found.get("x-kubernetes-int-or-string"):
        found.pop("type", None)
        found["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    return found


def problems(manifest: Manifest) -> list[str]:
    schema = custom_schema(manifest["kind"])
    # What every resource has, its own definition leaves open.
    for name in ("apiVersion", "kind", "metadata"):
        schema["properties"][name] = {}
    validator = jsonschema.Draft202012Validator(schema)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(manifest)]


def test_custom_resources_fit_their_definitions(manifests: list[Manifest]) -> None:
    custom = [each for each in manifests if is_custom(each)]

    kinds = sorted(each["kind"] for each in custom)
    assert kinds == ["FlinkDeployment", "PrometheusRule", "ServiceMonitor"]
    assert [problem for each in custom for problem in problems(each)] == []


def test_control_misspelt_and_mistyped_fields_are_found(manifests: list[Manifest]) -> None:
    deployment = copy.deepcopy(flink_of(manifests))
    deployment["spec"]["taskManger"] = deployment["spec"].pop("taskManager")
    deployment["spec"]["flinkVersion"] = "1.19"
    deployment["spec"]["flinkConfiguration"]["heartbeat.timeout"] = 8_000

    assert len(problems(deployment)) == 3


@pytest.mark.parametrize("version", KUBERNETES)
def test_all_else_fits_kubernetes_own_schemas(
    manifests: list[Manifest], version: str, tmp_path: Path
) -> None:
    assert validate([each for each in manifests if not is_custom(each)], version, tmp_path) == 0


def test_control_a_field_unknown_to_kubernetes_is_found(
    manifests: list[Manifest], tmp_path: Path
) -> None:
    job = copy.deepcopy(next(each for each in manifests if each["kind"] == "Job"))
    job["spec"]["retries"] = 3

    assert validate([job], KUBERNETES[0], tmp_path) != 0


def validate(manifests: list[Manifest], version: str, folder: Path) -> int:
    file = folder / "manifests.yaml"
    file.write_text(yaml.safe_dump_all(manifests))
    command = (LINTERS / "kubernetes-validate", "--strict", "--quiet", "-k", version, file)
    return subprocess.run(list(map(str, command)), capture_output=True, timeout=300).returncode


# --- Policies -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_policies_hold(manifests: list[Manifest], tmp_path: Path) -> None:
    file = tmp_path / "manifests.yaml"
    file.write_text(yaml.safe_dump_all(manifests))

    ended = checkov(file)

    assert ended.returncode == 0, ended.stdout
    assert "Passed checks" in ended.stdout


@pytest.mark.slow
def test_control_a_pod_that_may_do_anything_is_found(
    manifests: list[Manifest], tmp_path: Path
) -> None:
    job = copy.deepcopy(next(each for each in manifests if each["kind"] == "Job"))
    job["spec"]["template"]["spec"].pop("securityContext")
    job["spec"]["template"]["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    file = tmp_path / "manifests.yaml"
    file.write_text(yaml.safe_dump(job))

    assert checkov(file).returncode == 1


def checkov(file: Path) -> subprocess.CompletedProcess[str]:
    # CKV_K8S_43, images by digest: whoever pushes the images knows theirs.
    flags = ("--framework", "kubernetes", "--quiet", "--compact", "--skip-download")
    command = (LINTERS / "checkov", "-f", file, *flags, "--skip-check", "CKV_K8S_43")
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)


def test_flinks_pods_keep_the_same_policies(manifests: list[Manifest]) -> None:
    """Linters do not look into the operator's resources."""
    assert list(careless(flink_of(manifests))) == []


def test_control_careless_pods_of_flink_are_found(manifests: list[Manifest]) -> None:
    deployment = copy.deepcopy(flink_of(manifests))
    workers = deployment["spec"]["taskManager"]["podTemplate"]["spec"]["containers"][1]
    workers["image"] = "payments-workers"
    workers.pop("livenessProbe")
    workers["securityContext"]["readOnlyRootFilesystem"] = False
    deployment["spec"]["podTemplate"]["spec"]["securityContext"]["runAsNonRoot"] = False

    assert len(list(careless(deployment))) == 4


def careless(deployment: Manifest) -> Iterator[str]:
    spec = deployment["spec"]
    if not spec["podTemplate"]["spec"]["securityContext"].get("runAsNonRoot"):
        yield "pods may run as root"
    if not pinned(spec["image"]):
        yield f"image {spec['image']}"
    for container in spec["taskManager"]["podTemplate"]["spec"]["containers"]:
        # The operator makes Flink's own; the shared template has its policies.
        if container["name"] != "flink-main-container":
            yield from careless_container(container)


def careless_container(container: Manifest) -> Iterator[str]:
    own = container["securityContext"]
    if not pinned(container["image"]):
        yield f"image {container['image']}"
    if own["allowPrivilegeEscalation"] or own["capabilities"] != {"drop": ["ALL"]}:
        yield f"{container['name']} may gain rights"
    if not own["readOnlyRootFilesystem"]:
        yield f"{container['name']} may change its image"
    if not {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys():
        yield f"{container['name']} has no probe"
    if not {"requests", "limits"} <= container["resources"].keys():
        yield f"{container['name']} may take all memory"


def pinned(image: str) -> bool:
    return re.search(r":[\w.-]*\d[\w.-]*$|@sha256:", image) is not None


# --- Drift ----------------------------------------------------------------------------------------


def test_flink_has_the_settings_that_the_sandbox_tests_with(manifests: list[Manifest]) -> None:
    tested = yaml.safe_load((REPOSITORY / "templates/flink/config.yaml").read_text())
    shipped = flink_of(manifests)["spec"]["flinkConfiguration"]
    # The image's own scripts set what Java 17 needs.
    tested.pop("env.java.opts.all")

    assert {key: shipped.get(key) for key in tested} == {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in tested.items()
    }


def test_every_role_that_a_pod_asks_for_is_one_of_the_entry_point(
    manifests: list[Manifest],
) -> None:
    script = (REPOSITORY / "templates/flink/entrypoint.sh").read_text()
    cases = re.findall(r"^  ([a-z_| -]+)\)$", script, re.MULTILINE)
    roles = {role.strip() for case in cases for role in case.split("|")}
    asked = {
        container["args"][0]
        for manifest in manifests
        for container in containers_in(manifest)
        if "payments-workers" in container.get("image", "") or "/workers:" in str(container)
    }

    assert {"python-workers", "java-workers", "job-server", "submit", "health"} <= asked
    assert asked <= roles


def test_no_secret_is_in_a_manifest_of_production() -> None:
    kinds = {each["kind"] for each in render("production")}

    assert "Secret" not in kinds


def flink_of(manifests: list[Manifest]) -> Manifest:
    return next(each for each in manifests if each["kind"] == "FlinkDeployment")
