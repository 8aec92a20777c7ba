"""A release of the chart, as an operator handles it with Helm."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from tests.kubernetes.cluster import Namespace
from tests.kubernetes.programs import Done, run

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "helm" / "linkrunner-consumer"

#: Values of the chart.
Values = Mapping[str, Any]


class Release:
    """``name`` in a namespace, by one Helm; ``home`` is for what Helm keeps. Uninstall it at the end."""

    def __init__(self, helm: Path, namespace: Namespace, name: str, home: Path) -> None:
        self.name: Final = name
        self.namespace: Final = namespace
        self._helm: Final = str(helm)
        self._home: Final = {f"HELM_{kind}_HOME": str(home / kind) for kind in ("CACHE", "CONFIG", "DATA")}

    def install(self, values: Values, *options: str) -> Done:
        """Install it, don't wait, and return what Helm wrote."""
        return self._succeed("install", self.name, str(CHART), "--values=-", *options, values=values)

    def upgrade(self, values: Values, *options: str) -> Done:
        """Change it to ``values`` alone, and don't wait."""
        return self._succeed(
            "upgrade", self.name, str(CHART), "--reset-values", "--values=-", *options, values=values
        )

    def would_be(self, values: Path) -> Sequence[dict[str, Any]]:
        """Return the objects that an install with ``values`` would make, this cluster being asked."""
        file, options = f"--values={values}", ("--dry-run=server", "--output=json")
        told = json.loads(self._succeed("install", self.name, str(CHART), file, *options).output)
        texts = [told["manifest"], *(hook["manifest"] for hook in told.get("hooks", []))]
        return [document for text in texts for document in yaml.safe_load_all(text) if document]

    def rollback(self) -> None:
        """Go back to the revision before."""
        self._succeed("rollback", self.name)

    def test(self, within: float = 90.0) -> Done:
        """Run ``helm test`` and return how it ended."""
        return self._run("test", self.name, f"--timeout={within:.0f}s", within=within + 10)

    def uninstall(self) -> None:
        """Take everything of it away, and don't wait."""
        self._succeed("uninstall", self.name, "--ignore-not-found")

    @property
    def deployment(self) -> str:
        """The name of its deployment."""
        labels = f"app.kubernetes.io/instance={self.name}"
        return self.namespace.kubectl(
            "get", "deployment", f"--selector={labels}", "--output=jsonpath={.items[0].metadata.name}"
        )

    def _succeed(self, *arguments: str, values: Values | None = None) -> Done:
        done = self._run(*arguments, values=values)
        assert done.code == 0, f"helm {' '.join(arguments)} ended with {done.code}:\n{done.text}"
        return done

    def _run(self, *arguments: str, values: Values | None = None, within: float = 120.0) -> Done:
        given = "" if values is None else json.dumps(values)
        command = [self._helm, *arguments, f"--namespace={self.namespace.name}"]
        return run(command, given=given, environment=self._home, within=within)
