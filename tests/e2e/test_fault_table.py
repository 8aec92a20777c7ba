"""The table of faults can be played by anyone: a few of its rows, with nothing installed."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from benchmarks.faults.cases import CASES, Expect
from benchmarks.faults.play import Unexpected, play
from consumer.lab.embedded import embedded_kafka
from tests.support.broker import Kafka, Kind

BY_NAME: Final = {case.name: case for case in CASES}


@pytest.mark.parametrize("name", ["401", "409", "closed-in-body", "tls-expired"])
def test_a_row_comes_out_as_it_says(name: str, tmp_path: Path) -> None:
    """A script, a shape of bytes and a certificate; nothing is lost, and nothing counts twice."""
    case = BY_NAME[name]
    with embedded_kafka() as kafka:
        outcome = play(case, Kafka(Kind.MOCK, kafka.bootstrap_servers, embedded=kafka), tmp_path)
    assert (outcome.lost, outcome.twice) == (0, 0)
    assert outcome.calls >= case.records
    assert case.expect.letters[0] <= outcome.letters <= case.expect.letters[1]


def test_a_row_that_comes_out_otherwise_is_told(tmp_path: Path) -> None:
    """Else the page would say whatever the table says."""
    wrong = replace(BY_NAME["409"], expect=Expect(letters=(0, 0)))
    with embedded_kafka() as kafka, pytest.raises(Unexpected, match="3 dead letters"):
        play(wrong, Kafka(Kind.MOCK, kafka.bootstrap_servers, embedded=kafka), tmp_path)
