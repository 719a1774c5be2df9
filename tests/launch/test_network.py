"""The pods reach what they need, and nothing else, by the policies that kustomize renders."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.launch.test_k8s import OVERLAYS, REPOSITORY, render

Manifest = dict[str, Any]


class Target(NamedTuple):
    """Where a pod connects to; labels where it is a pod of the cluster."""

    address: str
    protocol: str
    port: int
    namespace: dict[str, str] | None = None
    pod: dict[str, str] | None = None


def kube_system(protocol: str) -> Target:
    namespace = {"kubernetes.io/metadata.name": "kube-system"}
    return Target("10.8.0.7", protocol, 53, namespace, {"k8s-app": "kube-dns"})


# Google's pages 'Setting up NodeLocal DNSCache', 'Using Cloud DNS for GKE' and 'Workload Identity
# Federation for GKE' (the metadata server has another address and port without Dataplane V2).
NEEDED = [
    *(kube_system(protocol) for protocol in ("UDP", "TCP")),
    *(Target("169.254.20.10", protocol, 53) for protocol in ("UDP", "TCP")),
    *(Target("169.254.169.254", protocol, 53) for protocol in ("UDP", "TCP")),
    Target("34.118.224.10", "UDP", 53),
    *(Target("169.254.169.254", "TCP", port) for port in (80, 8080)),
    *(Target("169.254.169.252", "TCP", port) for port in (987, 988)),
    Target("142.250.74.106", "TCP", 443),  # googleapis.com
    Target("10.8.3.4", "TCP", 9093, {}, {"app": "kafka"}),
]
REFUSED = [
    Target("93.184.216.34", "TCP", 80),
    Target("93.184.216.34", "UDP", 53),  # a resolver of somebody else's: data leaves by names
    Target("8.8.8.8", "TCP", 53),
    Target("169.254.169.254", "TCP", 22),
    Target("10.8.3.4", "TCP", 5432, {}, {"app": "postgres"}),
]
PODS = [
    {"app": "payments", "component": "taskmanager"},
    {"app.kubernetes.io/part-of": "payments-exactly-once"},
]


@pytest.fixture(scope="module", params=OVERLAYS)
def policies(request: pytest.FixtureRequest) -> list[Manifest]:
    manifests = render(REPOSITORY / "deploy/k8s/overlays" / request.param)
    return [each for each in manifests if each["kind"] == "NetworkPolicy"]


@pytest.mark.parametrize("pod", PODS, ids=["flink", "tools"])
def test_pods_reach_what_they_need(policies: list[Manifest], pod: dict[str, str]) -> None:
    assert [each for each in NEEDED if not allowed(policies, pod, each)] == []


@pytest.mark.parametrize("pod", PODS, ids=["flink", "tools"])
def test_control_pods_reach_nothing_else(policies: list[Manifest], pod: dict[str, str]) -> None:
    assert [each for each in REFUSED if allowed(policies, pod, each)] == []


def test_the_brokers_of_the_settings_listen_where_pods_may_connect() -> None:
    manifests = render(REPOSITORY / "deploy/k8s/overlays/production")
    [settings] = [each for each in manifests if each["metadata"]["name"] == "payments-settings"]
    egress = [each for each in manifests if each["kind"] == "NetworkPolicy"]

    for server in settings["data"]["PAYMENTS_KAFKA_BOOTSTRAP_SERVERS"].split(","):
        port = int(server.rpartition(":")[2])
        assert allowed(egress, PODS[0], Target("10.8.3.4", "TCP", port))


def allowed(policies: list[Manifest], pod: dict[str, str], target: Target) -> bool:
    """Returns whether any policy for the pod lets it connect; some policy must be for it."""
    rules = list(egress_rules(policies, pod))
    assert rules, f"no policy is for {pod}: it may do anything"
    return any(permits(rule, target) for rule in rules)


def egress_rules(policies: list[Manifest], pod: dict[str, str]) -> Iterator[Manifest]:
    for policy in policies:
        spec = policy["spec"]
        if "Egress" in spec["policyTypes"] and chosen(spec["podSelector"], pod):
            yield from spec.get("egress") or ()


def permits(rule: Manifest, target: Target) -> bool:
    ports = rule.get("ports")
    peers = rule.get("to")
    return (
        ports is None
        or any(
            each["protocol"] == target.protocol and each["port"] == target.port for each in ports
        )
    ) and (peers is None or any(is_peer(each, target) for each in peers))


def is_peer(peer: Manifest, target: Target) -> bool:
    if "ipBlock" in peer:
        assert "except" not in peer["ipBlock"], "this test does not know exceptions"
        address = ipaddress.ip_address(target.address)
        return address in ipaddress.ip_network(peer["ipBlock"]["cidr"])
    # Without a namespaceSelector it is the policy's own namespace, whose name has no label here.
    namespace = peer.get("namespaceSelector")
    in_namespace = (
        chosen(namespace, target.namespace) if namespace is not None else target.namespace == {}
    )
    return in_namespace and chosen(peer.get("podSelector", {}), target.pod)


def chosen(selector: Manifest, labels: dict[str, str] | None) -> bool:
    assert selector.keys() <= {"matchLabels"}, "this test knows labels only"
    return labels is not None and selector.get("matchLabels", {}).items() <= labels.items()
