"""Programs that some tests run: where this machine has them."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
#: Where the project's own set-up puts programs that no package of the system brings.
BUILT: Final = ROOT / ".cache" / "tools" / "bin"

#: The names under which a system's packages install a program, where that is not its own name.
ALIASES: Final[Mapping[str, Sequence[str]]] = {"alertmanager": ("alertmanager", "prometheus-alertmanager")}


def tool(name: str) -> Path:
    """Return the program ``name``; without it the test is skipped, with the reason.

    In this order: the variable ``TEST_<NAME>`` (``kube-linter``: ``TEST_KUBE_LINTER``), ``.cache/tools/bin``
    in the project, the path.
    """
    variable = f"TEST_{name.upper().replace('-', '_')}"
    named = os.environ.get(variable)
    if named:
        return Path(named)
    names = ALIASES.get(name, (name,))
    for alias in names:
        if (BUILT / alias).is_file():
            return BUILT / alias
    for alias in names:
        found = shutil.which(alias)
        if found:
            return Path(found)
    pytest.skip(f"{name} is not here: not in {variable}, not in .cache/tools/bin, not on the path")
