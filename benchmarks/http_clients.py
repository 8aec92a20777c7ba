"""Requests a second of three ways to send a small JSON POST, over loopback.

``python -m benchmarks.http_clients [--seconds 5] [--in-flight 32]`` starts an aiohttp server in a process
of its own and sends for the given time with each client in turn, each in a fresh process. The server
answers 201 at once, so the figure is what the client costs, not what an API takes.
"""

import argparse
import asyncio
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import httpx
from aiohttp import web

from benchmarks.machine import describe
from consumer.edges.linkrunner.transport import AiohttpTransport

Send: TypeAlias = Callable[[], Awaitable[int]]

BODY: Final = b'{"user_id":"user-1","payment_id":"payment-1","amount":249.90,"type":"DEFAULT"}'
HEADERS: Final = {"content-type": "application/json"}
TIMEOUT_SECONDS: Final = 10.0


async def serve(port: int) -> None:
    """Answer 201 to every POST until the process is ended."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"msg": "ok"}, status=201)

    app = web.Application()
    app.router.add_post("/capture-payment", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


async def flood(send: Send, seconds: float, in_flight: int) -> int:
    """Send for ``seconds`` with ``in_flight`` senders; return how many answers came."""
    deadline = time.monotonic() + seconds
    answers = 0

    async def sender() -> None:
        nonlocal answers
        while time.monotonic() < deadline:
            assert await send() == 201
            answers += 1

    await asyncio.gather(*(sender() for _ in range(in_flight)))
    return answers


async def with_httpx_client(url: str, seconds: float, in_flight: int) -> int:
    """Send with ``httpx.AsyncClient``."""
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, limits=limits, trust_env=False) as client:

        async def send() -> int:
            return (await client.post(url, content=BODY, headers=HEADERS)).status_code

        return await flood(send, seconds, in_flight)


async def with_httpx_transport(url: str, seconds: float, in_flight: int) -> int:
    """Send with httpx's own transport, without the client around it."""
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    timeout = dict.fromkeys(("connect", "read", "write", "pool"), TIMEOUT_SECONDS)
    async with httpx.AsyncHTTPTransport(limits=limits, trust_env=False) as transport:

        async def send() -> int:
            request = httpx.Request(
                "POST", url, content=BODY, headers=HEADERS, extensions={"timeout": timeout}
            )
            response = await transport.handle_async_request(request)
            await response.aread()
            await response.aclose()
            return response.status_code

        return await flood(send, seconds, in_flight)


async def with_aiohttp(url: str, seconds: float, in_flight: int) -> int:
    """Send with the service's own transport: aiohttp's connections under httpx's types."""
    timeout = {"connect": TIMEOUT_SECONDS, "read": TIMEOUT_SECONDS}
    async with AiohttpTransport(in_flight) as transport:

        async def send() -> int:
            request = httpx.Request(
                "POST", url, content=BODY, headers=HEADERS, extensions={"timeout": timeout}
            )
            response = await transport.handle_async_request(request)
            await response.aread()
            await response.aclose()
            return response.status_code

        return await flood(send, seconds, in_flight)


CLIENTS: Final = {
    "httpx.AsyncClient": with_httpx_client,
    "httpx.AsyncHTTPTransport, called directly": with_httpx_transport,
    "aiohttp under httpx.Request and httpx.Response (ours)": with_aiohttp,
}


def measure(name: str, url: str, seconds: float, in_flight: int) -> None:
    """Run one client here and print its row of the table."""
    started = time.monotonic()
    answers = asyncio.run(CLIENTS[name](url, seconds, in_flight))
    rate = answers / (time.monotonic() - started)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"| {name} | {rate:.0f} | {peak_mib:.0f} |\n")


def free_port() -> int:
    """Return a port of loopback that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def wait_until_open(port: int, server: subprocess.Popen[bytes]) -> None:
    """Wait for the server to accept, at most ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("the server did not start")


def main() -> None:
    """Measure every client; ``--serve`` and ``--client`` are the processes that this one starts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--client", choices=tuple(CLIENTS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.port))
        return
    if options.client:
        url = f"http://127.0.0.1:{options.port}/capture-payment"
        measure(options.client, url, options.seconds, options.in_flight)
        return
    port = str(free_port())
    this = [sys.executable, "-m", "benchmarks.http_clients", "--port", port]
    print(f"{describe()}; {options.in_flight} in flight, {options.seconds:g} s each\n")
    print("| client | requests/s | peak RSS, MiB |\n|---|---|---|", flush=True)
    with subprocess.Popen([*this, "--serve"]) as server:
        try:
            wait_until_open(int(port), server)
            for name in CLIENTS:
                numbers = ["--seconds", str(options.seconds), "--in-flight", str(options.in_flight)]
                subprocess.run([*this, "--client", name, *numbers], check=True)
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
