"""What the written pages say exists: links, make targets, files, packages' figures."""

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
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
    first = "\n".join((ROOT / "README.md").read_text("utf-8").splitlines()[:20])
    assert "make demo" in first
    assert "make test" in first
