"""Exchange rates from where the settings say: written in them, or in a file that is read again on change."""

import os
import stat
import zipfile
import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import Final, TypeAlias

from consumer.core.meaning.rate_files import (
    MAX_CHARACTERS,
    Parsed,
    RateFault,
    read_ecb,
    read_own,
    replacing,
    usable,
)
from consumer.core.meaning.rates import RateTable, static_rates
from consumer.core.settings.tree import RatesSettings

#: Most bytes of an archive: the whole history is below one million. It also bounds how many names are in it.
_MAX_ARCHIVE: Final = 4 * 1024 * 1024
_ARCHIVE_MARK: Final = b"PK\x03\x04"
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_PATH_CURE: Final = "check the path and who may read it"
_ARCHIVE_CURE: Final = "name eurofxref-hist.zip as the European Central Bank publishes it, or the .csv in it"

#: What tells one content of a file from another: device, inode, size and the times of change.
_Stamp: TypeAlias = tuple[int, int, int, int, int]


def today() -> date:
    """Return the UTC date."""
    return datetime.now(UTC).date()


class RatesFile:
    """The rates of the settings, and what becomes of their file. Reading takes time: not on an event loop."""

    def __init__(self, rates: RatesSettings, reporting: str, on: Callable[[], date] = today) -> None:
        """Take where rates for conversions to ``reporting`` come from; ``on`` gives the UTC date."""
        self.path: Final = rates.path
        self._rates: Final = rates
        self._reporting: Final = reporting
        self._on: Final = on
        self._stamp: _Stamp | None = None
        self._fault = ""

    def read(self) -> Parsed:
        """Return the rates, or what is wrong with them. Reads a bounded part of a file; raises nothing."""
        rates = self._rates
        if self.path is None:
            return usable(static_rates(rates.base or "", rates.rates or {}), self._reporting)
        text = self._text(self.path)
        if isinstance(text, RateFault):
            return (text,)
        if rates.source == "ecb":
            parsed = read_ecb(text, max_age_days=rates.max_age_days, today=self._on())
        else:
            parsed = read_own(text, rates.base or "", max_age_days=rates.max_age_days, today=self._on())
        return usable(parsed, self._reporting)

    def look(self, current: RateTable) -> Parsed | None:
        """Return what has become of the file since it was read last; None: nothing new.

        The rates to use from now on, which hold all that ``current`` has; or why ``current`` stays. Raises
        nothing.
        """
        if self.path is None:
            return None
        if not self._fault and _glance(self.path) == self._stamp:
            return None
        # What can't be read is tried each time, as nothing on the file need change when its reason ends (too
        # many open files, a broken disk); it is told again only when the file or the reason is another.
        before = self._stamp, self._fault
        found = self.read()
        if self._fault and (self._stamp, self._fault) == before:
            return None
        return replacing(current, found, self._reporting)

    def _text(self, path: Path) -> str | RateFault:
        try:
            self._fault = ""
            data = self._bytes(path)
        except (OSError, ValueError) as error:  # a path can be none at all, too
            reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
            self._stamp, self._fault = _glance(path), reason
            return RateFault(0, f"can't be read: {reason}", _PATH_CURE)
        if self._rates.source == "ecb" and data.startswith(_ARCHIVE_MARK):
            unpacked = _unpacked(data)
            if isinstance(unpacked, RateFault):
                return unpacked
            data = unpacked
        if len(data) > MAX_CHARACTERS:
            return RateFault(0, f"is longer than {MAX_CHARACTERS} bytes", "leave out the oldest days")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return RateFault(0, "is no text in UTF-8", "name a CSV file")

    def _bytes(self, path: Path) -> bytes:
        # Not blocking: a named pipe would wait for somebody who writes into it.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123  (no path)
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise OSError(0, "it is no file")
            # Before the content: what is written while this reads has another stamp.
            self._stamp = _stamp(status)
            return file.read(MAX_CHARACTERS + 1)


def _unpacked(data: bytes) -> bytes | RateFault:
    """Return the one CSV file in an archive, or why there is none that can be used."""
    if len(data) > _MAX_ARCHIVE:
        return RateFault(0, f"is an archive of more than {_MAX_ARCHIVE} bytes", _ARCHIVE_CURE)
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = [entry for entry in archive.infolist() if entry.filename.lower().endswith(".csv")]
            if len(names) != 1:
                return RateFault(0, f"is an archive with {len(names)} CSV files instead of 1", _ARCHIVE_CURE)
            if names[0].compress_type not in _METHODS:
                return RateFault(0, "is an archive with a compression of its own", _ARCHIVE_CURE)
            with archive.open(names[0]) as file:
                # Bounded by what comes out of it, whatever the archive says of itself.
                return file.read(MAX_CHARACTERS + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError, ValueError):
        return RateFault(0, "is a broken or encrypted archive", _ARCHIVE_CURE)


def _glance(path: Path) -> _Stamp | None:
    """Return the stamp of what is there now; None: nothing that could be looked at."""
    try:
        return _stamp(path.stat())
    except (OSError, ValueError):
        return None


def _stamp(status: os.stat_result) -> _Stamp:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
