"""What is in the image, and what is not."""

import json
import re
from pathlib import Path, PurePosixPath
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from consumer import __version__
from tests.image.containers import python, run
from tests.image.layers import OWN_LAYERS, Entry, Layer
from tests.support.image import NAME, build, docker

ROOT: Final = Path(__file__).resolve().parents[2]
MOST_COMPRESSED_BYTES: Final = 150_000_000
HOME: Final = "opt/linkrunner-consumer"
SBOM: Final = f"/{HOME}/sbom.cdx.json"

#: The service as a distribution among its parts.
SERVICE: Final = {canonicalize_name("linkrunner-consumer"): __version__}

#: 2020-01-01, the Dockerfile's SOURCE_DATE_EPOCH.
DATE: Final = 1577836800

#: The flags of bytecode that is found by a hash and never compared with its source (PEP 552).
UNCHECKED_HASH: Final = (1).to_bytes(4, "little")

#: Prints every distribution that the service's Python sees.
LIST_DISTRIBUTIONS: Final = """
import json
from importlib.metadata import distributions
print(json.dumps([[found.name, found.version] for found in distributions()]))
"""

#: Prints what markers in runtime.txt ask about.
DESCRIBE_PLATFORM: Final = """
import json, platform, sys
print(json.dumps({
    "implementation_name": sys.implementation.name,
    "platform_python_implementation": platform.python_implementation(),
    "python_full_version": platform.python_version(),
    "sys_platform": sys.platform,
}))
"""

#: Programs that build, fetch or hold nothing that a running service needs.
TOOLS: Final = (
    "cc", "gcc", "g++", "c++", "clang", "ld", "as", "make", "cargo", "rustc", "go", "git", "hatchling",
    "cyclonedx-py", "uv", "pytest",
)  # fmt: skip


def installed(image: str) -> dict[str, str]:
    """Return the version of each distribution that the service's Python sees, by normalised name."""
    return {
        canonicalize_name(name): version for name, version in json.loads(python(image, LIST_DISTRIBUTIONS))
    }


def files(layers: tuple[Layer, ...]) -> list[Entry]:
    """Return every entry of all layers."""
    return [entry for layer in layers for entry in layer.entries]


