"""The table of faults: whole, in order, and what the page shows of it."""

import json

import pytest

from benchmarks.faults.cases import CASES, Case
from consumer.core.api.verdicts import FaultKind, HoldCause
from consumer.lab.fault_grammar import parse
from docs.pages import faults

RECORDED = json.loads(faults.RECORD.read_text("utf-8"))


def test_the_record_has_the_rows_of_the_table() -> None:
    """The page is about the faults of now; else record it anew. Its times may differ from run to run."""
    shown = ("name", "group", "fault", "does", "payments", "fault_seconds")
    rows = [tuple(row[key] for key in shown) for row in RECORDED["rows"]]
    assert rows == [(c.name, c.group.value, c.fault, c.does, c.records, c.seconds) for c in CASES]


def test_nothing_was_lost_and_nothing_counts_twice() -> None:
    """What the page is for: not a single payment in any row, and dead letters only where they belong."""
    assert {(row["lost"], row["twice"]) for row in RECORDED["rows"]} == {(0, 0)}
    for case, row in zip(CASES, RECORDED["rows"], strict=True):
        least, most = case.expect.letters
        assert least <= row["letters"] <= most


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_row_is_one_fault_and_names_what_there_is(case: Case) -> None:
    """A script that the simulator takes, a shape, a certificate, a port or a name; holds that exist."""
    assert sum(map(bool, (case.script, case.shape, case.tls, case.gone, case.names))) == 1
    parse(case.script)
    assert {*case.expect.holds} <= {cause.value for cause in HoldCause}
    assert all(each.isdigit() or each == "html" or each in {*FaultKind} for each in case.expect.retried)


def test_rows_are_told_apart_and_grouped() -> None:
    """A name chooses one row, and the page has each heading once."""
    assert len({case.name for case in CASES}) == len(CASES)
    groups = [case.group for case in CASES]
    assert sorted(groups, key=groups.index) == groups


def test_the_page_shows_every_row() -> None:
    """With what the service does."""
    text = faults.page()
    assert all(f"| {case.fault} | {case.does} |" in text for case in CASES)
