"""The chart's ``README.md``: a text by hand with the tables of the options in it."""

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from helm.options import Json, Option

#: The line of the text that the tables take the place of.
MARK: Final = "<!-- options -->"

#: A bar that ends no cell.
BAR: Final = r"\|"

#: Longer defaults are not shown in a table.
_LONGEST: Final = 60


def readme(text: str, options: Sequence[Option]) -> str:
    """Return ``text`` with the tables of ``options`` in place of its mark."""
    before, mark, after = text.partition(MARK)
    if not mark:
        raise ValueError(f"the text has no line {MARK}")
    return before + "\n\n".join(_parts(options)) + after


def _parts(options: Sequence[Option]) -> Iterator[str]:
    for title, part in groupby(options, key=lambda option: option.part):
        rows = "\n".join(_row(option) for top in part for option in _rows(top))
        yield f"### {title}\n\n| Option | Default | Meaning |\n| --- | --- | --- |\n{rows}"


def _rows(top: Option) -> Iterator[Option]:
    """Yield ``top`` with its text, then the options in it."""
    yield top
    for child in top.children:
        yield from _rows(child)


def _row(option: Option) -> str:
    default = "" if option.children else f"`{_shown(option.default)}`"
    cells = (f"`{option.name}`", default, option.text)
    return f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |"


def _shown(default: Json) -> str:
    text = json.dumps(default, ensure_ascii=False)
    return text if len(text) <= _LONGEST else "see values.yaml"
