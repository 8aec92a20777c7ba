"""Virtual time passes as real time would, only at once; and a hang is told instead of hung in."""

import asyncio
import time

import pytest

from tests.simulation.loop import Deadlock, VirtualLoop


def test_timers_fire_in_order_and_at_once() -> None:
    """An hour of sleeps and timeouts ends at the right virtual time, in the right order, in no real time."""
    heard = []

    async def nap(seconds: float) -> None:
        await asyncio.sleep(seconds)
        heard.append((seconds, asyncio.get_running_loop().time()))

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.gather(nap(20), nap(3), nap(7200))

    began = time.monotonic()
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())
    assert [seconds for seconds, _ in heard] == [3, 20]
    assert [when for _, when in heard] == pytest.approx([3, 20])
    assert time.monotonic() - began < 60


def test_waiting_for_nothing_is_told() -> None:
    """Where a process would hang for ever, the run fails."""

    async def main() -> None:
        await asyncio.Event().wait()

    loop = VirtualLoop()
    task = loop.create_task(main())
    with pytest.raises(Deadlock):
        loop.run_until_complete(task)
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
