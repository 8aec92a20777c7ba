"""The generated pages are current, and the generator says when they are not."""

from pathlib import Path

from docs import generate
from docs.pages.markdown import table

DOCS = Path(generate.__file__).parent


def test_the_generated_pages_are_current() -> None:
    """What the pages say is what the code knows; else run ``make docs``."""
    assert generate.stale(DOCS) == []


def test_a_page_that_is_behind_is_told(tmp_path: Path) -> None:
    """A missing page and a changed page are both named, and writing cures it."""
    assert generate.stale(tmp_path) == list(generate.PAGES)
    generate.write(tmp_path)
    assert generate.stale(tmp_path) == []
    (tmp_path / "logs.md").write_text("old", encoding="utf-8")
    assert generate.stale(tmp_path) == ["logs.md"]


def test_wrong_arguments_write_nothing() -> None:
    """An unknown argument is a usage error."""
    assert generate.main(["--chekc"]) == 2


def test_cells_can_not_break_a_table() -> None:
    """A pipe or a line end in a cell stays in its cell."""
    assert table(("a", "b"), [("1|2", "x\ny")]) == "| a | b |\n| --- | --- |\n| 1\\|2 | x y |\n"
