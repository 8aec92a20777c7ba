"""The table of the restricted profile finds what an API server would refuse."""

from typing import Final

import pytest

from helm.options import Json
from tests.chart.charts import Part, merged
from tests.chart.pod_security import violations

GOOD: Final[dict[str, Json]] = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "volumes": [{"name": "tmp", "emptyDir": {}}],
    "containers": [],
}
CONTAINER: Final[dict[str, Json]] = {
    "name": "one",
    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
}


def pod(changed: dict[str, Json], container: dict[str, Json]) -> Part:
    """Return a good pod with changes to it and to its container."""
    return Part(merged(GOOD, {"containers": [merged(CONTAINER, container)]}, changed))


def context(**changed: Json) -> dict[str, Json]:
    """Return a container whose security context is changed."""
    return {"securityContext": changed}


def test_a_good_pod_breaks_nothing() -> None:
    """What the other cases change is what they are found for."""
    assert violations(pod({}, {})) == []


@pytest.mark.parametrize(
    ("changed", "container", "rule"),
    [
        ({"hostNetwork": True}, {}, "no host namespaces"),
        ({"hostPID": True}, {}, "no host namespaces"),
        (
            {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]},
            {},
            "only volumes that hold no part of the host",
        ),
        ({"securityContext": {"sysctls": [{"name": "x", "value": "1"}]}}, {}, "no sysctls"),
        ({"securityContext": {"windowsOptions": {"hostProcess": True}}}, {}, "not a Windows host process"),
        ({"securityContext": {"runAsNonRoot": None}}, {}, "one: not root"),
        ({"securityContext": {"runAsUser": 0}}, {}, "one: no root user"),
        ({"securityContext": {"seccompProfile": None}}, {}, "one: seccomp"),
        ({}, context(privileged=True), "one: not privileged"),
        ({}, context(allowPrivilegeEscalation=None), "one: no escalation"),
        ({}, context(capabilities={"drop": ["NET_RAW"]}), "one: all capabilities dropped"),
        ({}, context(capabilities={"add": ["SYS_TIME"]}), "one: no capabilities added"),
        ({}, context(runAsNonRoot=False), "one: not root"),
        ({}, context(runAsUser=0), "one: no root user"),
        ({}, context(seccompProfile={"type": "Unconfined"}), "one: seccomp"),
        ({}, context(seLinuxOptions={"user": "x"}), "one: no SELinux user or role"),
        ({}, context(appArmorProfile={"type": "Unconfined"}), "one: AppArmor is on"),
        ({}, context(procMount="Unmasked"), "one: default /proc"),
        ({}, {"ports": [{"hostPort": 80}]}, "one: no host ports"),
    ],
)
def test_each_rule_finds_its_violation(
    changed: dict[str, Json], container: dict[str, Json], rule: str
) -> None:
    """Each rule is broken by what it is about, and by nothing else."""
    assert violations(pod(changed, container)) == [rule]


def test_init_containers_are_containers() -> None:
    """What runs before the service has to be as good."""
    bad = merged(GOOD, {"initContainers": [{"name": "early"}]})
    assert {found.partition(":")[0] for found in violations(Part(bad))} == {"early"}
