"""What a real API server says to every feature of the chart, in a namespace that enforces "restricted"."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.chart import crds
from tests.chart.charts import CI
from tests.kubernetes.cluster import Cluster, Document, Namespace, own_name
from tests.kubernetes.release import Release
from tests.support.tools import tool

#: The first test builds the image, loads it and starts what stands around the service.
pytestmark = pytest.mark.timeout(1200)

#: What kubectl writes before anything that the server has against an object that it takes.
WARNING: Final = "Warning"
#: How kubectl names a definition of a kind, before its own name.
_NAME: Final = "customresourcedefinition.apiextensions.k8s.io/"
#: A pod as nobody should write one.
CARELESS: Final = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "careless"},
    "spec": {"containers": [{"name": "main", "image": "nothing"}]},
}


@pytest.fixture(scope="module")
def kinds(cluster: Cluster) -> Iterator[None]:
    """Make the kinds known that the chart can make objects of and this cluster lacks, for this module."""
    known = cluster.objects(None)
    definitions = {f"{_NAME}{each['metadata']['name']}": each for each in map(crds.definition, crds.kinds())}
    missing = {name: each for name, each in definitions.items() if name not in known}
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(missing.values())})
    try:
        if missing:
            cluster.kubectl("apply", "--server-side", "--filename=-", given=given)
            cluster.kubectl("wait", *missing, "--for=condition=Established", "--timeout=30s")
        yield
    finally:
        cluster.kubectl("delete", "--ignore-not-found", "--filename=-", given=given)


@pytest.fixture(scope="module")
def restricted(cluster: Cluster) -> Iterator[Namespace]:
    """Give an empty namespace."""
    namespace = Namespace(cluster, own_name())
    yield namespace
    namespace.delete()


def test_the_namespace_refuses_a_careless_pod(restricted: Namespace) -> None:
    """The test of all the others: where this pod were taken, theirs would prove nothing."""
    refused = restricted.would_take(CARELESS)
    assert refused.code != 0
    assert "violates PodSecurity" in refused.text


@pytest.mark.usefixtures("kinds")
@pytest.mark.parametrize("feature", sorted(CI))
def test_the_server_takes_every_feature(restricted: Namespace, feature: str, tmp_path: Path) -> None:
    """Helm finds every kind in the cluster; the server takes each object whole and warns of none."""
    release = Release(tool("helm3"), restricted, "accepted", tmp_path)
    objects = [_here(made, restricted) for made in release.would_be(CI[feature])]
    taken = restricted.would_take(*objects)

    assert taken.code == 0, taken.text
    assert WARNING not in taken.text
    assert len(taken.output.splitlines()) == len(objects)


def _here(made: dict[str, Any], namespace: Namespace) -> Document:
    """Return an object of a release without what it needs of others, which are not in this cluster."""
    made["metadata"]["namespace"] = namespace.name
    if made["kind"] == "Pod":
        for other in ("serviceAccountName", "priorityClassName"):
            made["spec"].pop(other, None)
    return made
