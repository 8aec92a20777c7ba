"""``docs/kubernetes-figures.md``, from what a run of the scenarios on a real cluster has recorded."""

import json
from pathlib import Path
from typing import Final

from docs.pages.markdown import table

RECORD: Final = Path(__file__).parents[1] / "kubernetes.json"

_HEAD: Final = """# Measured on Kubernetes

<!-- Generated from docs/kubernetes.json by `make docs`. -->

What `tests/kubernetes` measured on a real cluster of one node (Kubernetes 1.34, Debian 12, x86_64, two
processors for everything): Kafka, registry and simulator are pods beside the service, 60 payments a second
flow while something happens to it. Each scenario is judged by its ledger: nothing lost, and nothing repeated
but what the table says. Above its bound a figure fails its test. Other work ran on the machine beside it.

"""

_TAIL: Final = """
To record it anew: `RECORD_KUBERNETES=1 make test ARGS=tests/kubernetes`, then `make docs`.
"""


def page() -> str:
    """Return the page."""
    rows = [
        (figure["what"], f"{figure['value']:g} {figure['unit']}".rstrip(), figure["bound"])
        for figure in json.loads(RECORD.read_text("utf-8"))
    ]
    return _HEAD + table(("What", "Measured", "Bound"), rows) + _TAIL
