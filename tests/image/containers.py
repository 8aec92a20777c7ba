"""The image run as a user or Kubernetes runs it, seen from outside."""

import json
import re
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path
from signal import Signals
from time import monotonic
from typing import Final

from tests.support.image import docker
from tests.support.process import Command
from tests.support.service import Config, Service, merged
from tests.support.stage import Stage

CONFIG: Final = "/etc/linkrunner-consumer/config.yaml"
KEY_FILE: Final = "/var/run/secrets/linkrunner/server-key"

#: What Kubernetes' level "restricted" asks for, and a root that can't be written to.
HARDENED: Final = (
    "--read-only",
    "--tmpfs=/tmp:size=16m,noexec",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
)

#: A user id and group as OpenShift gives them: of nobody that the image has heard of.
FOREIGN_USER: Final = "1000650000:0"


def run(image: str, *arguments: str, options: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run the image to its end, hardened, as a foreign user and without a network."""
    limits = (*HARDENED, "--user", FOREIGN_USER, "--network", "none")
    return docker("run", "--rm", *limits, *options, image, *arguments)


def python(image: str, code: str) -> str:
    """Return what the image's Python prints when it runs ``code``."""
    done = run(image, "-c", code, options=("--entrypoint", "python"))
    assert done.returncode == 0, done.stderr
    return done.stdout


class Container(Command):
    """``docker run IMAGE ARGUMENTS``; what it prints goes to ``output``. It is kept until :meth:`close`."""

    def __init__(self, image: str, options: Sequence[str], arguments: Sequence[str], output: Path) -> None:
        super().__init__(arguments, output)
        self.name: Final = f"linkrunner-consumer-{uuid.uuid4().hex[:8]}"
        self._command: Final = ["docker", "run", "--name", self.name, *options, image, *arguments]

    def start(self) -> None:
        """Start it; it may take a moment until it is there."""
        with self.output.open("ab") as sink:
            self._process = subprocess.Popen(self._command, stdout=sink, stderr=subprocess.STDOUT)

    def send(self, number: Signals) -> float:
        """Send a signal to its first process and return when."""
        at = monotonic()
        sent = docker("kill", "--signal", number.name, self.name)
        assert sent.returncode == 0, sent.stderr
        return at

    def state(self) -> dict[str, object]:
        """Return what Docker knows of it: ``Running``, ``ExitCode``, ``OOMKilled`` and more."""
        state: dict[str, object] = json.loads(docker("inspect", self.name).stdout)[0]["State"]
        return state

    def peak_rss_mib(self) -> float:
        """Return the most memory that its first process ever had resident, in MiB. It must be running."""
        status = docker("exec", self.name, "cat", "/proc/1/status").stdout
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        assert found, "it does not run"
        return int(found[1]) / 1024

    def close(self) -> None:
        """Remove it, running or not."""
        docker("rm", "--force", self.name)
        super().close()


class ContainedService(Service):
    """The service of ``stage`` in a container: hardened, its configuration and key mounted, no command given.

    It shares the network of this machine, so that it finds any Kafka where the tests find it. ``options`` are
    more options of ``docker run``, ``over`` goes on top of the configuration.
    """

    def __init__(
        self, stage: Stage, image: str, options: Sequence[str] = (), over: Config | None = None
    ) -> None:
        config = merged(merged(stage.config(), {"linkrunner": {"server_key_file": KEY_FILE}}), over or {})
        name = f"container-{len(stage.services) + 1}"
        super().__init__(stage.directory, name, config)
        mounts = {stage.directory / f"{name}.yaml": CONFIG, stage.key_file: KEY_FILE}
        for file in mounts:
            file.chmod(0o644)
        volumes = [f"--volume={file}:{inside}:ro" for file, inside in mounts.items()]
        options = [*HARDENED, "--network", "host", *volumes, *options]
        self.container: Final = Container(image, options, (), stage.directory / f"{name}.log")
        self._command = self.container
        stage.services.append(self)
