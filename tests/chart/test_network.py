"""The NetworkPolicy: in for scrapes alone, out for what the service needs, by its configuration."""

import pytest

from helm.options import Json
from tests.chart.charts import Part, deployment, load, merged, nested, render

_ON: dict[str, Json] = {"networkPolicy": {"enabled": True}}


def policy(feature: str, *changes: dict[str, Json]) -> Part:
    """Return what the policy of ``feature`` says, perhaps with changes."""
    return render(merged(load(feature), _ON, *changes)).one("NetworkPolicy").at("spec")


def ports(policy: Part) -> list[list[Json]]:
    """Return the ports of each rule for what goes out, DNS first."""
    return [[port.at("port").value for port in rule.at("ports")] for rule in policy.at("egress")]


@pytest.mark.parametrize(
    ("option", "address", "expected"),
    [
        (("kafka", "bootstrap_servers"), "a:9092,b:9093, SASL_SSL://c:9094,d:9092", [9092, 9093, 9094]),
        (("kafka", "bootstrap_servers"), "kafka", [9092]),
        (("kafka", "bootstrap_servers"), "[::1]:9095", [9095]),
        (("schema_registry", "url"), "https://registry", [443]),
        (("schema_registry", "url"), "http://registry", [80]),
        (("schema_registry", "url"), "http://a:8081,https://b:8443/apis/ccompat/v7", [8081, 8443]),
        (("linkrunner", "base_url"), "https://proxy.example.com:3128/api/v1", [3128]),
        (("linkrunner", "base_url"), "https://api.linkrunner.io/api/v1", [443]),
    ],
)
def test_ports_are_those_of_the_configuration(
    option: tuple[str, str], address: str, expected: list[int]
) -> None:
    """An address that is written once is enough: the policy takes its port from there."""
    rule = {"kafka": 1, "schema_registry": 2, "linkrunner": 3}[option[0]]
    assert ports(policy("minimal", nested(("config", *option), address)))[rule] == expected


def test_without_a_registry_there_is_no_rule_for_one() -> None:
    """What the service does not ask is not let out."""
    assert ports(policy("no-registry")) == [[53, 53], [9092], [443]]


def test_dns_is_where_its_pods_listen() -> None:
    """Policies are about ports of pods, and those of DNS listen elsewhere in some clusters."""
    (dns, *_) = policy("minimal", nested(("networkPolicy", "dnsPorts"), [53, 5353])).at("egress")
    assert dns.at("ports").value == [
        {"port": port, "protocol": protocol} for port in (53, 5353) for protocol in ("UDP", "TCP")
    ]


def test_a_registry_in_a_configmap_of_ones_own_is_told_by_its_ports() -> None:
    """The chart can't see whether there is one: without ports there is no rule, with them there is."""
    ports_of_none = nested(("networkPolicy", "schemaRegistry", "ports"), [])
    assert ports(policy("existing-configmap")) == [[53, 53], [9092], [8081], [443]]
    assert ports(policy("existing-configmap", ports_of_none)) == [[53, 53], [9092], [443]]


def test_nobody_comes_in_unless_named() -> None:
    """An empty list of rules lets nobody in; no rule is for the probes, which come from the node."""
    assert policy("minimal").at("ingress").value == []
    assert policy("minimal").at("policyTypes").value == ["Ingress", "Egress"]


def test_scrapes_come_from_those_that_are_named() -> None:
    """They reach the port of the metrics and no other, by the name that the pod gives it."""
    (scrapes, other) = policy("network-policy").at("ingress")
    assert scrapes.at("ports").value == [{"port": "http", "protocol": "TCP"}]
    assert scrapes.at("from").value == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    ]
    assert other.at("from").value == [{"podSelector": {}}]


def test_each_rule_goes_where_it_is_told() -> None:
    """Peers and ports that are written take the place of anywhere and of those of the configuration."""
    rules = list(policy("network-policy").at("egress"))
    assert ports(policy("network-policy")) == [[53, 53], [9092, 9093], [8081], [443], [3128]]
    assert all(rule.at("to").value for rule in rules)
    assert rules[3].at("to", 0, "ipBlock", "except").value == ["10.0.0.0/8"]


def test_the_policy_is_for_the_test_pod_too() -> None:
    """``helm test`` would prove nothing if it could go where the service can't."""
    rendered = render(load("network-policy"))
    selected = rendered.one("NetworkPolicy").at("spec", "podSelector", "matchLabels").value
    check = rendered.one("Pod", "pay-linkrunner-consumer-check").at("metadata", "labels").value
    template = deployment(rendered).at("spec", "template", "metadata", "labels").value
    for labels in (check, template):
        assert isinstance(labels, dict)
        assert isinstance(selected, dict)
        assert selected.items() <= labels.items()
