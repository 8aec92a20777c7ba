"""What an expression can see beside the record that its paths begin at."""

from typing import Final

from msgspec import Struct

from consumer.core.meaning.mapping.events import MappedEvent
from consumer.core.meaning.mapping.trace import Step


class Scope(Struct, gc=False):
    """One event on its way through a mapping. ``notes`` are taken only where somebody wants to see them.

    ``name`` is the full name of the record that routes see, None where it has none, and ``envelope`` what
    that record was taken out of. ``currency`` is that of the payment's amount, once it is known: prices
    without one take it.
    """

    event: MappedEvent
    name: str | None
    notes: list[Step] | None = None
    envelope: object = None
    currency: str | None = None


#: For constants, which ask nothing of the event that they are read in.
NOWHERE: Final = Scope(MappedEvent(None, "", None, (), "", 0, 0, None), "")
