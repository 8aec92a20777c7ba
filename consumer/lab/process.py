"""The real service as a process of its own, seen only from outside: its metrics, its log, its exit code."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

_SETTLED: Final = "linkrunner_consumer_records_settled_total"
_STOP_SECONDS: Final = 40.0
_HTTP_SECONDS: Final = 5.0
_ENVIRONMENT_PREFIX: Final = "LINKRUNNER_"


class Service:
    """A running service; ``log`` is the file that has what it wrote."""

    def __init__(self, process: Process, metrics_url: str, log: Path) -> None:
        self._process: Final = process
        self._metrics_url: Final = metrics_url
        self.log: Final = log

    @property
    def exit_code(self) -> int | None:
        """The exit code, or None as long as it runs."""
        return self._process.returncode

    async def settled(self) -> Mapping[tuple[str, str], int]:
        """Return the settled records by (outcome, reason), as its metrics say. Raises httpx.HTTPError."""
        async with httpx.AsyncClient(timeout=_HTTP_SECONDS, trust_env=False) as client:
            response = await client.get(self._metrics_url)
        response.raise_for_status()
        counts: Counter[tuple[str, str]] = Counter()
        for family in text_string_to_metric_families(response.text):
            for sample in family.samples:
                if sample.name == _SETTLED and sample.value:
                    counts[sample.labels["outcome"], sample.labels["reason"]] += int(sample.value)
        return counts

    async def stop(self) -> int:
        """Ask it to end and return its exit code; after 40 s it is killed, which gives -9."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        except TimeoutError:
            self._process.kill()
            return await self._process.wait()


@asynccontextmanager
async def service(config: Path, metrics_url: str, log: Path) -> AsyncIterator[Service]:
    """Run ``linkrunner-consumer run --config CONFIG``; what is left of it is killed at the end of the block.

    It gets a session of its own, so that a Ctrl-C in the terminal reaches us alone and we end it in order.
    Variables that would change its configuration are kept from it.
    """
    environment = {
        name: text for name, text in os.environ.items() if not name.startswith(_ENVIRONMENT_PREFIX)
    }
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "consumer", "run", "--config", str(config)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
    try:
        yield Service(process, metrics_url, log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
