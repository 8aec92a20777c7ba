"""KEDA sees the same Kafka as the service: brokers, group, topics and credentials are written once."""

from typing import Final

import pytest

from helm.options import Json
from tests.chart.charts import NAME, Part, config, deployment, load, merged, nested, render


def triggers(feature: str, changed: dict[str, Json] | None = None) -> list[Part]:
    """Return what the triggers of a feature know, perhaps with ``changed``."""
    rendered = render(merged(load(feature), changed or {}))
    return [one.at("metadata") for one in rendered.one("ScaledObject").at("spec", "triggers")]


def test_lag_of_the_services_group_is_watched() -> None:
    """Brokers, group and topic of the trigger are those of the configuration."""
    (trigger,) = triggers("keda")
    assert trigger.value == {
        "bootstrapServers": "kafka-1.kafka.svc:9092,kafka-2.kafka.svc:9092",
        "consumerGroup": "linkrunner-consumer",
        "topic": "payments.events.v1",
        "offsetResetPolicy": "earliest",
        "lagThreshold": "750",
        "activationLagThreshold": "0",
        "limitToPartitionsWithLag": "true",
        "version": "2.8.0",
        "tls": "disable",
    }


def test_the_number_of_pods_is_kedas_alone() -> None:
    """An upgrade must not undo what KEDA has set, and no more pods are made than can work."""
    rendered = render(load("keda"))
    assert deployment(rendered).at("spec", "replicas").value is None
    spec = rendered.one("ScaledObject").at("spec")
    assert spec.at("scaleTargetRef", "name").value == NAME
    assert (spec.at("minReplicaCount").value, spec.at("maxReplicaCount").value) == (1, 12)
    assert spec.at("fallback").value == {
        "failureThreshold": 3,
        "replicas": 2,
        "behavior": "currentReplicasIfHigher",
    }


def test_each_topic_has_a_trigger() -> None:
    """Without a topic KEDA could leave a group at zero, so each is named; other triggers come last."""
    known = triggers("keda-scram")
    assert [one.at("topic").value for one in known] == ["payments.events.v1", "refunds.events.v1", None]
    assert known[2].at("desiredReplicas").value == "4"


def test_a_request_to_erase_wakes_a_pod_and_adds_none() -> None:
    """Without a trigger it would wait while no pod runs; with a usual one a flood would be done faster."""
    known = {one.at("topic").value: one for one in triggers("erasure")}
    assert known.keys() == {"payments.events.v1", "users.erasures.v1"}
    erasures = known["users.erasures.v1"]
    assert (
        erasures.at("activationLagThreshold").value
        == known["payments.events.v1"].at("activationLagThreshold").value
    )
    assert int(str(erasures.at("lagThreshold").value)) >= 10**9
    off = triggers("erasure", nested(("config", "erasure", "enabled"), False))
    assert [one.at("topic").value for one in off] == ["payments.events.v1"]


def test_topics_that_the_chart_can_not_know_are_named_for_keda() -> None:
    """A mapping is a file, and a pattern no topic: the names are written beside them."""
    assert [one.at("topic").value for one in triggers("mapping")] == [
        "payments.events.v1",
        "orders.eu",
        "orders.us",
    ]


@pytest.mark.parametrize(
    ("start", "policy"), [("earliest", "earliest"), ("latest", "latest"), ("refuse", "earliest")]
)
def test_the_start_is_that_of_the_service(start: str, policy: str) -> None:
    """Where a group without offsets starts is where its lag is counted from."""
    (trigger,) = triggers("keda", nested(("config", "kafka", "start_from"), start))
    assert trigger.at("offsetResetPolicy").value == policy


@pytest.mark.parametrize(
    ("rate", "seconds", "lag"),
    [(None, 30, "750"), (12.5, 30, "375"), (0.3, 5, "2"), (10_000, 3600, "36000000")],
)
def test_the_threshold_is_what_a_pod_can_do(rate: float | None, seconds: int, lag: str) -> None:
    """Seconds of work at the rate of a pod, as a number of records that KEDA can read."""
    paced = nested(("config", "linkrunner", "requests_per_second"), rate) if rate else {}
    (trigger,) = triggers("keda", merged(nested(("keda", "lagSeconds"), seconds), paced))
    assert trigger.at("lagThreshold").value == lag


MECHANISMS: Final = (
    ("PLAIN", "plaintext"),
    ("SCRAM-SHA-256", "scram_sha256"),
    ("SCRAM-SHA-512", "scram_sha512"),
    ("scram-sha-512", "scram_sha512"),
)


