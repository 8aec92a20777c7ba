"""What an expression can see beside the record that its paths begin at."""

from typing import Final

from consumer.core.meaning.mapping.events import MappedEvent
from consumer.core.meaning.mapping.trace import Step


class Scope:
    """One event on its way through a mapping. ``notes`` are taken only where somebody wants to see them."""

    __slots__ = ("currency", "envelope", "event", "name", "notes")

    def __init__(self, event: MappedEvent, notes: list[Step] | None = None) -> None:
        self.event: Final = event
        #: The full name of the record that routes see, None where it has none.
        self.name: str | None = event.name
        #: What the record was taken out of.
        self.envelope: object = None
        #: That of the payment's amount, once it is known: prices without one take it.
        self.currency: str | None = None
        self.notes: Final = notes


#: For constants, which ask nothing of the event that they are read in.
NOWHERE: Final = Scope(MappedEvent(None, "", None, (), "", 0, 0, None))
