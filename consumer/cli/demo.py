"""``demo``: everything on one machine, with an account of every payment at the end."""

import asyncio
import signal
from typing import Annotated, Final

import typer
from rich.console import Console

from consumer.lab import demo as lab
from consumer.lab.display import Display
from consumer.lab.stage import Plan

_TERMINATED: Final = 128 + signal.SIGTERM
#: With fewer there are not enough calls for every fault to be met.
_FAULTY_EVENTS: Final = 500


def demo(
    events: Annotated[int, typer.Option(min=1, max=500_000, help="How many records to publish.")] = 5_000,
    seed: Annotated[
        int, typer.Option(min=0, help="Which story to tell: the same seed, the same events.")
    ] = 0,
    faults: Annotated[
        bool, typer.Option("--faults", help="Let the API fail in every way it can, 500 events or more.")
    ] = False,
) -> None:
    """Run embedded Kafka, an API simulator and the real service here, and reconcile every payment.

    Needs nothing but Python. Exit code 0 only if the API's ledger is what the events say, to the cent.
    """
    if faults and events < _FAULTY_EVENTS:
        raise typer.BadParameter(f"with --faults, at least {_FAULTY_EVENTS}", param_hint="--events")
    try:
        agrees = asyncio.run(_until_terminated(Plan(events, seed, faults), Display(Console())))
    except asyncio.CancelledError:
        raise typer.Exit(_TERMINATED) from None
    if not agrees:
        raise typer.Exit(1)


async def _until_terminated(plan: Plan, display: Display) -> bool:
    """Run the demo; SIGTERM ends it as Ctrl-C does, with everything that was started."""
    task = asyncio.ensure_future(lab.run(plan, display))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task
