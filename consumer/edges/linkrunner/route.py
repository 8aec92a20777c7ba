"""The way to the API, step by step: its name, a connection, its certificate. Nothing is sent."""

import asyncio
import os
import socket
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import httpx

from consumer.core.operations.checks import Failure, Trouble
from consumer.core.operations.http_checks import Route

#: Seconds for each step.
STEP_SECONDS: Final = 5.0

_DAY_SECONDS: Final = 86_400


async def route_to(base_url: str, now: datetime) -> Route | Failure:
    """Resolve the host of ``base_url``, connect to it, and look at its certificate, as of ``now`` (aware)."""
    url = httpx.URL(base_url)
    port = url.port or (443 if url.scheme == "https" else 80)
    found = await _resolved(url.host, port)
    if isinstance(found, Failure):
        return found
    context = ssl.create_default_context() if url.scheme == "https" else None
    try:
        async with asyncio.timeout(STEP_SECONDS):
            _, writer = await asyncio.open_connection(url.host, port, ssl=context)
    except TimeoutError:
        return Failure(Trouble.TIMEOUT, f"port {port}")
    except ssl.SSLCertVerificationError as error:
        return Failure(Trouble.TLS, error.verify_message)
    except ssl.SSLError as error:
        return Failure(Trouble.TLS, (error.reason or "no TLS").replace("_", " ").lower())
    except OSError as error:
        return Failure(Trouble.UNREACHABLE, f"port {port}: {_words(error)}")
    certificate = writer.get_extra_info("peercert")
    writer.close()
    # The other side may end the connection first; what was to be seen is seen.
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(STEP_SECONDS):
            await writer.wait_closed()
    return Route(found, _days_left(certificate, now) if certificate else None)


async def _resolved(host: str, port: int) -> int | Failure:
    """Return how many addresses ``host`` has."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(STEP_SECONDS):
            return len(await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except TimeoutError:
        return Failure(Trouble.UNRESOLVED, "no answer of the name server in time")
    except OSError as error:
        return Failure(Trouble.UNRESOLVED, error.strerror or type(error).__name__)


def _words(error: OSError) -> str:
    """Return what the system says; several addresses that all fail have no one number."""
    return os.strerror(error.errno).lower() if error.errno else "none of its addresses answers"


def _days_left(certificate: dict[str, str], now: datetime) -> float:
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
    return (end - now).total_seconds() / _DAY_SECONDS
