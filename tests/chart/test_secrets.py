"""Secrets: each is a file in the pod, and the service's configuration says where."""

import re
from dataclasses import dataclass
from typing import Final

import pytest
import yaml

from helm.options import Json
from tests.chart.charts import CHART, NAME, Part, Values, config, container, load, merged, nested, pod, render


@dataclass(frozen=True, slots=True)
class Use:
    """A Secret of the values, in a feature that uses it.

    ``files`` are the keys in the Secret and the names of their files. ``configured`` is what properties of
    ``section`` then say, with FOLDER for the folder of the files.
    """

    block: str
    feature: str
    files: dict[str, str]
    configured: dict[str, Json]
    section: str = "kafka"


_TLS: Final[dict[str, Json]] = {
    "ssl.certificate.location": "FOLDER/tls.crt",
    "ssl.key.location": "FOLDER/tls.key",
}
_PHRASE: Final[dict[str, Json]] = {"ssl.key.password": {"file": "FOLDER/passphrase"}}
_USER: Final[dict[str, Json]] = {
    "sasl.username": {"file": "FOLDER/username"},
    "sasl.password": {"file": "FOLDER/password"},
}
_TLS_FILES: Final = {"tls.crt": "tls.crt", "tls.key": "tls.key", "passphrase": "passphrase"}
_USER_FILES: Final = {"username": "username", "password": "password"}

USES: Final = (
    Use("kafka.sasl", "kafka-plain", _USER_FILES, _USER),
    Use(
        "kafka.sasl",
        "kafka-scram-strimzi",
        {"password": "password"},
        {"sasl.username": "payments", "sasl.password": {"file": "FOLDER/password"}},
    ),
    Use("kafka.ca", "kafka-ca", {"bundle.pem": "ca.crt"}, {"ssl.ca.location": "FOLDER/ca.crt"}),
    Use("kafka.tls", "kafka-tls-cert-manager", _TLS_FILES, {**_TLS, **_PHRASE}),
    Use("kafka.tls", "kafka-tls-strimzi", {"user.crt": "tls.crt", "user.key": "tls.key"}, _TLS),
    Use("deadLetters.sasl", "dead-letters-user", _USER_FILES, _USER, "dead_letters"),
    Use("deadLetters.tls", "dead-letters-certificate", _TLS_FILES, {**_TLS, **_PHRASE}, "dead_letters"),
    Use(
        "schemaRegistry.basicAuth",
        "registry-basic",
        {"user-info": "user-info"},
        {"basic.auth.user.info": {"file": "FOLDER/user-info"}},
        "schema_registry",
    ),
    Use(
        "schemaRegistry.bearer",
        "registry-bearer",
        {"token": "token"},
        {"bearer.auth.token": {"file": "FOLDER/token"}, "bearer.auth.credentials.source": "STATIC_TOKEN"},
        "schema_registry",
    ),
    Use(
        "schemaRegistry.ca",
        "registry-basic",
        {"ca.crt": "ca.crt"},
        {"ssl.ca.location": "FOLDER/ca.crt"},
        "schema_registry",
    ),
    Use("schemaRegistry.tls", "registry-bearer", _TLS_FILES, {**_TLS, **_PHRASE}, "schema_registry"),
)
IDS: Final = [f"{use.block} ({use.feature})" for use in USES]


def volume_of(block: str) -> str:
    """Return the name of the volume of a block of values: ``kafka-sasl`` of ``kafka.sasl``."""
    return re.sub(r"\.|(?=[A-Z])", "-", block).lower()


@pytest.mark.parametrize("use", USES, ids=IDS)
def test_a_secret_becomes_files_that_the_service_reads(use: Use) -> None:
    """Its keys are files in a folder of their own, readable by the pod's group alone, and configured."""
    rendered = render(load(use.feature))
    volume = pod(rendered).at("volumes").named(volume_of(use.block)).at("secret")
    existing = Part(dict(load(use.feature))).at(*use.block.split("."), "existingSecret").value
    assert volume.at("secretName").value == existing
    assert volume.at("defaultMode").value == 0o440
    assert {item.at("key").value: item.at("path").value for item in volume.at("items")} == use.files
    mount = container(rendered).at("volumeMounts").named(volume_of(use.block))
    assert mount.at("readOnly").value is True
    folder = str(mount.at("mountPath").value)
    assert folder == f"/var/run/secrets/{volume_of(use.block)}"
    properties = config(rendered).at(use.section, "properties").value
    assert isinstance(properties, dict)
    wanted = yaml.safe_load(yaml.safe_dump(use.configured).replace("FOLDER", folder))
    assert {name: properties[name] for name in use.configured} == wanted


def test_every_block_of_the_values_is_tested() -> None:
    """A new Secret gets a row in the table above."""
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    blocks = {
        f"{top}.{name}"
        for top, below in values.items()
        if isinstance(below, dict)
        for name, block in below.items()
        if isinstance(block, dict) and "existingSecret" in block
    }
    assert {use.block for use in USES} == blocks


def test_the_server_key_is_a_file() -> None:
    """The key is where the service looks for it by default; its name in the Secret does not matter."""
    rendered = render(merged(load("minimal"), {"linkrunner": {"key": "live"}}))
    volume = pod(rendered).at("volumes").named("linkrunner").at("secret")
    assert volume.value == {
        "secretName": "linkrunner",
        "optional": True,
        "defaultMode": 0o440,
        "items": [{"key": "live", "path": "server-key"}],
    }
    mount = container(rendered).at("volumeMounts").named("linkrunner").at("mountPath").value
    assert config(rendered).at("linkrunner", "server_key_file").value == f"{mount}/server-key"


