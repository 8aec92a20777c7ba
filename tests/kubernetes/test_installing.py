"""From ``helm install`` to ``helm uninstall``: ready soon, tested from inside, and nothing left behind."""

import time

import pytest

from tests.kubernetes.conftest import NewScene
from tests.kubernetes.release import CHART
from tests.support.tools import tool

CI_VALUES = sorted((CHART / "ci").glob("*-values.yaml"))


@pytest.mark.parametrize("program", ["helm3", "helm4"])
def test_an_install_is_ready_soon_and_delivers(new_scene: NewScene, program: str) -> None:
    """From ``helm install`` with what has no default to two ready pods takes seconds; then payments flow."""
    scene = new_scene(tool(program))
    scene.books.produce(scene.books.payments(60, keys=12))
    began = time.monotonic()
    said = scene.install()
    scene.wait_ready(2)
    scene.figures.note(f"{program} install to 2 pods ready", time.monotonic() - began, "s", "< 20 s")

    assert "Warning" not in said
    assert "WARNING" not in said
    scene.books.wait_settled()
    scene.end()
    scene.judge()
