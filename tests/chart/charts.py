"""The chart as tests see it: values in, objects out, or the sentences that refuse them."""

import functools
import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import yaml

from helm.options import Json
from tests.support.tools import tool

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "helm" / "linkrunner-consumer"
#: A values file for each feature, by its name without ``-values.yaml``.
CI: Final = {path.name.removesuffix("-values.yaml"): path for path in sorted((CHART / "ci").iterdir())}
#: The oldest Kubernetes that the chart supports, and the newest that there are schemas of.
OLDEST: Final = "1.27"
NEWEST: Final = "1.37"
HELMS: Final = ("helm3", "helm4")
#: Name of the release, and the name that its objects have.
RELEASE: Final = "pay"
NAME: Final = "pay-linkrunner-consumer"
NAMESPACE: Final = "payments"

Values: TypeAlias = Mapping[str, Json]


class RefusedError(Exception):
    """Helm did not take the values; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The objects of a release, and the text that they came in."""

    text: str
    objects: tuple[dict[str, Json], ...]

    def of(self, kind: str) -> list["Part"]:
        """Return the objects of ``kind``."""
        return [Part(thing) for thing in self.objects if thing["kind"] == kind]

    def one(self, kind: str, name: str = NAME) -> "Part":
        """Return the object of ``kind`` with ``name``; it is a mistake of the test if there is none."""
        (found,) = [thing for thing in self.of(kind) if thing.at("metadata", "name").value == name]
        return found

    def kinds(self) -> list[str]:
        """Return the kinds of the objects, sorted, each as often as there are objects of it."""
        return sorted(str(thing["kind"]) for thing in self.objects)


class Part:
    """A part of an object. ``at`` goes down by keys and numbers; a missing part has the value None."""

    def __init__(self, value: Json) -> None:
        """Wrap ``value``, which is plain data."""
        self.value: Final = value

    def at(self, *path: str | int) -> "Part":
        """Return the part below ``path``."""
        value = self.value
        for step in path:
            if isinstance(value, dict) and isinstance(step, str):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return Part(None)
        return Part(value)

    def __iter__(self) -> Iterator["Part"]:
        """Iterate over the entries of a list."""
        if not isinstance(self.value, list):
            raise TypeError(f"{self.value} is no list")
        return (Part(entry) for entry in self.value)

    def named(self, name: str) -> "Part":
        """Return the entry of a list whose name is ``name``."""
        (found,) = [entry for entry in self if entry.at("name").value == name]
        return found

    def names(self) -> list[str]:
        """Return the names of a list's entries."""
        return [str(entry.at("name").value) for entry in self]


def load(name: str) -> dict[str, Json]:
    """Return the values of the ci file ``name``."""
    values: dict[str, Json] = yaml.load(CI[name].read_text("utf-8"), yaml.CSafeLoader)
    return values


def merged(*layers: Values) -> dict[str, Json]:
    """Return the layers over one another as Helm does it: maps are merged, all else is replaced."""
    result: dict[str, Json] = {}
    for layer in layers:
        for key, value in layer.items():
            before = result.get(key)
            if isinstance(before, dict) and isinstance(value, dict):
                result[key] = merged(before, value)
            else:
                result[key] = value
    return result


def nested(path: tuple[str, ...], value: Json) -> dict[str, Json]:
    """Return ``value`` as values of the chart: ``a.b.c`` is a map in a map in a map."""
    for key in reversed(path):
        value = {key: value}
    if not isinstance(value, dict):
        raise TypeError("a path has at least one key")
    return value


def render(
    values: Values,
    *,
    helm: str = "helm3",
    kubernetes: str = NEWEST,
    apis: tuple[str, ...] = (),
    release: str = RELEASE,
) -> Rendered:
    """Return the release with ``values``, or raise :class:`RefusedError` with what Helm said.

    ``apis`` are kinds that the cluster knows besides its own, as ``group/version/Kind``.
    """
    return _render(json.dumps(values, sort_keys=True), helm, kubernetes, apis, release)


@functools.cache
def _render(values: str, helm: str, kubernetes: str, apis: tuple[str, ...], release: str) -> Rendered:
    command = [str(tool(helm)), "template", release, str(CHART), "--namespace", NAMESPACE]
    command += ["--kube-version", kubernetes, "--values", "-"]
    command += [word for api in apis for word in ("--api-versions", api)]
    done = subprocess.run(command, input=values, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise RefusedError(done.stderr)
    objects = yaml.load_all(done.stdout, Loader=yaml.CSafeLoader)  # in C, because there is much of it
    return Rendered(done.stdout, tuple(thing for thing in objects if thing))


def config(rendered: Rendered) -> Part:
    """Return the service's configuration; its value is None where the release has none of its own."""
    texts = [thing.at("data", "config.yaml").value for thing in rendered.of("ConfigMap")]
    found = [text for text in texts if text is not None]
    return Part(yaml.load(str(found[0]), yaml.CSafeLoader) if found else None)


def deployment(rendered: Rendered) -> Part:
    """Return the Deployment."""
    (found,) = rendered.of("Deployment")
    return found


def pod(rendered: Rendered) -> Part:
    """Return the pod that the Deployment makes."""
    return deployment(rendered).at("spec", "template", "spec")


def container(rendered: Rendered) -> Part:
    """Return the container of the service."""
    return pod(rendered).at("containers").named("consumer")
