"""Files of rates: the layouts of the European Central Bank, our own, and every mistake with its line."""

from datetime import date
from decimal import Decimal
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consumer.core.meaning import rate_files
from consumer.core.meaning.rate_files import (
    MAX_CHARACTERS,
    MAX_FAULTS,
    Parsed,
    RateFault,
    read_ecb,
    read_own,
    replacing,
    usable,
)
from consumer.core.meaning.rates import Growth, Never, Quote, RateTable

TODAY: Final = date(2026, 3, 2)
#: As published: newest first, a comma at each end, N/A where there is none, currencies that are gone.
HISTORY: Final = """\
Date,USD,JPY,BGN,CYP,INR,ISK,
2026-02-27,1.0850,162.47,N/A,N/A,95.1234,N/A,
2026-02-26,1.0801,161.9,1.9558,N/A,95.0000,148.3,
"""
#: The single day: spaces, and a date in words.
ONE_DAY: Final = "Date, USD, JPY, INR, \n27 February 2026, 1.0850, 162.47, 95.1234, \n"


def ecb(text: str) -> Parsed:
    """Return what a file of the bank comes to."""
    return read_ecb(text, max_age_days=7, today=TODAY)


def own(text: str) -> Parsed:
    """Return what a file of our own comes to."""
    return read_own(text, "USD", max_age_days=3, today=TODAY)


def rate(parsed: Parsed, currency: str, on: date = TODAY, base: str = "EUR") -> object:
    """Return the rate of a currency for an event on a day, or why there is none."""
    assert isinstance(parsed, RateTable), parsed
    found = parsed.find(base, currency, on)
    return (found.target, found.dated) if isinstance(found, Quote) else type(found)


def faults(parsed: Parsed) -> list[tuple[int, str]]:
    """Return lines and what is wrong with them; every fault has a cure."""
    assert not isinstance(parsed, RateTable)
    assert all(fault.cure for fault in parsed)
    return [(fault.line, fault.what) for fault in parsed]


@pytest.mark.parametrize("text", [HISTORY, HISTORY.replace("\n", "\r\n"), "\ufeff" + HISTORY, ONE_DAY])
def test_the_banks_files_are_read_as_published(text: str) -> None:
    """Commas at the ends, spaces, either form of a date, a byte order mark, either line end."""
    parsed = ecb(text)
    assert rate(parsed, "USD") == (Decimal("1.0850"), date(2026, 2, 27))
    assert rate(parsed, "INR") == (Decimal("95.1234"), date(2026, 2, 27))
    assert isinstance(parsed, RateTable)
    assert (parsed.base, parsed.growth, parsed.max_age_days) == ("EUR", Growth.DAILY, 7)


def test_a_rate_that_is_not_there_is_left_out() -> None:
    """N/A and an empty field are no rate, and an older one counts."""
    assert rate(ecb(HISTORY), "ISK") == (Decimal("148.3"), date(2026, 2, 26))
    assert rate(ecb("Date,USD,INR\n2026-02-27,1.1,\n2026-02-26,,95\n"), "INR") == (
        Decimal(95),
        date(2026, 2, 26),
    )


