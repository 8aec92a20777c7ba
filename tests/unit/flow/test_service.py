"""The service ends where one of its parts does: nothing that should go on for ever ends in silence."""

import asyncio
import threading
from typing import Final

import pytest

from consumer.core.settings.mapped import Configured
from consumer.core.settings.tree import Settings
from consumer.edges.logs import Logs
from consumer.edges.server_key import ServerKey
from consumer.flow.service import Service

GIVEN: Final = Settings.model_validate(
    {
        "kafka": {"bootstrap_servers": "localhost:9", "topics": ["payments"]},
        "currency": {"accept": "any"},
    }
)


class Endless:
    """A part that goes on until it is cancelled, or has a fault."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault: Final = fault
        self.ended: Final = asyncio.Event()

    async def run(self) -> None:
        """Go on, or raise."""
        if self.fault is not None:
            raise self.fault
        await self.ended.wait()

    async def drain(self, _: float) -> bool:
        """End by itself, as the pipeline does."""
        self.ended.set()
        return True


class Source:
    """Kafka, as far as a stop needs it."""

    def interrupt(self) -> None:
        """Do nothing."""


async def work(stop: asyncio.Event, **parts: Endless | None) -> bool:
    """Return whether a service of these parts has drained."""
    with Logs("error", "json") as logs:
        service = Service(
            Configured(GIVEN), ServerKey(GIVEN.linkrunner, {"LINKRUNNER_SERVER_KEY": "k"}), logs
        )
        never = threading.Timer(3600, print)  # is never started: nothing may end the process of the tests
        made = {"_pipeline": Endless(), "_watch": Endless(), "_exchange": Endless(), "_source": Source()}
        vars(service).update(made | parts | {"_watchdog": never})
        return await asyncio.wait_for(service._work(stop), 5)


@pytest.mark.parametrize("part", ["_pipeline", "_watch", "_exchange"])
def test_a_part_that_ends_ends_the_service(part: str) -> None:
    """With what ended it: else rates, say, would never be renewed again and nobody would know."""

    async def run() -> None:
        await work(asyncio.Event(), **{part: Endless(LookupError(part))})

    with pytest.raises(LookupError, match=part):
        asyncio.run(run())


@pytest.mark.parametrize("converting", [True, False])
def test_a_stop_drains(converting: bool) -> None:
    """A service goes on until it is told to stop, whether it has rates to renew or not."""

    async def run() -> bool:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.05, stop.set)
        return await work(stop, _exchange=Endless() if converting else None)

    assert asyncio.run(run())
