"""README and schema are made from the values; what makes them refuses values that say too little."""

from pathlib import Path
from typing import Final

import pytest

from helm.generate import files, main, stale
from helm.options import UndocumentedError, leaves, read
from helm.readme import readme
from helm.schema import schema
from tests.chart.charts import CHART

VALUES: Final = """
## First part

# What it is for.
# @schema {"minimum": 1}
number: 2

# A map of options.
group:
  # Its only one,
  # told in two lines.
  text: a|b

## Second part

# A map that is one value.
# @schema {"type": "object"}
whole:
  anything: 1
"""


def test_generated_files_are_current() -> None:
    """README and schema of the chart are what its values say now."""
    assert stale(CHART) == []
    assert main(["--check"]) == 0


def test_what_is_not_current_is_named(tmp_path: Path) -> None:
    """A file that somebody has changed by hand, or that is missing, is found."""
    for name, text in files().items():
        (tmp_path / name).write_text(text, "utf-8")
    assert stale(tmp_path) == []
    (tmp_path / "README.md").write_text("old", "utf-8")
    (tmp_path / "values.schema.json").unlink()
    assert stale(tmp_path) == ["README.md", "values.schema.json"]


def test_arguments_that_are_none_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt option must not write files."""
    assert main(["--chek"]) == 2
    assert "usage: python -m helm.generate [--check]" in capsys.readouterr().err


def test_options_are_read_with_their_texts() -> None:
    """Texts, parts, defaults and additions to the schema stand where they are written."""
    number, group, whole = read(VALUES)
    assert (number.name, number.part, number.text, number.default) == (
        "number",
        "First part",
        "What it is for.",
        2,
    )
    assert number.schema == {"minimum": 1}
    assert [(one.name, one.text) for one in group.children] == [
        ("group.text", "Its only one, told in two lines.")
    ]
    assert (whole.part, whole.children, whole.default) == ("Second part", (), {"anything": 1})
    assert [one.name for one in leaves([number, group, whole])] == ["number", "group.text", "whole"]


def test_schema_closes_maps_and_types_values() -> None:
    """A map of options takes no others, and a value is of the type of its default."""
    made = schema(read(VALUES))
    properties = made["properties"]
    assert isinstance(properties, dict)
    assert made["additionalProperties"] is False
    assert properties["number"] == {
        "type": "integer",
        "description": "What it is for.",
        "default": 2,
        "minimum": 1,
    }
    group = properties["group"]
    assert isinstance(group, dict)
    assert group["additionalProperties"] is False
    assert properties["whole"] == {
        "type": "object",
        "description": "A map that is one value.",
        "default": {"anything": 1},
    }


def test_readme_has_a_table_for_each_part() -> None:
    """Every option has its row, and a text can't break the table."""
    text = readme("Before.\n<!-- options -->\nAfter.\n", read(VALUES))
    assert text.startswith("Before.\n### First part\n")
    assert r'| `group.text` | `"a\|b"` |' in text
    assert "| `number` | `2` | What it is for. |" in text
    assert text.index("### First part") < text.index("### Second part") < text.index("After.")


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ("number: 2\n", "number (line 1) has no comment"),
        ("# A map.\ngroup:\n  text: a\n", r"group.text (line 3) has no comment"),
        ("# A map.\nmap: {}\n", "map is a map: an @schema has to say"),
        ("# A list.\nlist: []\n", "list is a list: an @schema has to say"),
        ("[]\n", "values.yaml is no map"),
    ],
)
def test_an_option_that_says_too_little_is_refused(values: str, complaint: str) -> None:
    """Nobody can add an option without a text, or one that takes anything."""
    with pytest.raises(UndocumentedError) as refused:
        schema(read(values))
    assert complaint in str(refused.value)


def test_a_text_without_a_place_for_the_tables_is_refused() -> None:
    """A README without its tables would look current."""
    with pytest.raises(ValueError, match="<!-- options -->"):
        readme("No place.", read(VALUES))
