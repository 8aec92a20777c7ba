"""Erasures of users: the story of a record from the erasure topic, apart from those of payments.

Chosen by topic alone, and only where ``erasure.enabled`` is set. What is the same for every record (tries,
holds, dead letters, order, offsets) is shared; how a record is read and what is sent is not.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, assert_never

from consumer.core.api import erasure
from consumer.core.api.erasure import PlannedErasure
from consumer.core.api.refusals import Refusals
from consumer.core.errors import Unavailable, Unreadable
from consumer.core.letters import Letter, Stage
from consumer.core.meaning.intents import Action, Reject, Skip
from consumer.core.operations.logbook import Event, Log
from consumer.core.outcomes import Outcome, Settled
from consumer.edges.metrics import Metrics
from consumer.flow.delivery import (
    Api,
    CallRules,
    Permit,
    Step,
    Story,
    Storyteller,
    Traffic,
    where,
)
from consumer.flow.giving_up import GivingUp
from consumer.flow.reading import Decoder


class ErasureDelivery(Storyteller):
    """Tells the stories of requests to erase a user.

    Its records are settled with the action ``none``, so that they are in no sum of payments or removals.
    """

    def __init__(
        self,
        *,
        decoder: Decoder[Mapping[str, object]],
        api: Api,
        traffic: Traffic,
        giving_up: GivingUp,
        rules: CallRules,
        metrics: Metrics,
        log: Log,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what a story needs; ``decoder`` reads ``UserErasure`` and nothing else."""
        super().__init__(
            api=api,
            traffic=traffic,
            giving_up=giving_up,
            rules=rules,
            metrics=metrics,
            log=log,
            clock=clock,
        )
        self._decoder: Final = decoder

    async def advance(self, story: Story, permit: Permit) -> Step:
        """Tell the next part of a story; its end is counted, and logged where the API has answered."""
        step = await super().advance(story, permit)
        if not isinstance(step, Settled):
            return step
        self._metrics.erased(step.outcome)
        if step.outcome in (Outcome.DELIVERED, Outcome.NOTHING_TO_REMOVE):
            self._log(Event.USER_ERASED, **where(story.record), outcome=step.outcome.value)
        return replace(step, action=Action.NONE)

    async def _understand(self, story: Story) -> Step | None:
        try:
            plan = erasure.plan(await self._decoder.decode(story.record))
        except Unreadable as error:
            story.letter = Letter(error.reason, error.detail, Stage.DECODE)
            return None
        except Unavailable as error:
            return self._wait_for_registry(story, str(error))
        match plan:
            case Skip():
                return Settled(plan.action, Outcome.SKIPPED, str(plan.reason))
            case Reject():
                story.letter = Letter(plan.reason, plan.detail, Stage.MEANING, plan.action)
            case PlannedErasure():
                story.planned = plan
            case _:
                assert_never(plan)
        return None


@dataclass(frozen=True, slots=True)
class ByTopic:
    """Leaves a record's story to whoever tells those of its topic, else to the one for ``payments``."""

    payments: Storyteller
    others: Mapping[str, Storyteller]

    @property
    def refusals(self) -> Refusals:
        """What is said of topics with too many dead letters; all share it."""
        return self.payments.refusals

    async def advance(self, story: Story, permit: Permit) -> Step:
        """Tell the next part of a story."""
        teller = self.others.get(story.record.partition.topic, self.payments)
        return await teller.advance(story, permit)
