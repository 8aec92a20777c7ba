"""The Pod Security Standard "restricted" as a table of rules over a pod's specification.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/. The real admission is asked in
``tests/kubernetes``; this finds the same on every values file, without a cluster.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from helm.options import Json
from tests.chart.charts import Part

Rule: TypeAlias = Callable[[Part], bool]

_VOLUMES: Final = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
_CAPABILITIES: Final = {"NET_BIND_SERVICE"}
_SECCOMP: Final = {"RuntimeDefault", "Localhost"}


def violations(pod: Part) -> list[str]:
    """Return the names of the rules that ``pod`` breaks, with the container where one does."""
    broken = [name for name, rule in _POD_RULES.items() if not rule(pod)]
    for container in containers(pod):
        effective = _effective(pod, container)
        broken += [
            f"{container.at('name').value}: {name}"
            for name, rule in _CONTAINER_RULES.items()
            if not rule(effective)
        ]
    return broken


def containers(pod: Part) -> Iterator[Part]:
    """Yield all containers of ``pod``, of all kinds."""
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        if pod.at(kind).value is not None:
            yield from pod.at(kind)


def _effective(pod: Part, container: Part) -> Part:
    """Return the security context of ``container``, with what it takes over from the pod."""
    taken = _entries(pod.at("securityContext"))
    own = _entries(container.at("securityContext"))
    ports = container.at("ports").value
    return Part({**taken, **own, "ports": ports})


def _entries(part: Part) -> dict[str, Json]:
    return part.value if isinstance(part.value, dict) else {}


def _keys(part: Part) -> set[str]:
    return set(_entries(part))


def _values(part: Part) -> set[str]:
    return {str(entry) for entry in part.value} if isinstance(part.value, list) else set()


_POD_RULES: Final[Mapping[str, Rule]] = {
    "no host namespaces": lambda pod: (
        not any(pod.at(field).value for field in ("hostNetwork", "hostPID", "hostIPC"))
    ),
    "only volumes that hold no part of the host": lambda pod: all(
        _keys(volume) - {"name"} <= _VOLUMES for volume in pod.at("volumes")
    ),
    "no sysctls": lambda pod: not pod.at("securityContext", "sysctls").value,
    "not a Windows host process": lambda pod: (
        not pod.at("securityContext", "windowsOptions", "hostProcess").value
    ),
}

_CONTAINER_RULES: Final[Mapping[str, Rule]] = {
    "not privileged": lambda context: not context.at("privileged").value,
    "no escalation": lambda context: context.at("allowPrivilegeEscalation").value is False,
    "all capabilities dropped": lambda context: "ALL" in _values(context.at("capabilities", "drop")),
    "no capabilities added": lambda context: _values(context.at("capabilities", "add")) <= _CAPABILITIES,
    "not root": lambda context: context.at("runAsNonRoot").value is True,
    "no root user": lambda context: context.at("runAsUser").value != 0,
    "seccomp": lambda context: context.at("seccompProfile", "type").value in _SECCOMP,
    "no SELinux user or role": lambda context: not {"user", "role"} & _keys(context.at("seLinuxOptions")),
    "AppArmor is on": lambda context: context.at("appArmorProfile", "type").value != "Unconfined",
    "default /proc": lambda context: context.at("procMount").value in {None, "Default"},
    "no host ports": lambda context: (
        context.at("ports").value is None
        or not any(port.at("hostPort").value for port in context.at("ports"))
    ),
}
