"""What the latest schema of a topic means to a mapping, as lines of ``check --connect``."""

from consumer.core.operations.checks import Failure, Result, Trouble
from consumer.core.operations.mapping_checks import of_schema, subject_of
from consumer.core.settings.documents import Finding, Source


def finding(what: str) -> Finding:
    """Return a finding about the mapping."""
    return Finding(("sources", "0", "paid"), Source("m.yaml", 7), what, "read another field")


def test_each_finding_is_a_line() -> None:
    """What fails with every record fails the check; what may fail with some is a warning."""
    wrong, doubtful = of_schema("orders", None, [finding("reads x")], [finding("can be null")])
    assert (wrong.result, wrong.answer, wrong.cure) == (
        Result.FAILED,
        "sources[0].paid (m.yaml:7) reads x",
        "read another field",
    )
    assert (doubtful.result, doubtful.answer) == (Result.WARNING, "sources[0].paid (m.yaml:7) can be null")
    assert {wrong.subject, doubtful.subject} == {"mapping of orders"}
    assert subject_of("orders") in wrong.asked


def test_a_mapping_that_fits_is_told_in_one_line() -> None:
    """Who asked knows that something was compared."""
    (check,) = of_schema("orders", None, [], [])
    assert (check.result, check.answer) == (Result.OK, "fits")


def test_without_a_schema_nothing_was_compared() -> None:
    """Which stops nothing, and is no good news either."""
    (check,) = of_schema("orders", Failure(Trouble.MISSING, "no such subject"), [], [])
    assert (check.result, check.answer) == (
        Result.WARNING,
        "no schema to hold it against: no such subject",
    )
    assert "explain" in check.cure
