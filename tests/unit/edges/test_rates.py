"""Rates from a file: plain or packed, bounded, and read again when it changes."""

import os
import zipfile
from datetime import date
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Final

import pytest

from consumer.core.meaning.rate_files import MAX_CHARACTERS, Parsed, RateFault
from consumer.core.meaning.rates import Quote, RateTable, Waits
from consumer.core.settings.tree import RatesSettings
from consumer.edges.rates import RatesFile

TODAY: Final = date(2026, 3, 3)
HEAD: Final = "Date,USD,INR,\n"
FIRST: Final = HEAD + "2026-03-01,1.1,95,\n"
SECOND: Final = HEAD + "2026-03-02,1.2,96,\n2026-03-01,1.1,95,\n"


def rates_of(path: Path, source: str = "ecb") -> RatesFile:
    """Return the rates in a file."""
    base = "USD" if source == "file" else None
    settings = RatesSettings.model_validate({"source": source, "path": str(path), "base": base})
    return RatesFile(settings, "INR", lambda: TODAY)


def packed(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return an archive of files."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return buffer.getvalue()


def table(parsed: Parsed | None) -> RateTable:
    """Return the table that it is."""
    assert isinstance(parsed, RateTable), parsed
    return parsed


def inr(parsed: Parsed | None) -> Decimal:
    """Return what 1 EUR costs today in INR."""
    quote = table(parsed).find("EUR", "INR", TODAY)
    assert isinstance(quote, Quote)
    return quote.target


def fault(parsed: Parsed | None) -> RateFault:
    """Return the one thing that is wrong."""
    assert isinstance(parsed, tuple)
    (one,) = parsed
    assert one.cure
    return one


@pytest.mark.parametrize(
    "content",
    [
        FIRST.encode(),
        packed(("eurofxref-hist.csv", FIRST.encode())),
        packed(("eurofxref-hist.csv", FIRST.encode()), method=zipfile.ZIP_STORED),
        packed(("README.txt", b"hello"), ("EUROFXREF.CSV", FIRST.encode())),
    ],
)
def test_the_banks_file_is_read_plain_or_packed(tmp_path: Path, content: bytes) -> None:
    """By what it holds, whatever its name."""
    path = tmp_path / "rates"
    path.write_bytes(content)
    assert inr(rates_of(path).read()) == Decimal(95)


def test_our_own_file_is_read_against_its_base(tmp_path: Path) -> None:
    """The base is that of the settings."""
    path = tmp_path / "rates.csv"
    path.write_text("date,currency,rate\n2026-03-02,INR,88.12\n", "utf-8")
    found = table(rates_of(path, "file").read()).find("USD", "INR", TODAY)
    assert found == Quote(Decimal(1), Decimal("88.12"), date(2026, 3, 2))


def test_rates_in_the_settings_have_no_file() -> None:
    """They are there at once, and nothing becomes of them."""
    settings = RatesSettings.model_validate({"source": "table", "base": "EUR", "rates": {"INR": "95"}})
    rates = RatesFile(settings, "INR")
    first = table(rates.read())
    assert inr(first) == Decimal(95)
    assert rates.look(first) is None


def test_every_file_is_checked_for_the_reporting_currency(tmp_path: Path) -> None:
    """Else nothing could be converted, and all would be dead letters."""
    path = tmp_path / "rates"
    path.write_text("Date,USD,\n2026-03-01,1.1,\n", "utf-8")
    assert "has no rate of INR" in fault(rates_of(path).read()).what


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    """Missing, a folder, a named pipe that nobody writes to."""
    os.mkfifo(tmp_path / "pipe")
    for path, words in (
        (tmp_path / "missing", "No such file"),
        (tmp_path, "can't be read"),
        (tmp_path / "pipe", "it is no file"),
    ):
        assert words in fault(rates_of(path).read()).what


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"Date,\xff\xfe", "no text in UTF-8"),
        (b"x" * (MAX_CHARACTERS + 1), "is longer than"),
        (b"PK\x03\x04garbage", "broken or encrypted archive"),
        (packed(("a.csv", FIRST.encode()))[:-30], "broken or encrypted archive"),
        (packed(("a.txt", b"")), "with 0 CSV files"),
        (packed(("a.csv", b""), ("b.csv", b"")), "with 2 CSV files"),
        (packed(("a.csv", FIRST.encode()), method=zipfile.ZIP_LZMA), "compression of its own"),
        (packed(("a.csv", b"\0" * 40 * 2**20)), "is longer than"),
        (packed(("a.txt", os.urandom(5 * 2**20)), method=zipfile.ZIP_STORED), "archive of more than"),
        (packed(("a.csv", packed(("b.csv", b"")))), "no text in UTF-8"),
    ],
    ids=["binary", "long", "garbage", "cut", "none", "two", "lzma", "bomb", "large", "nested"],
)
def test_hostile_files_are_refused_and_bounded(tmp_path: Path, content: bytes, words: str) -> None:
    """An archive that unpacks to 40 MiB is read to the bound and no further."""
    path = tmp_path / "rates"
    path.write_bytes(content)
    assert words in fault(rates_of(path).read()).what


