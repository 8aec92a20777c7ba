"""Servers from Maven Central's jars, run with the machine's Java.

What Maven fetched stays under ``.cache`` in the project's root, so only the first run needs the network.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.support.broker import (
    CLUSTER_ID,
    KAFKA_VERSION,
    NotHere,
    Probe,
    Server,
    broker_properties,
    kafka_answers,
    registry_answers,
)
from tests.support.waiting import eventually, free_port

CACHE: Final = Path(__file__).parents[2] / ".cache"
POM: Final = Path(__file__).with_name("kafka-pom.xml")
REGISTRY_VERSION: Final = "2.6.13.Final"
MAVEN_PLUGIN: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
FETCH_SECONDS: Final = 600
START_SECONDS: Final = 60.0
SMALL_JVM: Final = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class JavaServer:
    """A Java process that serves one port of 127.0.0.1.

    ``answers`` tells from the port whether it is up; ``directory`` is its own and goes with it.
    """

    def __init__(self, command: Sequence[str], port: int, answers: Probe, directory: Path) -> None:
        self._command = command
        self._port = port
        self._answers = answers
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """``127.0.0.1:port``, the same through all restarts."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it and return once it answers; raises AssertionError with its output if it ends."""
        output = self._directory / "output"
        with output.open("ab") as sink:
            self._process = subprocess.Popen(self._command, stdout=sink, stderr=subprocess.STDOUT)
        process = self._process
        eventually(
            lambda: process.poll() is not None or self._answers(self._port), START_SECONDS, "Java answers"
        )
        assert process.poll() is None, output.read_text(encoding="utf-8", errors="replace")[-2000:]

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Thaw it."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it without a goodbye."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def close(self) -> None:
        """End it for good and remove its directory."""
        self.kill()
        shutil.rmtree(self._directory)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, number)


def kafka(more: Mapping[str, str] | None = None) -> Server:
    """Return a formatted broker, not started; raises NotHere without Java, or without Maven and a cache.

    ``more`` goes on top of its properties; in its values ``{address}`` and ``{controller}`` stand for where
    the broker listens for clients and for itself.
    """
    java = _java()
    libraries = _kafka_libraries()
    port, controller = free_port(), free_port()
    directory = Path(tempfile.mkdtemp(prefix="kafka-"))
    address = f"127.0.0.1:{port}"
    own = f"127.0.0.1:{controller}"
    properties = dict(broker_properties(address, address, own, str(directory / "data")))
    for name, value in (more or {}).items():
        properties[name] = value.replace("{address}", address).replace("{controller}", own)
    file = directory / "server.properties"
    file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()), encoding="utf-8")
    command = [java, "-Xmx512m", *SMALL_JVM, "-cp", f"{libraries}/*"]
    storage = [*command, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(file)]
    subprocess.run(storage, check=True, capture_output=True, timeout=START_SECONDS)
    return JavaServer([*command, "kafka.Kafka", str(file)], port, kafka_answers, directory)


def registry() -> Server:
    """Return a schema registry, not started; raises NotHere without Java, or without Maven and a cache."""
    java = _java()
    distribution = _registry_distribution()
    port = free_port()
    jar = distribution / f"apicurio-registry-app-{REGISTRY_VERSION}-runner.jar"
    options = ("-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={port}")
    command = [java, "-Xmx128m", *SMALL_JVM, *options, "-jar", str(jar)]
    return JavaServer(command, port, registry_answers, Path(tempfile.mkdtemp(prefix="registry-")))


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        raise NotHere("no Java on the path")
    return java


def _kafka_libraries() -> Path:
    return _fetched(f"kafka-{KAFKA_VERSION}", [f"{MAVEN_PLUGIN}:copy-dependencies"])


def _registry_distribution() -> Path:
    artifact = f"io.apicurio:apicurio-registry-app:{REGISTRY_VERSION}:tar.gz:all"
    goal = [f"{MAVEN_PLUGIN}:unpack", f"-Dartifact={artifact}", "-DmarkersDirectory=markers"]
    return _fetched(f"registry-{REGISTRY_VERSION}", goal)


def _fetched(name: str, goal: Sequence[str]) -> Path:
    """Return the cached directory ``name``, made by Maven in a directory beside it and moved when whole."""
    ready = CACHE / name
    if ready.is_dir():
        return ready
    maven = shutil.which("mvn")
    if maven is None:
        raise NotHere("no Maven on the path to fetch the jars with")
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        (Path(scratch) / "pom.xml").write_bytes(POM.read_bytes())
        fresh = Path(scratch) / "fetched"
        options = [f"-Dkafka.version={KAFKA_VERSION}", f"-DoutputDirectory={fresh}"]
        command = [maven, "-q", "-B", *goal, *options]
        done = subprocess.run(
            command, cwd=scratch, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False
        )
        if done.returncode != 0:
            raise NotHere(f"Maven could not fetch {name}: {done.stdout.strip()[:200]}")
        if not ready.is_dir():
            fresh.rename(ready)
    return ready
