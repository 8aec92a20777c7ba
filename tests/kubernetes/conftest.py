"""Fixtures of the Kubernetes tests: the cluster of ``KUBECONFIG``, and what the tests have in it.

Without ``KUBECONFIG`` every test here is skipped by its name. ``TEST_IMAGE_LOAD`` is a command that makes
local images known to the cluster, with their names behind it: ``kind load docker-image``, for example.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final, Protocol

import pytest

from tests.kubernetes.cluster import Cluster
from tests.kubernetes.figures import RECORDING, Figures
from tests.kubernetes.scene import Scene
from tests.kubernetes.site import Site, load_images
from tests.support.broker import NotHere
from tests.support.image import image
from tests.support.tools import tool

_FIGURES: Final = pytest.StashKey[Figures]()
_SCENE: Final = pytest.StashKey[Scene]()
#: Enough of a failure to find its cause; pods log at length.
MOST_TOLD: Final = 6_000


def pytest_configure(config: pytest.Config) -> None:
    """Give the run a place for its figures."""
    config.stash[_FIGURES] = Figures()


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> Figures:
    """Give the place where measured numbers are noted."""
    return pytestconfig.stash[_FIGURES]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Give the cluster; without one the test is skipped."""
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("a real Kubernetes is needed: KUBECONFIG names none")
    with closing(Cluster(tool("kubectl"))) as found:
        yield found


@pytest.fixture(scope="session")
def site(cluster: Cluster, figures: Figures, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give the namespace with Kafka, registry, simulator and toolbox; no test may hurt these."""
    try:
        ours = image()
    except NotHere as reason:
        pytest.skip(f"no image for the cluster: {reason}; TEST_IMAGE names one")
    load_images(cluster, ours)
    with closing(Site(cluster, ours, tmp_path_factory.mktemp("site"), figures)) as found:
        try:
            found.open()
        except AssertionError as failed:
            failed.add_note(found.namespace.story()[-MOST_TOLD:])
            raise
        yield found


class NewScene(Protocol):
    """Makes the stage of a test; ``helm`` is the one to use instead of Helm 3."""

    def __call__(self, helm: Path | None = None, partitions: int = 6) -> Scene:
        """Return the stage: a topic with so many partitions, a group, and a release not yet installed."""


@pytest.fixture
def new_scene(site: Site, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[NewScene]:
    """Give a maker of stages; all that is on them is taken away behind the test."""
    with ExitStack() as stack:

        def make(helm: Path | None = None, partitions: int = 6) -> Scene:
            scene = Scene(site, helm or tool("helm3"), tmp_path, partitions)
            request.node.stash[_SCENE] = scene
            return stack.enter_context(closing(scene))

        yield make


@pytest.fixture
def scene(new_scene: NewScene) -> Scene:
    """Give one test's topic, group and release, on six partitions and by Helm 3."""
    return new_scene()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failure what the cluster knows about it."""
    report = yield
    scene = item.stash.get(_SCENE, None)
    if report.failed and report.when == "call" and scene is not None:
        report.sections += [(title, text[-MOST_TOLD:]) for title, text in scene.evidence()]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell what was measured; with ``RECORD_KUBERNETES`` set, write it down."""
    figures = config.stash[_FIGURES]
    if figures.table():
        terminalreporter.section("measured on Kubernetes")
        terminalreporter.write_line(figures.table())
        if RECORDING:
            figures.write()
