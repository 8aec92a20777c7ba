"""The key of the API: where it comes from, and how a new one is noticed."""

import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from consumer.core.errors import CredentialsError
from consumer.core.settings.environment import FILE_SUFFIX, SERVER_KEY
from consumer.core.settings.tree import DEFAULT_SERVER_KEY_FILE, LinkrunnerSettings

#: Seconds between two looks at the file.
LOOK_SECONDS: Final = 1.0
_MAX_BYTES: Final = 4_096
#: What an HTTP header takes without quoting or folding: visible ASCII (RFC 9110, chapter 5.5).
_LEGAL: Final = re.compile(r"[\x21-\x7e]+")

#: What tells one content of a file from another: device, inode, size and the times of change.
_Stamp: TypeAlias = tuple[int, int, int, int, int]


class ServerKey:
    """The server key. It prints as ``***``.

    ``current()`` gives it; a key from a file is read again when the file, or what its name leads to, has
    changed. A file that is missing, empty or not a key at that moment leaves the key as it was;
    ``trouble`` says then what is wrong with it.
    """

    def __init__(
        self,
        settings: LinkrunnerSettings,
        environ: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the key from the configured file, else from ``environ``, else from the default file.

        ``clock`` gives seconds that never go back. Raises :class:`CredentialsError`, naming file and
        variable, where there is no key or none that fits into an HTTP header.
        """
        self.trouble: str | None = None
        self._clock: Final = clock
        self._file, text = _origin(settings, environ)
        self._stamp: _Stamp | None = None
        if self._file is None:
            self._key = _checked(text, None)
        else:
            self._key, self._stamp = _read(self._file)
        self._looked = clock()

    def current(self) -> str:
        """Return the key as it is now. The file is looked at once a second at most; nothing is raised."""
        now = self._clock()
        if self._file is not None and now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._look(self._file)
        return self._key

    def __repr__(self) -> str:
        """Return ``ServerKey(***)``."""
        return "ServerKey(***)"

    def _look(self, file: Path) -> None:
        # What fails may be a file in the middle of a change. Its stamp is not kept: the next look reads it.
        try:
            if _stamp(file.stat()) != self._stamp:
                self._key, self._stamp = _read(file)
        except OSError as error:
            self.trouble = f"{file} can't be read: {error.strerror}"
        except CredentialsError as error:
            self.trouble = str(error)
        else:
            self.trouble = None


def _read(file: Path) -> tuple[str, _Stamp]:
    """Return the key in ``file`` and the stamp of the very file that it was read from."""
    try:
        with file.open("rb") as opened:
            stamp = _stamp(os.fstat(opened.fileno()))
            text = opened.read(_MAX_BYTES + 1).decode("ascii")
    except OSError as error:
        raise _no_key(f"{file} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _no_key(f"{file} has characters that no HTTP header takes") from None
    return _checked(text, file), stamp


def _origin(settings: LinkrunnerSettings, environ: Mapping[str, str]) -> tuple[Path | None, str]:
    """Return the file of the key, or None and the key itself."""
    configured = settings.server_key_file if "server_key_file" in settings.model_fields_set else None
    if configured is not None:
        return configured, ""
    if SERVER_KEY in environ:
        return None, environ[SERVER_KEY]
    if SERVER_KEY + FILE_SUFFIX in environ:
        return Path(environ[SERVER_KEY + FILE_SUFFIX]), ""
    return settings.server_key_file, ""


def _checked(text: str, file: Path | None) -> str:
    key = text.strip()
    if len(key) > _MAX_BYTES:
        raise _no_key(f"what {file or SERVER_KEY} holds is too long for a key")
    if not key:
        raise _no_key(
            f"{file} is empty" if file else f"{SERVER_KEY} is not set or empty, and no file is configured"
        )
    if not _LEGAL.fullmatch(key):
        raise _no_key(f"{file or SERVER_KEY} has characters that no HTTP header takes")
    return key


def _no_key(why: str) -> CredentialsError:
    return CredentialsError(
        f"no server key: {why}; put the key into {DEFAULT_SERVER_KEY_FILE}, into the file that "
        f"linkrunner.server_key_file names, or into the variable {SERVER_KEY}"
    )


def _stamp(status: os.stat_result) -> _Stamp:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
