"""Values that are wrong are refused at install, in sentences that say what to write."""

from collections.abc import Mapping
from typing import Final

import pytest

from consumer.core.settings.environment import variable_name
from consumer.core.settings.keys import KEYS, SECTIONS
from consumer.core.settings.properties import SECRET_NAME, is_secret
from helm.options import Json, branches, read
from tests.chart.charts import CHART, HELMS, RefusedError, Values, container, load, merged, nested, render


def refusal(values: Values, helm: str = "helm3") -> str:
    """Return what Helm says to ``values``, which it must not take."""
    with pytest.raises(RefusedError) as refused:
        render(values, helm=helm)
    return str(refused.value)


def change(path: str, value: Json) -> Values:
    """Return ``value`` as the option ``path``; a property's name stands behind ``properties/``."""
    before, slash, name = path.partition("/")
    return nested((*before.split("."), *([name] if slash else [])), value)


@pytest.mark.parametrize("helm", HELMS)
def test_nothing_set_names_all_five(helm: str) -> None:
    """An install without values tells everything that has to be written, at once."""
    said = refusal({}, helm)
    for name in (
        "config.kafka.bootstrap_servers",
        "config.kafka.topics",
        "config.schema_registry.url",
        "config.currency.accept",
        "linkrunner.existingSecret",
    ):
        assert said.count(f"\n{name} has to") == 1


#: An option that only an operator knows, what somebody may write by mistake, and what the refusal then says.
WRONG: Final[tuple[tuple[str, Json, str], ...]] = (
    ("config.kafka.bootstrap_servers", "", "write host:port"),
    ("config.kafka.bootstrap_servers", None, "write host:port"),
    ("config.kafka.bootstrap_servers", ["kafka:9092"], "write host:port in one text"),
    ("config.kafka.bootstrap_servers", "kafka-1:9092 kafka-2:9092", "with commas between them"),
    ("config.kafka.bootstrap_servers", 9092, "write host:port"),
    ("config.kafka.topics", "payments.events.v1", "as a list, such as [payments.events.v1]"),
    ("config.kafka.topics", ["a,b"], "as a list, such as [payments.events.v1]"),
    ("config.kafka.topics", ["pay.*"], "or patterns that begin with ^"),
    ("config.kafka.topics", ["a", 5], "as a list, such as [payments.events.v1]"),
    ("config.kafka.topics", [".."], "as a list, such as [payments.events.v1]"),
    ("config.kafka.topics", ["a" * 250], "as a list, such as [payments.events.v1]"),
    ("config.kafka.topics", [], "as a list, such as [payments.events.v1]"),
    ("config.kafka.topics", None, "as a list, such as [payments.events.v1]"),
    ("config.schema_registry.url", "", "write it with http:// or https://"),
    ("config.schema_registry.url", "registry:8081", "write it with http:// or https://"),
    ("config.schema_registry.url", ["https://registry"], "write it with http:// or https://"),
    ("config.schema_registry.url", None, "single_object or raw"),
    ("config.currency.accept", "INR", "as a list, such as [INR]"),
    ("config.currency.accept", [], "as a list, such as [INR]"),
    ("config.currency.accept", ["rupees"], "as a list, such as [INR]"),
    ("config.currency.accept", 5, "as a list, such as [INR]"),
    ("linkrunner.existingSecret", "", "kubectl create secret generic"),
)


@pytest.mark.parametrize(("option", "value", "advice"), WRONG)
def test_each_of_the_five_is_asked_for(option: str, value: Json, advice: str) -> None:
    """A value that nobody else can know is asked for by its name, with what to write."""
    said = refusal(merged(load("minimal"), change(option, value)))
    (sentence,) = [line for line in said.splitlines() if line.startswith("config.") or "has to" in line]
    assert sentence.startswith(f"{option} has to")
    assert advice in sentence


_CONVERTING: Final[Json] = {
    "accept": None,
    "reporting": "INR",
    "rates": {"source": "ecb", "path": "eurofxref-hist.csv"},
}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("config.currency.accept", "any"),
        ("config.currency", _CONVERTING),
        ("config.schema_registry.url", "http://a:8081,https://b"),
        ("config.kafka.bootstrap_servers", "SSL://[::1]:9092, b"),
    ],
)
def test_other_spellings_of_the_five_are_taken(option: str, value: Json) -> None:
    """What the service takes is not refused."""
    assert render(merged(load("minimal"), change(option, value))).objects


