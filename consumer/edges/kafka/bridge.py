"""From the consumer's thread to the event loop: news and questions, and who hears them there."""

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from typing import Final, Protocol, TypeVar

from consumer.core.partitions.offsets import Assigned, Positions
from consumer.core.records import Partition

T = TypeVar("T")

#: Seconds of one slice of a wait inside a callback.
SLICE_SECONDS: Final = 0.1


class Listener(Protocol):
    """Hears of the group's decisions. All calls come on the event loop, in the order they happened."""

    def assigned(self, given: Sequence[Assigned]) -> None:
        """Partitions are ours, from these offsets on. May be empty: then only the group was joined."""

    async def release(self, partitions: Collection[Partition], seconds: float) -> Positions:
        """Give up partitions: wait at most ``seconds`` for calls on the wire, say what to commit."""

    def confirmed(self, positions: Positions) -> None:
        """Let these positions be known as committed."""

    def forget(self, partitions: Collection[Partition], *, lost: bool) -> None:
        """Take leave of partitions; lost ones had no chance to commit."""

    def out_of_range(self, partition: Partition) -> None:
        """Note that the partition's committed offset no longer exists."""

    def trouble(self, event: str, detail: str) -> None:
        """Note something that an operator should know; names and codes only."""


class Bridge:
    """Carries what the consumer's thread has to say to ``listener`` on ``loop``; nothing here raises."""

    def __init__(self, loop: asyncio.AbstractEventLoop, listener: Listener) -> None:
        self.listener: Final = listener
        self._loop: Final = loop

    def tell(self, action: Callable[[], None]) -> None:
        """Have ``action`` done on the loop, after all that was told before."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(action)

    def report(self, event: str, detail: str) -> None:
        """Tell the listener of trouble."""
        self.tell(lambda: self.listener.trouble(event, detail))

    def answer(self, future: "asyncio.Future[T]", value: T) -> None:
        """Give ``future`` its result, unless somebody has lost patience with it."""
        self.tell(lambda: None if future.done() else future.set_result(value))

    def ask(
        self, question: Coroutine[None, None, T], seconds: float, meanwhile: Callable[[], None]
    ) -> T | None:
        """Wait for an answer of the loop, None where ``seconds`` pass; ``meanwhile`` is called in slices."""
        answer: Future[T] = asyncio.run_coroutine_threadsafe(question, self._loop)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            meanwhile()
            try:
                return answer.result(SLICE_SECONDS)
            except NotYet:
                continue
        answer.cancel()
        return None