def test_withdrawn_currencies_are_left_out() -> None:
    """No amount can be in them, so their columns are no mistake and no rate."""
    parsed = ecb(HISTORY)
    assert isinstance(parsed, RateTable)
    assert parsed.currencies == {"EUR", "USD", "JPY", "INR", "ISK"}
    assert rate(parsed, "BGN") is Never


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "no header"),
        ("<html>\n<body>Not found</body>\n", 1, "no header"),
        ("date,currency,rate\n2026-02-27,USD,1.1\n", 1, "no header"),
        ("Date,\n", 1, "no header"),
        ("Date,usd\n2026-02-27,1.1\n", 1, "no header"),
        ("Date,USD,USD\n2026-02-27,1.1,1.1\n", 1, "names a currency twice"),
        ("Date,USD,\n", 0, "holds no rate"),
        ("Date,USD,\n2026-02-27,N/A,\n", 0, "holds no rate"),
        ("Date,USD,\n27.02.2026,1.1,\n", 2, "has no date"),
        ("Date,USD,\n2026-02-30,1.1,\n", 2, "has no date"),
        ("Date,USD,\n31 February 2026,1.1,\n", 2, "has no date"),
        ("Date,USD,\n1 Ventose 2026,1.1,\n", 2, "has no date"),
        ("Date,USD,\n2026-03-04,1.1,\n", 2, "is dated in the future"),
        ("Date,USD,\n2026-02-27,1.1,\n2026-02-27,1.2,\n", 3, "has the date of line 2"),
        ("Date,USD,INR\n2026-02-27,1.1\n", 2, "has 2 fields, and the header 3"),
        ("Date,USD,\n2026-02-27,1.1,9,\n", 2, "has 4 fields, and the header 3"),
        ("Date,USD,\n2026-02-27,1.1,\n2026-02-26,1", 3, "has 2 fields, and the header 3"),
        ("Date,USD,\n2026-02-27,-1.1,\n", 2, "no number"),
        ("Date,USD,\n2026-02-27,1e3,\n", 2, "no number"),
        ("Date,USD,\n2026-02-27,NaN,\n", 2, "no number"),
        ("Date,USD,\n2026-02-27,1.,\n", 2, "no number"),
        ("Date,USD,\n2026-02-27,\u0661.\u0661,\n", 2, "no number"),
        ("Date,USD,\n2026-02-27,0.000,\n", 2, "is 0"),
        ("Date,USD,\n2026-02-27,1234567890123456789,\n", 2, "more than 18 digits"),
        ("Date,USD,\n2026-02-27,0.0000000000000000001,\n", 2, "more than 18 digits"),
        ("x" * (MAX_CHARACTERS + 1), 0, "is longer than"),
    ],
)
def test_a_mistake_in_the_banks_file_is_told_with_its_line(text: str, line: int, what: str) -> None:
    """A cut or garbled download is refused as a whole, and it is said why."""
    ((line_, what_),) = faults(ecb(text))
    assert line_ == line
    assert what in what_


OWN: Final = (
    "date,currency,rate\n# 1 USD is\n\n2026-02-27,INR,88.12\n2026-02-26,INR,88.0\n2026-02-27,EUR,0.8\n"
)


def test_our_own_file_is_read_in_any_order() -> None:
    """With comments and blank lines, against the base of the settings."""
    parsed = own(OWN)
    assert rate(parsed, "INR", base="USD") == (Decimal("88.12"), date(2026, 2, 27))
    assert rate(parsed, "INR", date(2026, 2, 27), "USD") == (Decimal("88.0"), date(2026, 2, 26))
    assert isinstance(parsed, RateTable)
    assert (parsed.base, parsed.growth, parsed.max_age_days) == ("USD", Growth.FREE, 3)


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("2026-02-27,INR", "has 2 fields instead of 3"),
        ("2026-02-27,INR,1,2", "has 4 fields instead of 3"),
        ("yesterday,INR,1", "no date"),
        ("2026-04-27,INR,1", "future"),
        ("2026-02-27,inr,1", "no current ISO 4217 code"),
        ("2026-02-27,BGN,1", "no current ISO 4217 code"),
        ("2026-02-27,USD,1", "which is the base"),
        ("2026-02-27,INR,1,", "has 4 fields instead of 3"),
        ("2026-02-27,INR,0", "is 0"),
        ('2026-02-27,INR,"1"', "no number"),
        ("2026-02-26,EUR,1\n2026-02-26,EUR,1", "has the date and the currency of line 2"),
    ],
)
def test_a_mistake_in_our_own_file_is_told_with_its_line(row: str, what: str) -> None:
    """Each in the line where it is, and no second one."""
    ((line, what_),) = faults(own(f"date,currency,rate\n{row}\n2026-02-27,GBP,1\n"))
    assert line == 2 + row.count("\n")
    assert what in what_


