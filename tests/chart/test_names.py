"""Names and labels of what the chart makes."""

from collections.abc import Mapping
from itertools import chain
from typing import Final

import pytest

from helm.options import Json
from tests.chart.charts import CI, NEWEST, Part, Rendered, Values, deployment, load, merged, render
from tests.chart.judges import custom_complaints, plain_complaints

#: Kubernetes takes longer names for some kinds; a label takes no more.
MAX_NAME: Final = 63


def metadata(rendered: Rendered) -> list[Part]:
    """Return the metadata of every object of a release."""
    return [Part(thing).at("metadata") for thing in rendered.objects]


@pytest.mark.parametrize(
    ("release", "values", "name"),
    [
        ("pay", {}, "pay-linkrunner-consumer"),
        ("linkrunner-consumer", {}, "linkrunner-consumer"),
        ("my-linkrunner-consumer", {}, "my-linkrunner-consumer"),
        ("pay", {"nameOverride": "money"}, "pay-money"),
        ("pay", {"fullnameOverride": "money"}, "money"),
        ("r" * 53, {}, "r" * 53 + "-linkrunne"),
    ],
)
def test_objects_are_named_after_the_release(release: str, values: dict[str, Json], name: str) -> None:
    """Two releases in a namespace do not meet, and a release named like the chart is not named twice."""
    assert (
        deployment(render(merged(load("minimal"), values), release=release)).at("metadata", "name").value
        == name
    )


def test_long_names_are_cut_and_stay_apart() -> None:
    """A name that is too long loses its end, never what tells an object from the others."""
    features = ("external-secrets", "service-monitor", "grafana-operator", "minimal")
    everything = chain.from_iterable(
        render(merged(load(feature), {"fullnameOverride": "n" * 63})).objects for feature in features
    )
    names = {(str(thing["kind"]), str(Part(thing).at("metadata", "name").value)) for thing in everything}
    assert max(len(name) for _, name in names) == MAX_NAME
    assert len({name for kind, name in names if kind == "ExternalSecret"}) == 4
    assert {name[-10:] for kind, name in names if kind == "GrafanaDashboard"} == {"-dashboard"}


@pytest.mark.parametrize("feature", sorted(CI))
def test_every_object_has_the_usual_labels(feature: str) -> None:
    """What belongs to a release is found by the labels that Kubernetes recommends."""
    rendered = render(load(feature))
    extra = load(feature).get("extraObjects", [])
    assert isinstance(extra, list)
    labelled = [
        one for one in metadata(rendered) if one.at("labels", "app.kubernetes.io/instance").value == "pay"
    ]
    assert len(labelled) == len(rendered.objects) - len(extra)
    for one in labelled:
        assert one.at("labels", "app.kubernetes.io/managed-by").value == "Helm"
        assert one.at("labels", "helm.sh/chart").value == "linkrunner-consumer-0.1.0"


def test_company_labels_are_on_everything() -> None:
    """Labels and annotations for all are on all objects and on the pods, and the namespace is kept."""
    rendered = render(load("names"))
    template = deployment(rendered).at("spec", "template", "metadata")
    for one in [*metadata(rendered), template]:
        assert one.at("labels", "team").value == "payments"
        assert one.at("annotations", "owner").value == "payments@example.com"
    assert {one.at("namespace").value for one in metadata(rendered)} == {"payments"}
    assert template.at("labels", "sidecar.istio.io/inject").value == "false"
    assert template.at("annotations", "cluster-autoscaler.kubernetes.io/safe-to-evict").value == "true"


def test_the_test_pod_is_none_of_the_services() -> None:
    """Deployment, budget and monitors must not count the pod of ``helm test`` as theirs."""
    rendered = render(load("pod-monitor"))
    selected = deployment(rendered).at("spec", "selector", "matchLabels").value
    assert isinstance(selected, dict)
    check = rendered.one("Pod", "pay-linkrunner-consumer-check").at("metadata", "labels").value
    template = deployment(rendered).at("spec", "template", "metadata", "labels").value
    assert isinstance(check, dict)
    assert isinstance(template, dict)
    assert not selected.items() <= check.items()
    assert selected.items() <= template.items()
    for kind in ("PodDisruptionBudget", "PodMonitor"):
        assert rendered.one(kind).at("spec", "selector", "matchLabels").value == selected


def test_labels_that_select_can_not_be_overridden() -> None:
    """A label of one's own with the name of one that selects would make a Deployment that owns no pod."""
    values = merged(
        load("minimal"),
        {"podLabels": {"app.kubernetes.io/name": "x"}, "commonLabels": {"app.kubernetes.io/instance": "y"}},
    )
    template = deployment(render(values)).at("spec", "template", "metadata", "labels").value
    selected = deployment(render(values)).at("spec", "selector", "matchLabels").value
    assert isinstance(template, dict)
    assert isinstance(selected, dict)
    assert selected.items() <= template.items()


def test_extra_objects_are_templates() -> None:
    """Objects of one's own may use the names and values of the release, as maps and as texts."""
    rendered = render(load("additions"))
    assert rendered.one("ConfigMap", "pay-more").at("data", "group").value == "payments.events.v1"
    assert rendered.one("ConfigMap", "pay-linkrunner-consumer-text").value


#: Names and times that YAML takes for numbers and flags, in every option that has one.
UNWRITTEN: Final[Values] = {
    "fullnameOverride": "0x1f",
    "nameOverride": "1e3",
    "namespaceOverride": "456",
    "serviceAccount": {"name": "789"},
    "priorityClassName": "12",
    "linkrunner": {"existingSecret": "777"},
    "externalSecrets": {"refreshInterval": "0", "secretStoreRef": {"name": "1"}},
    "podMonitor": {"interval": "0", "scrapeTimeout": "0"},
    "serviceMonitor": {"interval": "0", "scrapeTimeout": "0"},
    "dashboard": {"namespace": "5", "grafanaOperator": {"folder": "6"}},
    "missingKinds": "always",
}
#: Features that show the objects of all kinds, with what else they have names in.
_FEATURES: Final[Mapping[str, Values]] = {
    "alerts": {},
    "existing-configmap": {"existingConfigMap": "888"},
    "external-secrets": {"linkrunner": {"existingSecret": ""}},
    "grafana-operator": {},
    "keda-scram": {"kafka": {"sasl": {"existingSecret": "999"}}},
    "network-policy": {},
    "pod-monitor": {},
    "service-monitor": {},
}


@pytest.mark.parametrize(("release", "values"), [("123", {}), ("1e3", {}), ("yes", {}), ("0x1f", UNWRITTEN)])
def test_names_stay_texts(release: str, values: Values) -> None:
    """A name that YAML reads as a number or a flag is a name all the same, in every object."""
    for feature, own in _FEATURES.items():
        rendered = render(merged(load(feature), values, own), release=release)
        assert plain_complaints(rendered, NEWEST) == {}, feature
        assert custom_complaints(rendered) == {}, feature
        for one in metadata(rendered):
            assert {type(one.at(key).value) for key in ("name", "namespace")} <= {str}
