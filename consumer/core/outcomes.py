"""How things ended: the closed sets that settled records, commits and rebalances are counted by."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from consumer.core.meaning.intents import Action

#: ``reason`` of a record whose outcome needs none: it was delivered, or there was nothing to remove.
NO_REASON: Final = "none"


class Outcome(StrEnum):
    """How a record was settled. There is no fifth way: what is in none of these is not settled."""

    DELIVERED = "delivered"
    NOTHING_TO_REMOVE = "nothing_to_remove"
    SKIPPED = "skipped"
    DEAD_LETTERED = "dead_lettered"


@dataclass(frozen=True, slots=True)
class Settled:
    """The end of one record's story: its offset may move.

    ``reason`` is a :class:`~consumer.core.intents.SkipReason` of a skipped record or the name of the
    mapping's route that skipped it, a :class:`~consumer.core.intents.DeadLetterReason` of a dead-lettered
    one, else ``none``. ``status`` is the HTTP status of the answer that settled it, None where no answer
    did.
    """

    action: Action
    outcome: Outcome
    reason: str = NO_REASON
    status: int | None = None


class CommitResult(StrEnum):
    """How one offset commit ended. Only ``ok`` moves what is known to be committed."""

    OK = "ok"
    REFUSED = "refused"
    TIMEOUT = "timeout"


class RebalanceEvent(StrEnum):
    """What the group told this process about its partitions."""

    ASSIGNED = "assigned"
    REVOKED = "revoked"
    LOST = "lost"
