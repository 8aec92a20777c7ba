"""The client's statistics report: ends and positions are read from it; nothing else is needed of it."""

import json

import msgspec
import pytest

from consumer.core.records import Partition
from consumer.edges.kafka.statistics import Ends, parse


def test_ends_and_positions_are_read() -> None:
    """The client's own partition -1 is none, and an end that it does not know yet is left out."""
    partitions = {
        "0": {"partition": 0, "ls_offset": 42, "hi_offset": 50, "app_offset": 40},
        "1": {"partition": 1, "ls_offset": -1001, "app_offset": -1001},
        "-1": {"partition": -1, "ls_offset": -1001},
    }
    report = {"name": "x", "topics": {"payments": {"topic": "payments", "partitions": partitions, "age": 1}}}

    here = Partition("payments", 0)
    assert parse(json.dumps(report)) == Ends({here: 42}, {here: 40})


def test_a_report_without_topics_is_empty() -> None:
    """Before the first metadata there is nothing to tell."""
    assert parse("{}") == Ends()


@pytest.mark.parametrize(
    "report", ["", "null", "[]", '{"topics": 1}', '{"topics": {"t": {"partitions": []}}}']
)
def test_what_is_no_report_is_refused(report: str) -> None:
    """It is told as an error that the source expects, and not as any other."""
    with pytest.raises(msgspec.DecodeError):
        parse(report)
