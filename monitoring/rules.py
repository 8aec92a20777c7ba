"""``python -m monitoring.rules``: write the rules as a file for a Prometheus without the operator.

The same recording rules and alerts as the chart's PrometheusRule, to standard output.
"""

import argparse
import sys
from collections.abc import Sequence

import yaml

from monitoring.alerts import SELECTOR, rules


def text(selector: str, runbooks: str = "") -> str:
    """Return the file. ``selector`` are conditions on ``namespace`` and ``job``.

    ``runbooks`` is the address that the pages of the alerts stand under, as the chart's ``runbookBaseUrl``.
    """
    file = rules(selector=selector)
    for group in file["groups"]:
        for rule in group["rules"]:
            if runbooks and isinstance(texts := rule.get("annotations"), dict):
                texts["runbook_url"] = f"{runbooks.rstrip('/')}/{rule['alert']}.md"
    return yaml.safe_dump(file, sort_keys=False, allow_unicode=True, width=10_000)


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 0, or 2 for arguments that are none."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.rules", description=__doc__)
    parser.add_argument(
        "--selector",
        default=SELECTOR,
        metavar="CONDITIONS",
        help=f"which release, by namespace and job (default: {SELECTOR})",
    )
    parser.add_argument("--runbooks", default="", metavar="URL", help="where the runbooks are")
    given = parser.parse_args(arguments)
    sys.stdout.write(text(given.selector, given.runbooks))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
