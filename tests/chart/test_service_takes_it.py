"""The service itself takes what the chart makes: the rendered files are laid out as in a pod, and checked."""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from consumer.cli.loading import configure
from consumer.cli.loading import load as load_settings
from consumer.core.settings.tree import Settings
from consumer.edges.server_key import ServerKey
from consumer.flow.service import CLOSING_SECONDS
from helm.options import Json
from tests.chart.charts import CI, ROOT, Part, Rendered, config, container, load, merged, nested, pod, render

FEATURES: Final = sorted(name for name in CI if name != "existing-configmap")
#: What the ConfigMap of the feature ``files-from`` would hold.
CANONICAL: Final = ROOT / "schemas" / "payment-event.avsc"
#: The same for the feature ``currency-ecb``.
_RATES: Final = "Date,USD,INR,\n2026-02-27,1.0850,95.1234,\n"
_CONFIG: Final = "/etc/linkrunner-consumer"
_PASSPHRASE: Final = "open sesame"


@pytest.fixture(scope="module")
def secrets() -> Mapping[str, str]:
    """Give something that the service can read for each file that a Secret may become."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "payments")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    ).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "ca.crt": certificate.decode(),
        "tls.crt": certificate.decode(),
        "tls.key": private.decode(),
        "passphrase": _PASSPHRASE,
        "server-key": "a-key",
        "username": "payments",
        "password": "a-password",
        "user-info": "payments:a-password",
        "token": "a-token",
        "client-secret": "a-secret",
    }


def lay_out(rendered: Rendered, root: Path, secrets: Mapping[str, str]) -> Path:
    """Write the files that the container of ``rendered`` sees below ``root``; return its configuration.

    Paths in the configuration are changed to where they are here.
    """
    folder = root / _CONFIG.lstrip("/")
    folder.mkdir(parents=True)
    (folder / "pod-name").write_text("payments-0", encoding="utf-8")
    data = next(
        thing.at("data").value for thing in rendered.of("ConfigMap") if thing.at("data", "config.yaml").value
    )
    assert isinstance(data, dict)
    for name, text in data.items():
        moved = str(text).replace('"/var/run/', f'"{root}/var/run/').replace(f'"{_CONFIG}/', f'"{folder}/')
        (folder / name).write_text(moved if name == "config.yaml" else str(text), encoding="utf-8")
    for mount in container(rendered).at("volumeMounts"):
        path = str(mount.at("mountPath").value)
        if path.startswith("/var/run/secrets/"):
            _mount(
                root / path.lstrip("/"),
                pod(rendered).at("volumes").named(str(mount.at("name").value)),
                secrets,
            )
    return folder / "config.yaml"


def _mount(folder: Path, volume: Part, secrets: Mapping[str, str]) -> None:
    folder.mkdir(parents=True)
    items = volume.at("secret", "items")
    names = [str(item.at("path").value) for item in items] if items.value is not None else ["client-secret"]
    for name in names:
        (folder / name).write_text(secrets[name], encoding="utf-8")


@pytest.mark.parametrize("feature", FEATURES)
def test_the_service_takes_the_configuration(
    feature: str, tmp_path: Path, secrets: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``run`` would start: no mistake is found, nor a secret missing that the configuration names."""
    file = lay_out(render(load(feature)), tmp_path, secrets)
    if feature == "files-from":
        (file.parent / "payment.avsc").write_text(CANONICAL.read_text("utf-8"), "utf-8")
    if feature == "currency-ecb":
        (file.parent / "eurofxref-hist-90d.csv").write_text(_RATES, "utf-8")
    monkeypatch.chdir(file.parent)
    settings = load_settings(file, {})
    assert ServerKey(settings.linkrunner, {}).current() == "a-key"


