"""An event loop on virtual time: nothing ever waits, the clock jumps to the next timer."""

import asyncio
import selectors


class Deadlock(RuntimeError):
    """Every task waits for another one, and no timer is set: a real process would hang."""


class _Clock(selectors.SelectSelector):
    """A selector that watches no files: to wait is to move the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Let ``timeout`` seconds pass at once."""
        if timeout is None:
            raise Deadlock("no task can move and no timer is set")
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs tasks in an order that depends on nothing but themselves; its time begins at 0."""

    def __init__(self) -> None:
        self._virtual = _Clock()
        super().__init__(self._virtual)

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._virtual.now
