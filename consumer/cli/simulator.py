"""``simulator``: the Linkrunner API as documented, on this machine."""

import asyncio
import signal
from typing import Annotated

import typer

from consumer.core.errors import DependencyError
from consumer.lab import fault_grammar
from consumer.lab.simulator import Simulator, serving


def simulator(
    host: Annotated[str, typer.Option(help="Address to listen on. Keep it on loopback.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8099,
    key: Annotated[str, typer.Option(help="The server key that is accepted.")] = "lab-key",
    rate: Annotated[float | None, typer.Option(min=0.1, help="Calls per second, 429 above it.")] = None,
    faults_spec: Annotated[
        str, typer.Option("--faults", metavar="SPEC", help="What goes wrong, for example '503 share=5%'.")
    ] = "",
    erasures: Annotated[
        bool,
        typer.Option("--erasures", help="Let a removal name a user, and delete all of that user's payments."),
    ] = False,
) -> None:
    """Serve the Linkrunner API as documented, with a ledger and scripted faults, until Ctrl-C."""
    try:
        script = fault_grammar.parse(faults_spec)
    except fault_grammar.FaultScriptError as error:
        raise typer.BadParameter(str(error), param_hint="--faults") from None
    try:
        asyncio.run(_serve(Simulator(key, rate, script, erasures=erasures), host, port))
    except OSError as error:
        raise DependencyError(f"the simulator can't listen on {host}:{port}: {error.strerror}") from None


async def _serve(api: Simulator, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with serving(api, host, port) as origin:
        typer.echo(f"API     {origin}/api/v1\nLedger  {origin}/ledger\nLog     {origin}/ledger/requests")
        await stop.wait()
