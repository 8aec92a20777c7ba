"""What holds for every values file in ``ci/``, each of which turns one feature on."""

import json
import subprocess
from collections.abc import Mapping
from typing import Final

import pytest

from consumer.core.settings.properties import is_secret
from tests.chart import crds
from tests.chart.charts import (
    CHART,
    CI,
    HELMS,
    NAMESPACE,
    NEWEST,
    OLDEST,
    Part,
    Rendered,
    config,
    load,
    render,
)
from tests.chart.judges import custom, custom_complaints, plain_complaints
from tests.chart.pod_security import violations
from tests.support.tools import tool

FEATURES: Final = sorted(CI)
VERSIONS: Final = (OLDEST, NEWEST)

#: Tests of kube-score that are left out, and why.
LEFT_OUT: Final[Mapping[str, str]] = {
    "container-image-pull-policy": "tags are not written twice here, and a digest can be given",
    "container-ephemeral-storage-request-and-limit": (
        "the only volume has a limit; what a node does with logs must not evict a pod that delivers payments"
    ),
    "deployment-has-host-podantiaffinity": "topology spread constraints do it, and let a lone node work",
    "pod-networkpolicy": "off by default: nobody knows from here where brokers and registry are",
}
#: The same for one feature alone.
LEFT_OUT_FOR: Final[Mapping[str, Mapping[str, str]]] = {
    "openshift": {"container-security-context-user-group-id": "the cluster gives the pod its numbers"},
}
#: Settings of kube-score in place of a whole test that would be left out.
NO_PROCESSOR_LIMIT: Final = "--ignore-container-cpu-limit"


def pods(rendered: Rendered) -> list[Part]:
    """Return all pods of a release: of the service, and of ``helm test``."""
    templates = [deployment.at("spec", "template", "spec") for deployment in rendered.of("Deployment")]
    return templates + [pod.at("spec") for pod in rendered.of("Pod")]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("feature", FEATURES)
def test_both_helms_make_the_same(feature: str, version: str) -> None:
    """What the other tests find with one Helm holds for both."""
    three, four = (render(load(feature), helm=helm, kubernetes=version) for helm in HELMS)
    assert sorted(map(repr, three.objects)) == sorted(map(repr, four.objects))
    assert three.objects


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("feature", FEATURES)
def test_kubernetes_takes_every_object(feature: str, version: str, helm: str) -> None:
    """The oldest and the newest Kubernetes know every field, with its type, whichever Helm writes it."""
    assert plain_complaints(render(load(feature), helm=helm, kubernetes=version), version) == {}


@pytest.mark.parametrize("feature", FEATURES)
def test_definitions_of_others_take_every_object(feature: str) -> None:
    """Operators know every field, with its type; an API server would drop the others in silence."""
    assert custom_complaints(render(load(feature))) == {}


def test_every_custom_kind_is_made_by_some_feature() -> None:
    """A kind that no values file asks for would not be checked at all."""
    made = {
        f"{thing['apiVersion']}/{thing['kind']}" for name in FEATURES for thing in custom(render(load(name)))
    }
    assert made == set(crds.kinds())


@pytest.mark.parametrize("feature", FEATURES)
def test_pods_are_restricted(feature: str) -> None:
    """A namespace that enforces the Pod Security Standard "restricted" admits every pod."""
    found = [violations(pod) for pod in pods(render(load(feature)))]
    assert found == [[], []]


@pytest.mark.parametrize("feature", FEATURES)
def test_no_secret_is_in_the_open(feature: str) -> None:
    """Secrets are in files: no ConfigMap has one, no argument, and no variable."""
    rendered = render(load(feature))
    for section in ("kafka", "dead_letters", "schema_registry"):
        properties = config(rendered).at(section, "properties").value or {}
        assert isinstance(properties, dict)
        plain = {name: str(value) for name, value in properties.items() if not isinstance(value, dict)}
        open_to_all = {name for name, value in plain.items() if is_secret(name, value)}
        assert open_to_all <= {"bearer.auth.credentials.source"}  # says where from, not what
    for pod in pods(rendered):
        for container in pod.at("containers"):
            variables = container.at("env").value or []
            assert "SERVER_KEY" not in json.dumps(variables)
            assert "secret" not in json.dumps(container.at("args").value)


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("feature", FEATURES)
def test_lint_finds_nothing(feature: str, helm: str) -> None:
    """``helm lint --strict`` has no warning either."""
    command = [str(tool(helm)), "lint", "--strict", "--quiet", str(CHART), "--kube-version", NEWEST]
    command += ["--namespace", NAMESPACE, "--values", str(CI[feature])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


@pytest.mark.parametrize("feature", FEATURES)
def test_kube_score_finds_nothing(feature: str) -> None:
    """kube-score has nothing to say but what is left out for a reason."""
    left_out = {**LEFT_OUT, **LEFT_OUT_FOR.get(feature, {})}
    ignored = [word for name in left_out for word in ("--ignore-test", name)]
    assert scores(feature, [NO_PROCESSOR_LIMIT, *ignored]) == []


@pytest.mark.parametrize("name", sorted(LEFT_OUT))
def test_what_is_left_out_is_needed(name: str) -> None:
    """An exception that nothing needs any more is removed."""
    ignored = [word for other in LEFT_OUT if other != name for word in ("--ignore-test", other)]
    assert scores("minimal", [NO_PROCESSOR_LIMIT, *ignored])


@pytest.mark.parametrize("feature", sorted(LEFT_OUT_FOR))
def test_what_is_left_out_for_a_feature_is_needed(feature: str) -> None:
    """An exception for one feature that it does not need any more is removed."""
    ignored = [word for name in LEFT_OUT for word in ("--ignore-test", name)]
    assert scores(feature, [NO_PROCESSOR_LIMIT, *ignored])


def test_a_network_policy_satisfies_kube_score() -> None:
    """The one test that is left out because a feature is off by default holds where it is on."""
    ignored = [word for name in LEFT_OUT if name != "pod-networkpolicy" for word in ("--ignore-test", name)]
    assert scores("network-policy", [NO_PROCESSOR_LIMIT, *ignored]) == []


def scores(feature: str, options: list[str]) -> list[str]:
    """Return what kube-score has against the objects of ``feature``."""
    command = [str(tool("kube-score")), "score", "--output-format", "ci", *options, "-"]
    command += ["--kubernetes-version", "v1.34"]  # the newest that its tests know
    text = render(load(feature)).text
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout, done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith(("[CRITICAL]", "[WARNING]"))]