def test_a_key_from_elsewhere_is_enough() -> None:
    """A key file that something else mounts needs no Secret of the chart's."""
    without = merged(load("minimal"), {"linkrunner": {"existingSecret": ""}})
    mounted = merged(without, change("config.linkrunner.server_key_file", "/vault/secrets/server-key"))
    assert render(mounted).objects


_SASL: Final[Values] = {"kafka": {"sasl": {"existingSecret": "user"}}}

#: A feature, what is changed in it, and what is then said.
REFUSED: Final[Mapping[str, tuple[str, Values, str]]] = {
    "grace below drain": (
        "slow-drain",
        {"terminationGracePeriodSeconds": 99},
        "terminationGracePeriodSeconds is 99, and the service may need 100 to stop: 90 for the drain and 10",
    ),
    "drain above grace": (
        "slow-drain",
        change("config.shutdown.drain_seconds", 170.5),
        "terminationGracePeriodSeconds is 180, and the service may need 181",
    ),
    "a password as a value": (
        "minimal",
        change("config.kafka.properties/sasl.password", "canary"),
        "config.kafka.properties has sasl.password as a plain value",
    ),
    "a password of the producer": (
        "minimal",
        change("config.dead_letters.properties/ssl.key.password", "canary"),
        "config.dead_letters.properties has ssl.key.password as a plain value",
    ),
    "a password of the registry": (
        "minimal",
        change("config.schema_registry.properties/basic.auth.user.info", "user:canary"),
        "config.schema_registry.properties has basic.auth.user.info as a plain value",
    ),
    "a password in a property's address": (
        "minimal",
        change("config.kafka.properties/sasl.oauthbearer.token.endpoint.url", "https://u:canary@x"),
        "has sasl.oauthbearer.token.endpoint.url as a plain value",
    ),
    "a password in the registry's address": (
        "minimal",
        change("config.schema_registry.url", "https://user:canary@registry"),
        "config.schema_registry.url has a user in the address",
    ),
    "a password in the API's address": (
        "minimal",
        change("config.linkrunner.base_url", "https://user:canary@proxy/api"),
        "config.linkrunner.base_url has a user in the address",
    ),
    "the server key as a variable": (
        "minimal",
        {"extraEnv": [{"name": "LINKRUNNER_SERVER_KEY", "value": "canary"}]},
        "extraEnv has LINKRUNNER_SERVER_KEY as a plain value",
    ),
    "the drain as a variable": (
        "minimal",
        {"extraEnv": [{"name": "LINKRUNNER_CONSUMER__SHUTDOWN__DRAIN_SECONDS", "value": "90"}]},
        "extraEnv sets LINKRUNNER_CONSUMER__SHUTDOWN__DRAIN_SECONDS",
    ),
    "the brokers as a variable": (
        "network-policy",
        {"extraEnv": [{"name": "LINKRUNNER_CONSUMER__KAFKA__BOOTSTRAP_SERVERS", "value": "kafka:1"}]},
        "extraEnv sets LINKRUNNER_CONSUMER__KAFKA__BOOTSTRAP_SERVERS, and networkPolicy has to know",
    ),
    "the group as a variable": (
        "keda",
        {"extraEnv": [{"name": "LINKRUNNER_CONSUMER__KAFKA__GROUP_ID", "value": "x"}]},
        "extraEnv sets LINKRUNNER_CONSUMER__KAFKA__GROUP_ID, and keda has to know",
    ),
    "the topics as a file": (
        "keda",
        {"extraEnv": [{"name": "LINKRUNNER_CONSUMER__KAFKA__TOPICS_FILE", "value": "x"}]},
        "extraEnv sets LINKRUNNER_CONSUMER__KAFKA__TOPICS_FILE, and keda has to know",
    ),
    "the switch of erasures as a variable": (
        "keda",
        {"extraEnv": [{"name": "LINKRUNNER_CONSUMER__ERASURE__ENABLED", "value": "true"}]},
        "extraEnv sets LINKRUNNER_CONSUMER__ERASURE__ENABLED, and keda has to know",
    ),
    "the topic of erasures as a variable": (
        "keda",
        {"extraEnv": [{"name": "LINKRUNNER_CONSUMER__ERASURE__TOPIC", "value": "users.gone"}]},
        "extraEnv sets LINKRUNNER_CONSUMER__ERASURE__TOPIC, and keda has to know",
    ),
    "properties as a variable": (
        "minimal",
        {"extraEnv": [{"name": "LINKRUNNER_CONSUMER__DEAD_LETTERS__PROPERTIES", "value": "canary"}]},
        "extraEnv has LINKRUNNER_CONSUMER__DEAD_LETTERS__PROPERTIES as a plain value",
    ),
    "the probes' port as a variable": (
        "minimal",
        {"extraEnv": [{"name": "LINKRUNNER_CONSUMER__HTTP__PORT", "value": "9000"}]},
        "extraEnv sets LINKRUNNER_CONSUMER__HTTP__PORT, and the chart has to know",
    ),
    "a user in a variable's address": (
        "minimal",
        {"extraEnv": [{"name": "LINKRUNNER_CONSUMER__SCHEMA_REGISTRY__URL", "value": "https://u:canary@x"}]},
        "extraEnv has LINKRUNNER_CONSUMER__SCHEMA_REGISTRY__URL with a user in the address",
    ),
    "a section as a variable": (
        "minimal",
        {
            "extraEnv": [
                {"name": "LINKRUNNER_CONSUMER__KAFKA", "value": "{properties: {sasl.password: canary}}"}
            ]
        },
        "extraEnv has LINKRUNNER_CONSUMER__KAFKA, and the service knows no such name",
    ),
    "a variable in small letters": (
        "minimal",
        {"extraEnv": [{"name": "LINKRUNNER_CONSUMER__log__level", "value": "debug"}]},
        "write LINKRUNNER_CONSUMER__SECTION__KEY for each key, in capitals",
    ),
    "a variable below a key": (
        "minimal",
        {"extraEnv": [{"name": "LINKRUNNER_CONSUMER__KAFKA__PROPERTIES__SASL", "value": "canary"}]},
        "extraEnv has LINKRUNNER_CONSUMER__KAFKA__PROPERTIES__SASL, and the service knows no such name",
    ),
    "a variable twice": (
        "minimal",
        {"extraEnv": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]},
        "extraEnv has A twice",
    ),
    "a proxy with a password": (
        "minimal",
        change("config.schema_registry.properties/proxy", "user:canary@proxy:3128"),
        "config.schema_registry.properties has proxy as a plain value",
    ),
    "Java's way to log in": (
        "minimal",
        change("config.kafka.properties/sasl.jaas.config", "canary"),
        "config.kafka.properties has sasl.jaas.config as a plain value",
    ),
    "a secret in capitals": (
        "minimal",
        change("config.kafka.properties/SASL.PASSWORD", "canary"),
        "config.kafka.properties has SASL.PASSWORD as a plain value",
    ),
    "a deadline before the pods are ready": (
        "minimal",
        {"progressDeadlineSeconds": 10},
        "progressDeadlineSeconds is 10, and Kubernetes wants it above minReadySeconds, 10",
    ),
    "pods that are ready too late for the usual deadline": (
        "minimal",
        {"minReadySeconds": 600},
        "progressDeadlineSeconds is 600, and Kubernetes wants it above minReadySeconds, 600",
    ),
    "pods that are never replaced": (
        "minimal",
        {"strategy": {"maxSurge": "0%"}},
        "strategy.maxSurge and strategy.maxUnavailable are both 0",
    ),
    "a tag in the name": (
        "minimal",
        {"image": {"repository": "r.example.com:5000/consumer:1"}},
        "image.repository has a tag or a digest in it",
    ),
    "a volume of the chart's": (
        "kafka-plain",
        {"extraVolumes": [{"name": "kafka-sasl", "emptyDir": {}}]},
        "extraVolumes has a volume kafka-sasl",
    ),
    "a volume twice": (
        "minimal",
        {"extraVolumes": [{"name": "a", "emptyDir": {}}, {"name": "a", "emptyDir": {}}]},
        "extraVolumes has a volume a, and there is one of that name already",
    ),
    "a mount of nothing": (
        "minimal",
        {"extraVolumeMounts": [{"name": "company", "mountPath": "/company"}]},
        "extraVolumeMounts mounts a volume company that there is not",
    ),
    "a mount over the configuration": (
        "additions",
        {"extraVolumeMounts": [{"name": "company", "mountPath": "/etc/linkrunner-consumer/"}]},
        "extraVolumeMounts mounts company at /etc/linkrunner-consumer/, where something is mounted already",
    ),
    "a mount over a secret": (
        "additions",
        {"extraVolumeMounts": [{"name": "company", "mountPath": "/var/run/secrets/linkrunner"}]},
        "extraVolumeMounts mounts company at /var/run/secrets/linkrunner, where",
    ),
    "two mounts at one place": (
        "additions",
        {"extraVolumeMounts": [{"name": "company", "mountPath": "/a"}, {"name": "tmp", "mountPath": "/a"}]},
        "extraVolumeMounts mounts tmp at /a, where something is mounted already",
    ),
    "a container named like the service's": (
        "minimal",
        {"extraContainers": [{"name": "consumer", "image": "other:1"}]},
        "extraContainers has a container consumer, and there is one of that name already",
    ),
    "a container named like one before": (
        "minimal",
        {
            "initContainers": [{"name": "a", "image": "a:1"}],
            "extraContainers": [{"name": "a", "image": "a:1"}],
        },
        "extraContainers has a container a, and there is one of that name already",
    ),
    "a source over the configuration": (
        "files-from",
        {"filesFrom": [{"configMap": {"name": "mine", "items": [{"key": "a", "path": "config.yaml"}]}}]},
        "filesFrom makes a file config.yaml, which the chart writes itself",
    ),
    "a token over the pod's name": (
        "files-from",
        {"filesFrom": [{"serviceAccountToken": {"path": "pod-name"}}]},
        "filesFrom makes a file pod-name, which the chart writes itself",
    ),
    "a topic twice": (
        "minimal",
        change("config.kafka.topics", ["a", "b", "a"]),
        "config.kafka.topics has to list each topic once",
    ),
    "an API without a protocol": (
        "minimal",
        change("config.linkrunner.base_url", "api.linkrunner.io"),
        "config.linkrunner.base_url has to be an address",
    ),
    "an API with a query": (
        "minimal",
        change("config.linkrunner.base_url", "https://api.linkrunner.io?a=1"),
        "config.linkrunner.base_url has to be an address",
    ),
    "a secret from two places": (
        "kafka-plain",
        {"kafka": {"sasl": {"remoteKey": "payments/kafka"}}},
        "kafka.sasl has existingSecret and remoteKey",
    ),
    "a store without a name": (
        "external-secrets",
        {"externalSecrets": {"secretStoreRef": {"name": ""}}},
        "kafka.sasl.remoteKey needs a store to be read from",
    ),
    "a property set twice": (
        "kafka-plain",
        change("config.kafka.properties/sasl.username", "payments"),
        "sasl.username is set twice, by kafka.sasl.usernameKey and in config.kafka.properties",
    ),
    "the key file set twice": (
        "minimal",
        change("config.linkrunner.server_key_file", "/vault/secrets/server-key"),
        "config.linkrunner.server_key_file cannot stand beside linkrunner.existingSecret",
    ),
    "a password without a user": (
        "kafka-plain",
        {"kafka": {"sasl": {"usernameKey": ""}}},
        "kafka.sasl has a password without a user: name the user's key in kafka.sasl.usernameKey",
    ),
    "no mechanism for dead letters": (
        "minimal",
        {"deadLetters": {"sasl": {"existingSecret": "writer"}}},
        "deadLetters.sasl needs to know the mechanism of the brokers: write it in config.dead_letters",
    ),
    "a password of dead letters without a user": (
        "minimal",
        merged(
            {"deadLetters": {"sasl": {"existingSecret": "writer", "usernameKey": ""}}},
            change("config.kafka.properties/sasl.mechanism", "PLAIN"),
        ),
        "deadLetters.sasl has a password without a user",
    ),
    "a password of dead letters that is not used": (
        "dead-letters-user",
        change("config.dead_letters.properties/security.protocol", "ssl"),
        "deadLetters.sasl would not be used, because security.protocol in config.dead_letters.properties is",
    ),
    "a password of dead letters that is not used, as is written for the consumer": (
        "minimal",
        merged(
            {"deadLetters": {"sasl": {"existingSecret": "writer"}}},
            change("config.kafka.properties/security.protocol", "PLAINTEXT"),
            change("config.dead_letters.properties/sasl.mechanism", "PLAIN"),
        ),
        "deadLetters.sasl would not be used, because security.protocol in config.kafka.properties is",
    ),
    "a certificate of dead letters that is not used": (
        "dead-letters-certificate",
        change("config.dead_letters.properties/security.protocol", "plaintext"),
        "deadLetters.tls would not be used, because security.protocol in config.dead_letters.properties",
    ),
    "a token for no cluster": (
        "minimal",
        {"schemaRegistry": {"bearer": {"existingSecret": "registry"}}},
        "schemaRegistry.bearer needs to know the cluster that its token is for",
    ),
    "no mechanism": ("minimal", _SASL, "kafka.sasl needs to know the mechanism of the brokers"),
    "a password that is not used": (
        "kafka-plain",
        change("config.kafka.properties/security.protocol", "ssl"),
        "kafka.sasl would not be used, because security.protocol in config.kafka.properties is SSL",
    ),
    "a certificate that is not used": (
        "kafka-tls-cert-manager",
        change("config.kafka.properties/security.protocol", "plaintext"),
        "kafka.ca and kafka.tls would not be used",
    ),
    "two ways to the registry": (
        "registry-basic",
        {"schemaRegistry": {"bearer": {"existingSecret": "registry"}}},
        "schemaRegistry.basicAuth and schemaRegistry.bearer are both set",
    ),
    "a password for no registry": (
        "no-registry",
        {"schemaRegistry": {"basicAuth": {"existingSecret": "registry"}}},
        "schemaRegistry.basicAuth is for a registry that has no address",
    ),
    "a port that nobody knows": ("minimal", change("config.http.port", 0), "config.http.port is 0"),
    "a port that nobody reaches": (
        "minimal",
        change("config.http.host", "127.0.0.1"),
        "config.http.host is an address that only the pod itself reaches",
    ),
    "a file over the configuration": (
        "minimal",
        {"files": {"config.yaml": "{}"}},
        "files has config.yaml, which the chart writes itself",
    ),
    "two configurations": (
        "existing-configmap",
        change("config.log.level", "debug"),
        "config.log.level cannot stand beside existingConfigMap",
    ),
    "two configurations, in a section that is shared": (
        "existing-configmap",
        change("config.http.host", "0.0.0.0"),
        "config.http.host cannot stand beside existingConfigMap",
    ),
    "two configurations, in a key without a section": (
        "existing-configmap",
        change("config.ordering", "partition"),
        "config.ordering cannot stand beside existingConfigMap",
    ),
    "two monitors": (
        "pod-monitor",
        {"serviceMonitor": {"enabled": True}},
        "podMonitor and serviceMonitor are both on",
    ),
    "an operator without a dashboard": (
        "grafana-operator",
        {"dashboard": {"enabled": False}},
        "set dashboard.enabled too",
    ),
    "an alert that is none": (
        "alerts",
        {"prometheusRule": {"alerts": {"Stalled": {"for": "1m"}}}},
        "prometheusRule.alerts.Stalled is no alert of this chart. There are: LinkrunnerConsumer",
    ),
    "a threshold that is none": (
        "alerts",
        {"prometheusRule": {"alerts": {"LinkrunnerConsumerAuthRejected": {"threshold": 1}}}},
        "prometheusRule.alerts.LinkrunnerConsumerAuthRejected has no threshold",
    ),
    "KEDA without a limit": ("keda", {"partitions": None}, "keda.enabled needs a limit"),
    "KEDA above the partitions": (
        "keda",
        {"keda": {"maxReplicas": 13}},
        "keda.maxReplicas is 13, and only 12",
    ),
    "KEDA upside down": ("keda", {"keda": {"minReplicas": 13}}, "keda.minReplicas is 13, above the most"),
    "KEDA with a mechanism it does not know": (
        "kafka-oauth",
        {"keda": {"enabled": True}, "partitions": 6},
        "keda.enabled knows no sasl.mechanism OAUTHBEARER",
    ),
    "KEDA with a password it can't read": (
        "minimal",
        merged(
            {"keda": {"enabled": True}, "partitions": 6},
            change("config.kafka.properties/security.protocol", "SASL_SSL"),
            change("config.kafka.properties/sasl.mechanism", "PLAIN"),
            change("config.kafka.properties/sasl.password", {"file": "/vault/password"}),
        ),
        "keda.enabled needs the password of the brokers as a Secret",
    ),
    "KEDA with a user it can't read": (
        "keda-scram",
        change("config.kafka.properties/sasl.username", {"file": "/vault/user"}),
        "keda.enabled cannot read the file of sasl.username",
    ),
    "KEDA with a protocol it can't read": (
        "keda-scram",
        change("config.kafka.properties/security.protocol", {"file": "/vault/protocol"}),
        "keda.enabled cannot read the file of security.protocol",
    ),
    "KEDA with a mechanism it can't read": (
        "keda-scram",
        change("config.kafka.properties/sasl.mechanism", {"file": "/vault/mechanism"}),
        "keda.enabled cannot read the file of sasl.mechanism",
    ),
    "KEDA with an authority it can't read": (
        "keda",
        change("config.kafka.properties/ssl.ca.location", "/etc/ssl/company/ca.crt"),
        "keda.enabled cannot read ssl.ca.location of config.kafka.properties",
    ),
    "topics beside a mapping": (
        "mapping",
        change("config.kafka.topics", ["payments.events.v1"]),
        "config.kafka.topics cannot stand beside config.mapping",
    ),
    "KEDA with a mapping alone": (
        "mapping",
        {"keda": {"topics": []}},
        "keda.enabled watches topics by name, and those of config.mapping are in a file",
    ),
    "KEDA with a pattern": (
        "patterns",
        {"keda": {"enabled": True}, "partitions": 6},
        r"has the pattern ^payments\.(eu|us)\..*: write the names of all topics in keda.topics",
    ),
    "KEDA without a configuration": (
        "existing-configmap",
        {"keda": {"enabled": True}, "partitions": 6},
        "keda.enabled needs to know brokers, group and topics",
    ),
    "a policy without ports": (
        "existing-configmap",
        {"networkPolicy": {"kafka": {"ports": []}}},
        "networkPolicy.kafka.ports is empty",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_work_is_refused(case: str) -> None:
    """Values that would make a release that does not work are refused, and no secret is repeated."""
    feature, changed, sentence = REFUSED[case]
    said = refusal(merged(load(feature), changed))
    assert sentence in said
    assert "canary" not in said


#: Options with others below them.
BLOCKS: Final = tuple(option.name for option in branches(read((CHART / "values.yaml").read_text("utf-8"))))


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_without_a_value_is_named(block: str) -> None:
    """Who comments out all lines below a key is told so in one sentence, not by a template that breaks."""
    said = refusal(merged(load("every-setting"), change(block, None)))
    last = block.rpartition(".")[2]
    assert f"\n{block} is empty: remove the line, or write {last}: {{}}.\n" in said
    assert said.count(" is empty") == 1


@pytest.mark.parametrize("feature", ["network-policy", "keda", "alerts", "dashboard", "one-pod"])
def test_mistakes_come_before_what_follows_from_them(feature: str) -> None:
    """No template stumbles over a wrong value before the sentence that tells it, whichever is first."""
    said = refusal(merged(load(feature), change("config.kafka.bootstrap_servers", ["a", "b"])))
    assert "config.kafka.bootstrap_servers has to name the Kafka brokers" in said
    assert "wrong type" not in said


def test_variables_that_the_chart_does_not_read_are_taken() -> None:
    """What nothing else depends on may be a variable."""
    variables: Json = [
        {"name": "LINKRUNNER_CONSUMER__KAFKA__GROUP_ID", "value": "x"},
        {"name": "LINKRUNNER_CONSUMER__LOG__LEVEL", "value": "debug"},
        {"name": "LINKRUNNER_CONSUMER__KAFKA__PROPERTIES_FILE", "value": "/run/kafka.yaml"},
    ]
    assert container(render(merged(load("minimal"), {"extraEnv": variables}))).at("env").value == variables


def test_mistakes_are_told_at_once() -> None:
    """Nobody has to install as often as there are mistakes."""
    values = merged(
        load("minimal"), _SASL, change("config.http.port", 0), {"linkrunner": {"existingSecret": ""}}
    )
    said = refusal(values)
    assert "kafka.sasl needs" in said
    assert "config.http.port is 0" in said
    assert "linkrunner.existingSecret has to" in said


@pytest.mark.parametrize("path", KEYS, ids=".".join)
def test_every_key_has_a_variable_that_is_taken(path: tuple[str, ...]) -> None:
    """The names that the service knows are not refused as unknown, those of files neither."""
    names = [variable_name(path), f"{variable_name(path)}_FILE"]
    variables: Json = [
        {"name": name, "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}} for name in names
    ]
    try:
        render(merged(load("minimal"), {"extraEnv": variables}))
    except RefusedError as refused:
        assert "knows no such name" not in str(refused)  # noqa: PT017 - some are refused, for other reasons


def test_no_section_can_be_set_as_a_whole() -> None:
    """The service refuses such a variable, and a secret in it would be in the open until then."""
    names = [variable_name((section,)) for section in SECTIONS]
    said = refusal(
        merged(load("minimal"), {"extraEnv": [{"name": name, "value": "canary"} for name in names]})
    )
    assert [
        name for name in names if f"extraEnv has {name}, and the service knows no such name" not in said
    ] == []
    assert "canary" not in said


def test_an_addition_may_use_what_the_chart_mounts() -> None:
    """A volume of the chart's at another place is no mistake."""
    mount: Json = [{"name": "tmp", "mountPath": "/home", "subPath": "home"}]
    assert render(merged(load("minimal"), {"extraVolumeMounts": mount})).objects


#: Properties with a name that sounds secret and is not; of a proxy, an address without a user.
PUBLIC: Final = {
    "proxy",
    "ssl.ca.pem",
    "ssl.certificate.pem",
    "bearer.auth.credentials.source",
    "basic.auth.credentials.source",
}
#: Names of librdkafka and the registry client of which some hold secrets.
PROPERTIES: Final = (
    "basic.auth.credentials.source", "basic.auth.user.info", "bearer.auth.client.secret",
    "bearer.auth.credentials.source", "bearer.auth.token", "client.id", "proxy",
    "sasl.jaas.config", "sasl.mechanism",
    "sasl.oauthbearer.assertion.private.key.file", "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem", "sasl.oauthbearer.client.secret", "sasl.oauthbearer.config",
    "sasl.password", "sasl.username", "security.protocol", "ssl.ca.location", "ssl.ca.pem",
    "ssl.certificate.pem", "ssl.key.location", "ssl.key.password", "ssl.key.pem", "ssl.keystore.password",
)  # fmt: skip


def test_the_chart_refuses_what_the_service_masks() -> None:
    """What the service would print as ``***`` may not stand in a ConfigMap either."""
    values = merged(load("minimal"), change("config.kafka.properties", dict.fromkeys(PROPERTIES, "canary")))
    said = refusal(values)
    told = {name for name in PROPERTIES if f" has {name} as a plain value" in said}
    assert told == {name for name in PROPERTIES if is_secret(name, "canary")} - PUBLIC


def test_names_of_secrets_are_the_services() -> None:
    """A name that the service learns to mask is refused by the chart from then on: it is one expression."""
    text = (CHART / "templates" / "_refuse.tpl").read_text("utf-8")
    _, _, rest = text.partition('define "linkrunner-consumer.secretName" -}}\n')
    assert rest.splitlines()[0] == SECRET_NAME.pattern
