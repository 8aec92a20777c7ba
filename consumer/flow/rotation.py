"""The server key while it rotates: a change is told, and so is a file that can't be used any more."""

from typing import Final, Protocol

from consumer.core.operations.logbook import Event, Log


class Key(Protocol):
    """Where the key comes from."""

    trouble: str | None
    """Why the file of the key can't be used at the moment; the last good key is given meanwhile."""

    def current(self) -> str:
        """Return the key as it is now. Quick; the file is looked at once a second at most."""


class Rotation:
    """Gives the key to each call, and tells of it what operators should know."""

    def __init__(self, key: Key, log: Log) -> None:
        self._key: Final = key
        self._log: Final = log
        self._last = key.current()
        self._trouble: str | None = None

    def current(self) -> str:
        """Return the key as it is now."""
        now = self._key.current()
        if now != self._last:
            self._last = now
            self._log(Event.KEY_RELOADED)
        if self._key.trouble != self._trouble:
            self._trouble = self._key.trouble
            if self._trouble is not None:
                self._log(Event.KEY_UNUSABLE, error=self._trouble)
        return now

    def file_ok(self) -> bool:
        """Tell whether the file of the key, if there is one, holds a key; looks at it, call or no call."""
        self.current()
        return self._trouble is None