def test_an_archive_that_lies_about_its_size_is_bounded(tmp_path: Path) -> None:
    """Its directory says 10 bytes; what comes out of it is counted."""
    content = bytearray(packed(("a.csv", b"\0" * 20 * 2**20)))
    size = (20 * 2**20).to_bytes(4, "little")
    at = content.index(size)
    while at >= 0:
        content[at : at + 4] = (10).to_bytes(4, "little")
        at = content.find(size)
    path = tmp_path / "rates"
    path.write_bytes(content)
    assert fault(rates_of(path).read())


def test_our_own_file_is_never_unpacked(tmp_path: Path) -> None:
    """Its layout says nothing of archives."""
    path = tmp_path / "rates"
    path.write_bytes(packed(("a.csv", b"date,currency,rate\n")))
    assert fault(rates_of(path, "file").read())


# --------------------------------------------------------------------- changes


def replace(path: Path, content: str) -> None:
    """Put a new file in the place of the old one, as a careful job does."""
    beside = path.with_name("new")
    beside.write_text(content, "utf-8")
    beside.replace(path)


def test_a_new_file_is_noticed_once(tmp_path: Path) -> None:
    """Nothing is read as long as nothing changes."""
    path = tmp_path / "rates"
    replace(path, FIRST)
    rates = rates_of(path)
    first = table(rates.read())
    assert rates.look(first) is None
    replace(path, SECOND)
    second = rates.look(first)
    assert inr(second) == Decimal(96)
    assert rates.look(table(second)) is None


def test_a_swapped_link_is_noticed(tmp_path: Path) -> None:
    """Kubernetes renames a link to a folder; the file itself never changes."""
    for name, content in (("one", FIRST), ("two", SECOND)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rates").write_text(content, "utf-8")
    (tmp_path / "data").symlink_to("one")
    (tmp_path / "rates").symlink_to("data/rates")
    rates = rates_of(tmp_path / "rates")
    first = table(rates.read())
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(tmp_path / "data")
    assert inr(rates.look(first)) == Decimal(96)


def test_a_file_that_goes_wrong_is_told_once_and_its_return_is_noticed(tmp_path: Path) -> None:
    """Garbage, then nothing, then the very file of before: each is news once."""
    path = tmp_path / "rates"
    replace(path, FIRST)
    rates = rates_of(path)
    first = table(rates.read())
    replace(path, "<html>")
    assert "no header" in fault(rates.look(first)).what
    assert rates.look(first) is None
    path.unlink()
    assert "No such file" in fault(rates.look(first)).what
    assert rates.look(first) is None
    replace(path, FIRST)
    assert inr(rates.look(first)) == Decimal(95)


def test_what_is_there_and_no_file_is_told_once_for_each_change(tmp_path: Path) -> None:
    """A folder in the place of the file, then a pipe, then the file."""
    path = tmp_path / "rates"
    replace(path, FIRST)
    rates = rates_of(path)
    first = table(rates.read())
    path.unlink()
    path.mkdir()
    assert "can't be read" in fault(rates.look(first)).what
    assert rates.look(first) is None
    path.rmdir()
    os.mkfifo(path)
    assert "it is no file" in fault(rates.look(first)).what
    assert rates.look(first) is None
    replace(path, FIRST)
    assert inr(rates.look(first)) == Decimal(95)


def test_a_file_that_can_be_looked_at_and_not_opened_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root, too: opening it fails for a while, and the file stays what it is."""
    path = tmp_path / "rates"
    replace(path, FIRST)
    rates = rates_of(path)
    first = table(rates.read())
    replace(path, SECOND)

    def denied(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("consumer.edges.rates.os.open", denied)
        assert "Permission denied" in fault(rates.look(first)).what
        assert rates.look(first) is None
        path.touch()
        assert "Permission denied" in fault(rates.look(first)).what
        assert rates.look(first) is None
    second = table(rates.look(first))
    assert inr(second) == Decimal(96)
    assert rates.look(second) is None


@pytest.mark.parametrize(
    "error", [OSError(5, "Input/output error"), OSError("odd"), ValueError("embedded null")]
)
def test_whatever_a_read_raises_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Looking goes on, and a good file is noticed."""
    path = tmp_path / "rates"
    replace(path, FIRST)
    rates = rates_of(path)
    first = table(rates.read())
    replace(path, SECOND)

    def failing(*_: object) -> int:
        raise error

    with monkeypatch.context() as patch:
        for target in ("os.open", "Path.stat"):
            patch.setattr(f"consumer.edges.rates.{target}", failing)
            assert "can't be read" in fault(rates.look(first)).what
            assert rates.look(first) is None
    assert inr(rates.look(first)) == Decimal(96)


def test_a_day_of_the_bank_waits_until_the_whole_history_is_there(tmp_path: Path) -> None:
    """The file of the next day is no help to a payment of the first."""
    path = tmp_path / "rates"
    replace(path, FIRST)
    rates = rates_of(path)
    held = table(rates.read())
    for content, kind in ((SECOND, Waits), (f"{SECOND}2026-02-27,1.0,94,\n", Quote)):
        replace(path, content)
        held = table(rates.look(held))
        assert type(held.find("EUR", "INR", date(2026, 3, 1))) is kind


def test_a_changed_past_is_refused(tmp_path: Path) -> None:
    """The rates stay as they were."""
    path = tmp_path / "rates"
    replace(path, FIRST)
    rates = rates_of(path)
    first = table(rates.read())
    replace(path, FIRST.replace("95", "94"))
    assert "changes the rate of INR of 2026-03-01" in fault(rates.look(first)).what