@pytest.mark.parametrize(("mechanism", "sasl"), MECHANISMS)
@pytest.mark.parametrize("spelling", ["sasl.mechanism", "sasl.mechanisms"])
def test_mechanisms_are_translated(mechanism: str, sasl: str, spelling: str) -> None:
    """What librdkafka calls a mechanism has another name in KEDA."""
    values = merged(
        {"keda": {"enabled": True}, "partitions": 6, "missingKinds": "always"},
        {"kafka": {"sasl": {"existingSecret": "user"}}},
        nested(("config", "kafka", "properties", spelling), mechanism),
    )
    (trigger,) = triggers("minimal", values)
    assert (trigger.at("sasl").value, trigger.at("tls").value) == (sasl, "enable")


def test_a_password_in_clear_is_one_for_keda_too() -> None:
    """Brokers without TLS are asked without TLS."""
    clear = nested(("config", "kafka", "properties", "security.protocol"), "SASL_PLAINTEXT")
    (trigger, _, _) = triggers("keda-scram", merged(clear, {"kafka": {"ca": {"existingSecret": ""}}}))
    assert (trigger.at("sasl").value, trigger.at("tls").value) == ("scram_sha512", "disable")


def test_credentials_come_from_the_same_secrets() -> None:
    """KEDA reads the keys that the pod mounts, and a user name that is no secret from the ConfigMap."""
    rendered = render(load("keda-scram"))
    spec = rendered.one("TriggerAuthentication").at("spec")
    assert spec.at("secretTargetRef").value == [
        {"parameter": "ca", "name": "kafka-cluster-ca-cert", "key": "ca.crt"},
        {"parameter": "password", "name": "payments", "key": "password"},
    ]
    assert spec.at("configMapTargetRef").value == [
        {"parameter": "username", "name": NAME, "key": "sasl-username"}
    ]
    assert rendered.one("ConfigMap").at("data", "sasl-username").value == "payments"
    assert config(rendered).at("kafka", "properties", "sasl.username").value == "payments"
    for trigger in list(rendered.one("ScaledObject").at("spec", "triggers"))[:2]:
        assert trigger.at("authenticationRef", "name").value == NAME


@pytest.mark.parametrize(("user", "name"), [(1234567, "1234567"), ("007", "007"), (True, "true")])
def test_a_user_name_that_is_no_text_is_written_as_the_service_reads_it(user: Json, name: str) -> None:
    """A long number must not become 1.234567e+06 for KEDA, and another user."""
    values = merged(load("keda-scram"), nested(("config", "kafka", "properties", "sasl.username"), user))
    assert render(values).one("ConfigMap").at("data", "sasl-username").value == name


def test_certificates_come_from_the_same_secrets() -> None:
    """Certificate, key and passphrase have other names in KEDA."""
    spec = render(load("keda-tls")).one("TriggerAuthentication").at("spec")
    assert spec.at("secretTargetRef").value == [
        {"parameter": "ca", "name": "kafka-ca", "key": "ca.crt"},
        {"parameter": "cert", "name": "kafka-client-tls", "key": "tls.crt"},
        {"parameter": "key", "name": "kafka-client-tls", "key": "tls.key"},
        {"parameter": "keyPassword", "name": "kafka-client-tls", "key": "passphrase"},
    ]


def test_a_password_from_a_store_is_kedas_too() -> None:
    """The Secret that External Secrets makes is named like the one that the pod mounts."""
    values = merged(load("external-secrets"), {"keda": {"enabled": True}, "partitions": 6})
    references = render(values).one("TriggerAuthentication").at("spec", "secretTargetRef")
    assert {one.at("name").value for one in references} == {f"{NAME}-kafka-sasl", f"{NAME}-kafka-ca"}


def test_brokers_without_credentials_need_no_authentication() -> None:
    """An object that says nothing is not made."""
    assert render(load("keda")).of("TriggerAuthentication") == []
    assert (
        render(load("keda")).one("ScaledObject").at("spec", "triggers", 0, "authenticationRef").value is None
    )


def test_a_protocol_before_a_broker_is_not_kedas() -> None:
    """Librdkafka takes a protocol and does without a port; KEDA's client does neither."""
    assert triggers("keda-scram")[0].at("bootstrapServers").value == "kafka.kafka.svc:9092"


@pytest.mark.parametrize(("replicas", "most", "fallback"), [(2, 6, 2), (9, 6, 6), (0, 6, 0)])
def test_the_fallback_is_the_number_without_keda(replicas: int, most: int, fallback: int) -> None:
    """While KEDA can't read the lag there are at least as many pods as there would be without it."""
    values = merged(load("keda"), {"replicaCount": replicas, "keda": {"maxReplicas": most}})
    assert render(values).one("ScaledObject").at("spec", "fallback", "replicas").value == fallback