def test_it_starts_the_service_as_a_user_with_a_number(image: str) -> None:
    """Kubernetes can't see that a name is not root; a shell as first process would swallow the signals."""
    config = json.loads(docker("inspect", image).stdout)[0]["Config"]
    user, _, group = config["User"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert config["Entrypoint"] == ["linkrunner-consumer"]
    assert config["Cmd"] == ["run", "--config", "/etc/linkrunner-consumer/config.yaml"]
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"] == {"Test": ["NONE"]}
    assert set(config["ExposedPorts"]) == {"8080/tcp"}
    assert not config.get("Volumes")


def test_its_labels_say_what_it_is(image: str) -> None:
    """The version is the service's own, and no label names a licence or place that the project has not."""
    labels = json.loads(docker("inspect", image).stdout)[0]["Config"]["Labels"]
    own = {name.rpartition(".")[2]: text for name, text in labels.items() if "opencontainers" in name}
    assert set(own) == {"title", "description", "version", "revision"}
    assert own["title"] == "linkrunner-consumer"
    assert own["version"] == __version__
    assert own["revision"]


def test_the_dockerfile_builds_this_version_without_being_told() -> None:
    """``docker build .`` alone has to work: the builder refuses a version that is not the service's."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    assert re.findall(r"^ARG VERSION=(.+)$", text, re.MULTILINE) == [__version__]


def test_it_adds_little_to_its_base(layers: tuple[Layer, ...]) -> None:
    """What a node has to fetch above the base stays below 150 MB."""
    size = sum(layer.compressed_bytes for layer in layers)
    print(f"compressed: {[layer.compressed_bytes for layer in layers]} bytes")  # noqa: T201 - for the record
    assert size < MOST_COMPRESSED_BYTES


def test_a_new_version_changes_the_upper_layer_only(layers: tuple[Layer, ...]) -> None:
    """The service stands alone in the small upper layer; the parts below it change with their pins."""
    parts, service = layers
    own = re.compile(rf"{HOME}/lib/python[\d.]+/site-packages/(consumer|linkrunner_consumer-[^/]+)(/|$)")
    assert not [path for path in parts.paths if own.match(path)]
    others = {entry.path for entry in service.entries if entry.head and not own.match(entry.path)}
    assert others == {f"{HOME}/bin/linkrunner-consumer", f"{HOME}/sbom.cdx.json"}


def test_it_holds_the_service_its_parts_and_bytecode(layers: tuple[Layer, ...]) -> None:
    """No cache, test, build or settings file of this checkout or its builder."""
    bytecode = re.compile(r"usr/local/lib/python[\d.]+/(.+/)?__pycache__/[^/]+\.pyc")
    strays = [
        entry.path
        for entry in files(layers)
        if entry.head and not entry.path.startswith(f"{HOME}/") and not bytecode.fullmatch(entry.path)
    ]
    assert strays == []
    packages = {path.partition("/site-packages/")[2].partition("/")[0] for path in layers[1].paths}
    assert {name for name in packages if ".dist-info" not in name} == {"", "consumer"}


def test_nobody_can_change_it_and_everybody_can_read_it(layers: tuple[Layer, ...]) -> None:
    """Any user id works, so all files are root's, readable for all, writable for none, and not setuid."""
    wrong = [
        (entry.path, oct(entry.mode))
        for entry in files(layers)
        if not entry.is_link
        and (entry.uid or entry.gid or entry.mode & 0o7022 or entry.mode & 0o444 != 0o444)
    ]
    assert wrong == []


def test_no_file_says_when_it_was_built(layers: tuple[Layer, ...]) -> None:
    """A second build has the same layers, byte for byte, so none may hold the time of the first."""
    assert {entry.date for entry in files(layers) if entry.path.startswith(HOME)} == {DATE}
    assert {entry.date for entry in files(layers) if entry.path.endswith(".pyc")} == {DATE}


@pytest.mark.timeout(1200)
def test_a_second_build_has_the_same_layers(image: str) -> None:
    """Who builds this commit anew, from nothing, can tell that an image is made of it."""
    again = f"{NAME}-again"
    build(again, "--no-cache")
    try:
        assert digests(again)[-OWN_LAYERS:] == digests(image)[-OWN_LAYERS:]
    finally:
        docker("image", "rm", again)


def digests(image: str) -> list[str]:
    """Return the digests of the layers of ``image``, of what is in them and not of how it is compressed."""
    inspected = docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", image)
    found: list[str] = json.loads(inspected.stdout)
    return found


def test_every_module_has_its_bytecode(layers: tuple[Layer, ...]) -> None:
    """A root that can't be written to would compile each module at each start."""
    paths = [PurePosixPath(entry.path) for entry in files(layers)]
    compiled = {(path.parent.parent, path.name.split(".")[0]) for path in paths if path.suffix == ".pyc"}
    modules = {(path.parent, path.stem) for path in paths if path.suffix == ".py"}
    assert len(modules) > 1000
    assert modules <= compiled


def test_bytecode_is_used_without_a_look_at_its_source(layers: tuple[Layer, ...]) -> None:
    """Bytecode with a date in it is thrown away where a layer's dates are changed."""
    flags = {entry.head[4:8] for entry in files(layers) if entry.path.endswith(".pyc")}
    assert flags == {UNCHECKED_HASH}


def test_what_is_installed_is_what_is_pinned(image: str) -> None:
    """The pins of runtime.txt for this platform and the service, and nothing besides them."""
    text = (ROOT / "requirements" / "runtime.txt").read_text("utf-8")
    pins = [Requirement(line.rstrip(" \\")) for line in text.splitlines() if re.match(r"[\w.-]+==", line)]
    environment = json.loads(python(image, DESCRIBE_PLATFORM))
    wanted = {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
        for pin in pins
        if pin.marker is None or pin.marker.evaluate(environment)
    }
    assert installed(image) == wanted | SERVICE


def test_the_list_of_parts_is_complete(image: str) -> None:
    """The SBOM names exactly what is installed, as CycloneDX, with the service as what it is about."""
    done = run(image, SBOM, options=("--entrypoint", "cat"))
    sbom = json.loads(done.stdout)
    assert sbom["bomFormat"] == "CycloneDX"
    subject = sbom["metadata"]["component"]
    assert (subject["name"], subject["version"]) == ("linkrunner-consumer", __version__)
    listed = {canonicalize_name(part["name"]): part["version"] for part in sbom["components"]}
    assert installed(image) == listed | SERVICE
    assert all(part["purl"].startswith("pkg:pypi/") for part in sbom["components"])


def test_it_has_no_tool_of_the_builder(image: str) -> None:
    """What compiles, fetches or tests stays behind."""
    look = f"command -v sh; for tool in {' '.join(TOOLS)}; do command -v $tool; done"
    found = run(image, "-c", look, options=("--entrypoint", "sh")).stdout.split()
    assert [PurePosixPath(path).name for path in found] == ["sh"]
