"""The contract of an overlay lies where the launch looks for it, and is one."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest

from tests.support.kubernetes import OVERLAYS, Manifest, containers_in, render
from transforms.codecs.contract.fingerprint import fingerprint
from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.named import WrongContract, named
from transforms.codecs.contract.shipped import native


@pytest.fixture(scope="module", params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return render(request.param)


@pytest.fixture(scope="module")
def production() -> list[Manifest]:
    return render("production")


def settings_of(manifests: list[Manifest]) -> dict[str, str]:
    [found] = [each for each in manifests if each["metadata"]["name"] == "payments-settings"]
    return dict(found["data"])


def contract_of(manifests: list[Manifest]) -> Contract:
    """Returns the contract that the launch reads: the setting, in what its pod mounts.

    Raises:
        WrongContract: it is none, or it is not there.
    """
    files = dict(files_of(manifests, "Job", "payments-submit", "submit"))

    def read(place: str) -> bytes:
        if place not in files:
            raise FileNotFoundError(2, f"not mounted; there are {sorted(files)}", place)
        return files[place]

    return named(settings_of(manifests).get("PAYMENTS_CONTRACT"), read)


def files_of(
    manifests: list[Manifest], kind: str, name: str, container: str
) -> Iterator[tuple[str, bytes]]:
    """Yields the files that a container finds of ConfigMaps: their paths and what they hold."""
    [owner] = [m for m in manifests if (m["kind"], m["metadata"]["name"]) == (kind, name)]
    pod = owner["spec"]["template"]["spec"]
    held = {m["metadata"]["name"]: m for m in manifests if m["kind"] == "ConfigMap"}
    maps = {
        each["name"]: each["configMap"]["name"] for each in pod["volumes"] if "configMap" in each
    }
    [found] = [each for each in pod["containers"] if each["name"] == container]
    for mount in found["volumeMounts"]:
        for key, text in held.get(maps.get(mount["name"]), {}).get("data", {}).items():
            yield f"{mount['mountPath']}/{key}", text.encode()


def test_the_contract_that_is_named_lies_where_the_launch_looks(
    manifests: list[Manifest],
) -> None:
    assert contract_of(manifests).means


def test_production_mounts_a_contract_of_its_own(production: list[Manifest]) -> None:
    said = settings_of(production)["PAYMENTS_CONTRACT"]
    assert said in dict(files_of(production, "Job", "payments-submit", "submit"))
    # As it is shipped it changes nothing: state of our own JSON stays valid.
    assert fingerprint(contract_of(production)) == fingerprint(native())


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("/etc/payments/contracts/contract.yaml", "not mounted"),
        ("contract.yaml", "not mounted"),
        ("strip", "not mounted"),
    ],
)
def test_control_a_contract_that_lies_elsewhere_is_found(
    said: str, why: str, production: list[Manifest]
) -> None:
    production = copy.deepcopy(production)
    [settings] = [m for m in production if m["metadata"]["name"] == "payments-settings"]
    settings["data"]["PAYMENTS_CONTRACT"] = said

    with pytest.raises(WrongContract, match=why):
        contract_of(production)


def test_control_a_contract_that_is_wrong_is_found(production: list[Manifest]) -> None:
    production = copy.deepcopy(production)
    for manifest in production:
        if manifest["metadata"]["name"].startswith("payments-contract"):
            manifest["data"]["contract.yaml"] += "colums: []\n"

    with pytest.raises(WrongContract, match=r"contract\.yaml:\d+: colums is no key here"):
        contract_of(production)


def test_login_of_a_registry_lies_alike_wherever_records_are_read(
    manifests: list[Manifest],
) -> None:
    pods = {
        container["name"]: mount["mountPath"]
        for manifest in manifests
        for container in containers_in(manifest)
        for mount in container.get("volumeMounts", [])
        if mount["name"] == "registry"
    }
    place = "/etc/payments/registry"
    assert pods == {"submit": place, "python-workers": place, "reconcile": place}
