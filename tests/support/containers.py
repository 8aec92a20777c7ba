"""Servers as containers of public images, by testcontainers."""

from collections.abc import Mapping
from typing import Final

from docker.errors import DockerException  # type: ignore[import-untyped]  # docker-py ships no types
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

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

KAFKA_IMAGE: Final = f"apache/kafka:{KAFKA_VERSION}"
REGISTRY_IMAGE: Final = "apicurio/apicurio-registry-mem:2.6.13.Final"
START_SECONDS: Final = 60.0


class Container:
    """A server in a container, reachable on one port of 127.0.0.1 that outlives restarts.

    ``answers`` tells from that port whether it is up: Docker's own proxy takes connections before.
    """

    def __init__(
        self, image: str, inner_port: int, port: int, answers: Probe, environment: Mapping[str, str]
    ) -> None:
        # the fixtures remove their containers themselves; a reaper would need one more image
        testcontainers_config.ryuk_disabled = True
        self._port = port
        self._answers = answers
        self._container = DockerContainer(image, env=dict(environment))
        # docker-py binds a tuple to that interface only; testcontainers' type knows whole numbers
        self._container.ports[str(inner_port)] = ("127.0.0.1", port)  # type: ignore[assignment]
        self._created = False

    @property
    def address(self) -> str:
        """``127.0.0.1:port``, the same through all restarts."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it and return once it answers; raises NotHere where the image can't be had."""
        try:
            if self._created:
                self._container.get_wrapped_container().start()
            else:
                self._container.start()
        except DockerException as error:
            raise NotHere(
                f"Docker could not start {self._container.image} ({type(error).__name__})"
            ) from error
        self._created = True
        eventually(lambda: self._answers(self._port), START_SECONDS, f"{self._container.image} answers")

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing answers."""
        self._container.get_wrapped_container().pause()

    def resume(self) -> None:
        """Thaw it."""
        self._container.get_wrapped_container().unpause()

    def kill(self) -> None:
        """End it without a goodbye."""
        wrapped = self._container.get_wrapped_container()
        wrapped.kill()
        wrapped.wait()

    def close(self) -> None:
        """Remove it with what it kept."""
        self._container.stop()


def kafka() -> Server:
    """Return a Kafka container, not started; raises NotHere where no Docker daemon answers."""
    _need_docker()
    # The same port inside: for a transaction the broker asks itself, at the address that it advertises.
    port = free_port()
    address = f"127.0.0.1:{port}"
    properties = broker_properties(f"0.0.0.0:{port}", address, "localhost:9093", "/tmp/kafka-data")  # noqa: S108 - inside the container
    environment = {f"KAFKA_{name.replace('.', '_').upper()}": value for name, value in properties.items()}
    return Container(KAFKA_IMAGE, port, port, kafka_answers, {**environment, "CLUSTER_ID": CLUSTER_ID})


def registry() -> Server:
    """Return a schema registry container, not started; raises NotHere where no Docker daemon answers."""
    _need_docker()
    return Container(REGISTRY_IMAGE, 8080, free_port(), registry_answers, {})


def _need_docker() -> None:
    try:
        container = DockerContainer(KAFKA_IMAGE)
    except DockerException as error:
        raise NotHere(f"no Docker daemon answers ({type(error).__name__})") from error
    container.get_docker_client().client.close()