def test_a_mapping_in_the_files_is_the_services(
    tmp_path: Path, secrets: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the schema that it names: its sources are what is read."""
    file = lay_out(render(load("mapping")), tmp_path, secrets)
    monkeypatch.chdir(file.parent)
    assert configure(file, {}).topics == ("payments.events.v1", "^orders[.]")


def test_variables_beside_a_configmap_of_ones_own_are_the_services(tmp_path: Path) -> None:
    """Port and drain reach the service as variables, and win over the file that the chart can't see."""
    variables = container(render(load("existing-configmap"))).at("env")
    environ = {str(one.at("name").value): str(one.at("value").value) for one in variables}
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(merged(MINIMAL, {"http": {"port": 1}})), encoding="utf-8")
    settings = load_settings(file, environ)
    assert (settings.http.port, settings.shutdown.drain_seconds) == (9000, 45)


def test_defaults_that_the_chart_knows_are_the_services() -> None:
    """Port, drain and rate stand in templates too, because they are needed where nobody sets them."""
    settings = Settings.model_validate(MINIMAL)
    assert container(render(load("minimal"))).at("ports", 0, "containerPort").value == settings.http.port
    grace = pod(render(load("minimal"))).at("terminationGracePeriodSeconds").value
    assert grace == settings.shutdown.drain_seconds + CLOSING_SECONDS + 1
    lag = render(load("keda")).one("ScaledObject").at("spec", "triggers", 0, "metadata", "lagThreshold").value
    assert lag == str(int(settings.linkrunner.requests_per_second * 30))
    mount = container(render(load("minimal"))).at("volumeMounts").named("linkrunner").at("mountPath").value
    assert f"{mount}/server-key" == str(settings.linkrunner.server_key_file)


MINIMAL: Final[Mapping[str, Json]] = {
    "kafka": {"bootstrap_servers": "kafka:9092", "topics": ["payments.events.v1"]},
    "currency": {"accept": ["INR"]},
}

#: Texts that a careless writer of YAML would turn into something else.
TEXTS: Final = (
    "1e5", "1e+06", "007", "0x1F", "no", "on", "~", "null", "true", "1:30", "12_000", " x ", "a: b", "# x",
    "{{ x }}", "'", '"', "<&>", "é", "-", "- x", "*x", "&x", "!x", "%x", "@x", "1.0", "2026-01-01",
)  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_texts_arrive_as_they_are(
    text: str, tmp_path: Path, secrets: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the values and the service no text becomes a number, a date, or nothing."""
    values = merged(load("minimal"), nested(("config", "kafka", "group_id"), text))
    file = lay_out(render(values), tmp_path, secrets)
    monkeypatch.chdir(file.parent)
    assert load_settings(file, {}).kafka.group_id == text


@pytest.mark.parametrize("number", [3_600_000, 10_000_000, 300_001])
def test_numbers_arrive_as_they_are(number: int) -> None:
    """Helm reads numbers as floating point; a property must not be written as 3.6e+06."""
    path = ("config", "kafka", "properties", "max.poll.interval.ms")
    rendered = render(merged(load("minimal"), nested(path, number)))
    assert config(rendered).at("kafka", "properties", "max.poll.interval.ms").value == number
    assert f"max.poll.interval.ms: {number}\n" in str(
        rendered.one("ConfigMap").at("data", "config.yaml").value
    )


@pytest.mark.parametrize(
    "name", ["sasl.mechanism", "1.0", "no", "Null", "a b", "a: b", "{a}", "", "é", "-", "#"]
)
def test_names_arrive_as_they_are(name: str) -> None:
    """The service tells what is wrong with a name, so no name may become another on the way."""
    path = ("config", "kafka", "properties", name)
    properties = config(render(merged(load("minimal"), nested(path, "x")))).at("kafka", "properties")
    assert isinstance(properties.value, dict)
    assert set(properties.value) == {"client.id", name}


@pytest.mark.parametrize(
    "changed", [{}, {"dead_letters": {"create": False}, "lifecycle": {"capture_statuses": []}}]
)
def test_every_setting_arrives_as_it_is(changed: dict[str, Json]) -> None:
    """The chart adds where the secrets are, and changes nothing else, nor loses a ``false``."""
    values = merged(load("every-setting"), {"config": changed})
    added = nested(("linkrunner", "server_key_file"), "/var/run/secrets/linkrunner/server-key")
    written = values["config"]
    assert isinstance(written, dict)
    assert config(render(values)).value == merged(written, added)