@pytest.mark.parametrize("use", USES, ids=IDS)
def test_the_readme_has_the_folder_of_each_secret(use: Use) -> None:
    """Who writes a ConfigMap of one's own finds there where the files are."""
    assert f"`{volume_of(use.block)}`" in (CHART / "README.md").read_text("utf-8")


def test_only_the_server_key_may_be_missing() -> None:
    """A pod without it starts and says so (exit code 77); all other Secrets are waited for."""
    for use in USES:
        for volume in pod(render(load(use.feature))).at("volumes"):
            optional = volume.at("secret", "optional").value is True
            assert optional is (volume.at("name").value == "linkrunner")


@pytest.mark.parametrize(
    ("feature", "protocol"),
    [
        ("minimal", None),
        ("kafka-plain", "SASL_SSL"),
        ("kafka-scram-strimzi", "SASL_SSL"),
        ("kafka-ca", "SSL"),
        ("kafka-tls-strimzi", "SSL"),
    ],
)
def test_the_protocol_follows_the_secrets(feature: str, protocol: str | None) -> None:
    """Who names credentials means them, over TLS."""
    assert config(render(load(feature))).at("kafka", "properties", "security.protocol").value == protocol


_DEAD_LETTERS: Final[dict[str, Json]] = {"sasl": {"existingSecret": "writer"}}
_PLAIN: Final = nested(("config", "dead_letters", "properties", "sasl.mechanism"), "PLAIN")


@pytest.mark.parametrize(
    ("feature", "changed", "protocol"),
    [
        ("minimal", {}, None),
        ("minimal", merged({"deadLetters": _DEAD_LETTERS}, _PLAIN), "SASL_SSL"),
        ("minimal", {"deadLetters": {"tls": {"existingSecret": "writer"}}}, "SSL"),
        ("kafka-ca", merged({"deadLetters": _DEAD_LETTERS}, _PLAIN), "SASL_SSL"),
        ("dead-letters-user", {}, None),  # the consumer's, which is SASL_SSL already
        ("dead-letters-certificate", {}, None),  # the same, SSL
        ("kafka-plain", {"deadLetters": {"tls": {"existingSecret": "writer"}}}, None),
    ],
)
def test_the_protocol_of_dead_letters_follows_their_secrets(
    feature: str, changed: Values, protocol: str | None
) -> None:
    """The producer inherits from the consumer, and is told where its own credentials ask for more."""
    rendered = render(merged(load(feature), changed))
    assert config(rendered).at("dead_letters", "properties", "security.protocol").value == protocol


def test_a_protocol_that_is_written_for_the_consumer_is_the_producers_too() -> None:
    """What is written once holds for both, as the service has it."""
    written = nested(("config", "kafka", "properties", "security.protocol"), "SASL_PLAINTEXT")
    values = merged(load("minimal"), {"deadLetters": _DEAD_LETTERS}, _PLAIN, written)
    assert config(render(values)).at("dead_letters", "properties", "security.protocol").value is None


def test_a_protocol_that_is_written_stays() -> None:
    """Brokers without TLS take passwords too, if somebody wants that."""
    path = ("config", "kafka", "properties", "security.protocol")
    rendered = render(merged(load("kafka-plain"), nested(path, "SASL_PLAINTEXT")))
    assert config(rendered).at(*path[1:]).value == "SASL_PLAINTEXT"


def test_external_secrets_have_the_keys_of_secrets_of_ones_own() -> None:
    """A Secret from a store is mounted as one that exists would be: both share the volume."""
    rendered = render(load("external-secrets"))
    made = {str(one.at("metadata", "name").value): one.at("spec") for one in rendered.of("ExternalSecret")}
    assert set(made) == {
        f"{NAME}-{name}" for name in ("linkrunner", "kafka-sasl", "kafka-ca", "schema-registry-basic-auth")
    }
    for volume in pod(rendered).at("volumes"):
        secret = volume.at("secret", "secretName").value
        if secret is None:
            continue
        spec = made[str(secret)]
        assert spec.at("target", "name").value == secret
        assert spec.at("secretStoreRef").value == {"name": "vault", "kind": "ClusterSecretStore"}
        keys = [item.at("key").value for item in volume.at("secret", "items")]
        assert [data.at("secretKey").value for data in spec.at("data")] == keys
        assert [data.at("remoteRef", "property").value for data in spec.at("data")] == keys


def test_the_test_pod_has_the_same_secrets() -> None:
    """``helm test`` proves something about the service only with what the service has."""
    for feature in ("kafka-scram-strimzi", "additions", "existing-configmap", "placement"):
        rendered = render(load(feature))
        check = rendered.one("Pod", f"{NAME}-check").at("spec")
        for field in (
            "volumes",
            "securityContext",
            "nodeSelector",
            "tolerations",
            "serviceAccountName",
            "dnsConfig",
        ):
            assert check.at(field).value == pod(rendered).at(field).value
        for field in ("image", "env", "envFrom", "volumeMounts", "securityContext", "workingDir"):
            assert check.at("containers", 0, field).value == container(rendered).at(field).value
