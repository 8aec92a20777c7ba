"""What the chart's README shows works as it stands there."""

import re
from typing import Final

import pytest
import yaml

from helm.options import Json
from tests.chart.charts import CHART, Values, deployment, load, merged, render

BLOCKS: Final = re.findall(r"```yaml\n(.*?)```", (CHART / "README.md").read_text("utf-8"), re.DOTALL)

#: What each example is added to, by the option that it begins with.
AROUND: Final[dict[str, Values]] = {
    "config": {},
    "kafka": load("kafka-scram-strimzi"),
    "prometheusRule": merged(load("minimal"), {"missingKinds": "always"}),
}


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_examples_are_taken(block: str) -> None:
    """Who copies an example gets a release."""
    values: dict[str, Json] = yaml.safe_load(block)
    assert deployment(render(merged(AROUND[next(iter(values))], values))).value


def test_the_first_example_is_the_smallest() -> None:
    """Five values are enough, and the README shows no more."""
    values: dict[str, Json] = yaml.safe_load(BLOCKS[0])
    assert _shape(values) == _shape(load("minimal"))


def _shape(values: Json) -> Json:
    """Return the keys of ``values`` without what they say."""
    return {name: _shape(below) for name, below in values.items()} if isinstance(values, dict) else None