def test_a_file_that_is_cut_off_is_refused() -> None:
    """88 is a rate too, and later the true 88.12 would be a change of the past."""
    assert faults(own("date,currency,rate\n2026-02-27,INR,88")) == [
        (2, "has no line end: the file may be cut off there")
    ]


def test_ten_mistakes_are_told_at_once_and_a_thousand_are_not() -> None:
    """Nobody has to start ten times; a wrong file does not fill the screen."""
    rows = ["2026-02-27,INR,x"] * 10
    told = faults(own("date,currency,rate\n" + "\n".join(rows) + "\n"))
    assert [line for line, _ in told] == list(range(2, 12))
    assert len(faults(own("date,currency,rate\n" + "\n".join(rows * 100)))) == MAX_FAULTS


def test_more_rates_than_there_can_be_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without end costs bounded memory."""
    monkeypatch.setattr(rate_files, "MAX_RATES", 2)
    rows = "".join(f"2026-02-{number:02},INR,1\n" for number in range(1, 20))
    ((line, what),) = faults(own("date,currency,rate\n" + rows))
    assert (line, what) == (0, "holds more than 2 rates")


@given(st.text() | st.text("Date,USINR\n2026-0.1/#\ufeff ", max_size=200))
@example("Date,USD,\n\x1c,\n")
def test_any_text_is_a_table_or_mistakes(text: str) -> None:
    """Whatever somebody puts there, nothing is raised."""
    for parsed in (ecb(text), own(text), ecb("Date,USD,INR\n" + text), own("date,currency,rate\n" + text)):
        assert isinstance(parsed, RateTable) or parsed


# --------------------------------------------------------------------- reload


def whole(parsed: Parsed) -> RateTable:
    """Return the table that it is."""
    assert isinstance(parsed, RateTable)
    return parsed


def test_a_file_without_the_reporting_currency_is_refused() -> None:
    """Nothing could be converted with it."""
    ((line, what),) = faults(usable(ecb(HISTORY), "AED"))
    assert (line, what) == (0, "has no rate of AED, which is currency.reporting")
    assert faults(replacing(whole(ecb(HISTORY)), ecb(HISTORY), "AED"))
    assert isinstance(usable(ecb(HISTORY), "EUR"), RateTable)


def test_a_longer_file_takes_the_place_of_the_old_one() -> None:
    """The usual evening."""
    longer = HISTORY.replace("2026-02-27", "2026-03-02,1.09,163,N/A,N/A,96,N/A,\n2026-02-27")
    table = replacing(whole(ecb(HISTORY)), ecb(longer), "INR")
    assert rate(table, "USD", date(2026, 3, 3)) == (Decimal("1.09"), date(2026, 3, 2))


def test_the_single_days_of_several_evenings_add_up() -> None:
    """Each file has one day; those of the evenings before are kept."""
    next_day = ONE_DAY.replace("27 February", "1 March").replace("95.1234", "96")
    table = replacing(whole(ecb(ONE_DAY)), ecb(next_day), "INR")
    assert rate(table, "INR", date(2026, 3, 1)) == (Decimal("95.1234"), date(2026, 2, 27))
    assert rate(table, "INR", date(2026, 3, 2)) == (Decimal(96), date(2026, 3, 1))


def test_a_file_that_changes_the_past_is_refused() -> None:
    """Day and currency are told, so that somebody can look."""
    ((line, what),) = faults(
        replacing(whole(ecb(HISTORY)), ecb(HISTORY.replace("95.0000", "95.0001")), "INR")
    )
    assert line == 0
    assert "changes the rate of INR of 2026-02-26" in what


def test_a_broken_file_is_refused_for_its_mistakes() -> None:
    """They are passed on."""
    broken = (RateFault(3, "what", "cure"),)
    assert replacing(whole(ecb(HISTORY)), broken, "INR") == broken
