"""What the written pages say exists: links, make targets, files, packages' figures."""

import re
from pathlib import Path
from typing import Final

import pytest

from consumer.cli import COMMANDS
from consumer.cli.loading import load
from consumer.cli.output import ExitCode
from consumer.core.operations.catalogue import CATALOGUE

ROOT: Final = Path(__file__).resolve().parents[2]
README: Final = (ROOT / "README.md").read_text("utf-8")
PAGES: Final = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")]
)
LINK: Final = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def identify(page: Path) -> str:
    """Return the page's path in the repository."""
    return page.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """Return the fragments of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=identify)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file of the project, and to a heading in it, finds it."""
    missing = []
    for link in LINK.findall(page.read_text("utf-8")):
        if link.startswith("https://"):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (fragment and fragment not in anchors(target)):
            missing.append(link)
    assert missing == []


def test_every_yes_in_the_comparison_has_its_tests() -> None:
    """What the chart is said to do better is held by functions that exist, in the files that are linked."""
    page = ROOT / "docs" / "kubernetes.md"
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]*) \|", page.read_text("utf-8"), re.MULTILINE)
    assert sum(ours.startswith("y") for _, ours, _ in rows) > 10
    for goal, ours, proof in rows:
        named = re.findall(r"\]\(([^)]+\.py)\)((?:,? `test_\w+`)+)", proof)
        functions = [(path, name) for path, names in named for name in re.findall(r"test_\w+", names)]
        assert functions or not ours.startswith("y"), goal
        assert len(functions) == len(re.findall(r"`test_\w+`", proof)), goal
        for path, name in functions:
            assert f"\ndef {name}(" in (page.parent / path).read_text("utf-8"), f"{goal}: {name}"


@pytest.mark.parametrize("page", PAGES, ids=identify)
def test_make_targets_exist(page: Path) -> None:
    """A page tells nobody to run a target that is not in the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    text = page.read_text("utf-8")
    told = re.findall(r"`make ([a-z ]+?)(?: [A-Z]+=[^`]*)?`", text) + re.findall(
        r"^make ([a-z ]+?)\s*(?:#|$)", text, re.MULTILINE
    )
    assert {target for line in told for target in line.split()} - targets == set()


def test_every_target_is_explained() -> None:
    """``make help`` knows every target that people run."""
    text = (ROOT / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    assert phony
    assert set(re.findall(r"^([a-z]+):.*## \S", text, re.MULTILINE)) == set(phony[1].split())


def test_the_first_screen_has_the_two_commands() -> None:
    """Whoever opens the page sees at once how to try it and how to test it."""
    first = "\n".join(README.splitlines()[:20])
    assert "make demo" in first
    assert "make test" in first


def test_the_configuration_of_the_front_page_is_one(tmp_path: Path) -> None:
    """Whoever copies the first configuration that they see has no mistake in it."""
    block = re.findall(r"^```yaml\n(.+?)^```", README, re.MULTILINE | re.DOTALL)[0]
    file = tmp_path / "config.yaml"
    file.write_text(block, "utf-8")
    assert load(file, {"LINKRUNNER_SERVER_KEY": "a-key"}).kafka.topics == ("payments.events.v1",)


def test_the_front_page_has_all_commands_and_no_other() -> None:
    """The table of commands names what the command line has."""
    told = set(re.findall(r"^\| `(\w+)[^|]*\| [^|]+\|$", README.partition("## Commands")[2], re.MULTILINE))
    called = set(re.findall(r"linkrunner-consumer (\w+)", README))
    known = {command.name for command in COMMANDS}
    assert told & known == known
    assert called <= known


def test_the_front_page_has_all_exit_codes() -> None:
    """An operator finds every exit code, and none that does not exist."""
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert told == set(ExitCode)


def test_metrics_that_pages_name_exist() -> None:
    """Nobody is sent to look for a metric that is not there."""
    known = {spec.full_name for spec in CATALOGUE}
    suffix = re.compile(r"_(?:bucket|sum|count)$")
    for page in PAGES:
        named = set(re.findall(r"linkrunner_consumer_\w+", page.read_text("utf-8")))
        assert {name for name in named if name not in known and suffix.sub("", name) not in known} == set(), (
            page
        )
