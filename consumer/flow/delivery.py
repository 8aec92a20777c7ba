"""One record's story, from its bytes to a settled outcome, one step at a time.

A step ends in one of four ways: the record is *settled*; it has to *wait* (a try failed, or something it
needs is not there); it waits *aside* (a remove in its grace, which its lane does not wait for); or it was
*stopped* before it could start. What a story has learned (the call, the letter, its tries) stays with it,
so that every try sends the same bytes.
"""

import random
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, Protocol, TypeAlias, TypedDict, assert_never

from consumer.core import letters
from consumer.core.api import calls, verdicts
from consumer.core.api.budget import FIRST_TRIES
from consumer.core.api.calls import (
    CapturePayment,
    Circumstances,
    NeedsRates,
    Planned,
    PlanRules,
    RemovePayment,
)
from consumer.core.api.gates import Gate, Pass
from consumer.core.api.outliers import Standing
from consumer.core.api.refusals import Refusals
from consumer.core.api.removals import Ended, Place, Removals
from consumer.core.api.verdicts import (
    Again,
    Answer,
    Delivered,
    Fault,
    Hold,
    HoldCause,
    NothingToRemove,
    Refused,
    Verdict,
)
from consumer.core.errors import TooLarge, Unavailable, Unreadable, Unwritable
from consumer.core.letters import Copy, Letter, Sender, Stage
from consumer.core.meaning.ecommerce import Rule
from consumer.core.meaning.intents import Action, Capture, DeadLetterReason, Intent, Reject, Skip
from consumer.core.meaning.rates import RateTable
from consumer.core.operations import waits
from consumer.core.operations.logbook import Event, Log
from consumer.core.outcomes import Outcome, Settled
from consumer.core.records import Record
from consumer.edges.metrics import Metrics
from consumer.flow.giving_up import GivingUp

#: Seconds that a record waits where another one is already finding out whether dead letters work again.
_LETTER_WAIT: Final = 1.0

#: Seconds until a record is tried again that the dead-letter topic does not take for a reason of its own.
_UNWRITABLE_WAIT: Final = 30.0

#: Seconds that a record waits where enough letters are being written.
_LETTER_TURN: Final = 0.1


class Reader(Protocol):
    """Finds out what a record means."""

    async def read(self, record: Record) -> Intent:
        """Return its intent. Raises Unreadable or Unavailable."""


class Api(Protocol):
    """Sends calls."""

    async def send(self, path: str, body: bytes) -> Answer | None:
        """Send once; never raises for what the other side does. None: it might not be sent any more."""


class Sendable(Protocol):
    """A call that is ready to be sent."""

    @property
    def action(self) -> Action:
        """What it does; what an answer means depends on it."""

    @property
    def path(self) -> str:
        """Its path under the API's base URL."""

    @property
    def body(self) -> bytes:
        """Its body, the same at every try."""


@dataclass(slots=True)
class Story:
    """What is known of a record on its way. ``on_wire`` while something was sent and not answered.

    ``written`` is when, in seconds of the steady clock. ``lacking`` are the rates that had none for it: it
    waits for others. ``unknown``: after one of its tries the API may have done it. ``probe`` while it finds
    out whether its stopped topic may go on; ``allowed_at``: its letter may be written, as long as its topic
    was not stopped more often than that. ``failed_at`` is how long calls had succeeded when its own first
    failed. ``standing`` is what is known of it by answers that stop all calls. ``waits_for`` says in a word
    what it last waited for.
    """

    record: Record
    written: float = 0.0
    planned: Sendable | None = None
    letter: Letter | None = None
    tries: int = 0
    failures: int = 0
    setbacks: int = 0
    lacking: RateTable | None = None
    unknown: bool = False
    on_wire: bool = False
    probe: bool = False
    allowed_at: int | None = None
    failed_at: float | None = None
    standing: Standing | None = None
    waits_for: str = ""

    @property
    def late(self) -> bool:
        """Whether its call has failed so often that the next try is a late one."""
        return self.failures >= FIRST_TRIES

    @property
    def understood(self) -> bool:
        """Whether it is known what it does, so that a payment in it is known too."""
        return self.planned is not None or self.lacking is not None

    @property
    def removes(self) -> bool:
        """Whether its call removes something."""
        return self.planned is not None and self.planned.action is Action.REMOVE


@dataclass(frozen=True, slots=True)
class Wait:
    """Try again after ``seconds``; ``cause`` is the hold that is to blame, if one is.

    Where none is, ``why`` says in a word what it waits for (``core.operations.waits``). ``backoff``: the call
    failed, and it waits for nothing else.
    """

    seconds: float
    cause: HoldCause | None = None
    why: str = ""
    backoff: bool = False

    @property
    def reason(self) -> str:
        """What it waits for, in a word."""
        return self.why if self.cause is None else self.cause.value


@dataclass(frozen=True, slots=True)
class Aside:
    """Try again after ``seconds``, and let the lane go on meanwhile: a remove in its grace."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """Nothing was sent: calls are stopped, or the partition is being given up."""


Step: TypeAlias = Settled | Wait | Aside | Stopped
Permit: TypeAlias = Callable[[], Awaitable[bool]]


class Traffic(Protocol):
    """Hears what the API says, for everything that concerns more than one record."""

    @property
    def removals(self) -> Removals:
        """The removes in their grace."""

    def silence(self) -> float:
        """Return for how many seconds more the host asked for silence, 0 where it did not."""

    def stands(self, standing: Standing | None, began: float) -> Standing | None:
        """Return how a record stands whose call had an answer that stops all calls."""

    def heard(self, verdict: Verdict, began: float, *, late: bool) -> bool:
        """Take note of the verdict on a call; return whether calls are stopped now because of it.

        ``late``: its record had failed often before.
        """


@dataclass(frozen=True, slots=True)
class CallRules:
    """What the operator decided about every call, and who signs the dead letters."""

    retry_after_cap: float
    sender: Sender


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator decided about payments.

    ``rates`` gives the exchange rates of the moment, None where nothing is converted. ``nothing_to_remove``
    is what becomes of a remove that found nothing until its grace was over.
    """

    plan: PlanRules
    retry_after_cap: float
    sender: Sender
    rates: Callable[[], RateTable | None] = lambda: None
    nothing_to_remove: Literal["settle", "dead_letter"] = "settle"

    @property
    def calls(self) -> CallRules:
        """The part of it that concerns every call."""
        return CallRules(self.retry_after_cap, self.sender)


class Storyteller(ABC):
    """Tells records' stories. Owns no queue and no task: the pipeline says when a step is due.

    What a record means is left to those who tell of payments, and to those who tell of something else.
    """

    def __init__(
        self,
        *,
        api: Api,
        traffic: Traffic,
        giving_up: GivingUp,
        rules: CallRules,
        metrics: Metrics,
        log: Log,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what a story needs; ``clock`` is the steady clock that ``traffic`` measures by."""
        self._api: Final = api
        self._traffic: Final = traffic
        self._giving_up: Final = giving_up
        self._call_rules: Final = rules
        self._metrics: Final = metrics
        self._log: Final = log
        self._clock: Final = clock
        #: By source topic: a missing dead-letter topic holds the letters for it and no others.
        self._box_gates: Final[defaultdict[str, Gate]] = defaultdict(Gate)

    @property
    def refusals(self) -> Refusals:
        """What it says of topics with too many dead letters."""
        return self._giving_up.refusals

    async def advance(self, story: Story, permit: Permit) -> Step:
        """Tell the next part of a story.

        ``permit`` is asked right before a call is sent; it waits for the call's turn, and False means that
        nothing may be sent.
        """
        if story.probe:
            # A letter that waits says what was; a probe finds out what is.
            story.letter = story.allowed_at = None
        if story.planned is None and story.letter is None:
            ended = await self._understand(story)
            if ended is not None:
                return ended
        if story.letter is not None:
            return await self._give_up(story, story.letter)
        if (silence := self._traffic.silence()) > 0:
            return Wait(silence, why=waits.SILENCE)
        assert story.planned is not None  # noqa: S101  (_understand leaves a call, a letter or an end)
        if (aside := self._held_back(story)) is not None:
            return aside
        return await self._send(story, story.planned, permit)

    def _outcome_unknown(self, story: Story) -> None:
        """Note that the API may have done the call, or may still do it."""
        story.unknown = True

    @abstractmethod
    async def _understand(self, story: Story) -> Step | None:
        """Give the story its call or its letter, or return how it ends without either."""

    def _held_back(self, _: Story) -> Aside | None:
        """Return for how long a call has to wait for others; None: not at all."""
        return None

    async def _nothing_to_remove(self, _: Story, action: Action, status: int | None) -> Step:
        """Return what becomes of a removal that found nothing."""
        return Settled(action, Outcome.NOTHING_TO_REMOVE, status=status)

    async def _try(self, story: Story, planned: Sendable, permit: Permit) -> tuple[Answer, float] | None:
        """Send once; return the answer and when the call began, None where nothing was sent."""
        if not await permit():
            return None
        story.tries += 1
        began = self._clock()
        story.on_wire = True
        try:
            answer = await self._api.send(planned.path, planned.body)
        finally:
            story.on_wire = False
        if answer is None:
            story.tries -= 1
            return None
        self._metrics.call_ended(planned.action, _status(answer), self._clock() - began)
        return answer, began

    async def _send(self, story: Story, planned: Sendable, permit: Permit) -> Step:
        tried = await self._try(story, planned, permit)
        if tried is None:
            return Stopped()
        action = planned.action
        answer, began = tried
        verdict = self._judge(story, action, answer, began)
        stopped = self._traffic.heard(verdict, began, late=story.late)
        self._giving_up.heard(
            story.record, verdict, first=story.tries == 1, probe=story.probe, stopped=stopped
        )
        match verdict:
            case Delivered():
                return Settled(action, Outcome.DELIVERED, status=_code(answer))
            case NothingToRemove():
                return await self._nothing_to_remove(story, action, _code(answer))
            case Refused(status):
                detail = f"the API refused the {action.value} for good with status {status}"
                story.letter = Letter(DeadLetterReason.REFUSED, detail, Stage.CALL, action, status)
                return await self._give_up(story, story.letter)
            case Again():
                if verdict.unknown:
                    self._outcome_unknown(story)
                return Stopped() if stopped else await self._failed(story, action, verdict)
            case Hold():
                return Stopped()
            case _:
                assert_never(verdict)

    def _judge(self, story: Story, action: Action, answer: Answer, began: float) -> Verdict:
        """Return the verdict; that on a record which is alone in what would stop all calls is its own."""
        verdict = verdicts.judge(
            action, answer, now=datetime.now(UTC), retry_after_cap=self._call_rules.retry_after_cap
        )
        match verdict:
            case Hold():
                story.standing = self._traffic.stands(story.standing, began)
                if story.standing is Standing.ALONE:
                    return Again(_status(answer), retry_after=verdict.retry_after)
                return verdict
            case Delivered() | NothingToRemove() | Refused():
                story.standing = None
            case Again():
                pass
            case _:
                assert_never(verdict)
        return verdict

    async def _failed(self, story: Story, action: Action, verdict: Again) -> Step:
        if story.failed_at is None:
            story.failed_at = self._giving_up.healthy()
        if not self._giving_up.out_of_patience(story.failed_at, verdict):
            return self._wait_for_api(story, verdict)
        detail = f"the {action.value} failed for too long while others succeeded, at last: {verdict.reason}"
        story.letter = Letter(DeadLetterReason.GAVE_UP, detail, Stage.CALL, action)
        return await self._give_up(story, story.letter)

    async def _give_up(self, story: Story, letter: Letter) -> Step:
        record = story.record
        if not self._giving_up.allows(record, letter, probe=story.probe, allowed_at=story.allowed_at):
            # What it would become is found out anew: its cause may be gone by then.
            story.letter = story.allowed_at = None
            return Stopped()
        story.allowed_at = self._giving_up.times_stopped(record)
        if self._giving_up.busy:
            return Wait(_LETTER_TURN, why=waits.LETTER)
        gate = self._box_gates[record.partition.topic]
        began = self._clock()
        passing = gate.ask(began)
        if passing is Pass.SHUT:
            return Wait(_LETTER_WAIT, HoldCause.DEAD_LETTERS)
        story.on_wire = True
        try:
            copy = await self._write(story, letter)
        except Unavailable as error:
            self._metrics.dead_letter_failed()
            self._log(Event.DEAD_LETTER_FAILED, **where(record), error=str(error))
            if isinstance(error, Unwritable):
                return Wait(_UNWRITABLE_WAIT, HoldCause.DEAD_LETTERS)
            if gate.trusts(began):
                gate.shut_for(HoldCause.DEAD_LETTERS, self._clock())
            return Wait(_LETTER_WAIT, HoldCause.DEAD_LETTERS)
        finally:
            story.on_wire = False
            if passing is Pass.PROBE:
                gate.probe_ended(self._clock(), tried=True)
        if gate.trusts(began):
            gate.open(self._clock())
        self._tell_letter(story, letter, copy)
        return Settled(letter.action, Outcome.DEAD_LETTERED, letter.reason.value, letter.status)

    async def _write(self, story: Story, letter: Letter) -> Copy:
        """Write the record, or what points to it where it is too large; return what was written."""
        told = letters.headers(
            story.record, letter, self._call_rules.sender, attempts=story.tries, failed_at=datetime.now(UTC)
        )
        copies = letters.copies(story.record, told)
        copy = next(copies)
        while True:
            try:
                await self._giving_up.put(copy.record, copy.headers)
            except TooLarge:
                smaller = next(copies, None)
                if smaller is None:
                    raise
                copy = smaller
            else:
                return copy

    def _tell_letter(self, story: Story, letter: Letter, copy: Copy) -> None:
        if copy.left_out:
            self._log(
                Event.DEAD_LETTER_SHORTENED,
                **where(story.record),
                detail=f"left out: {copy.left_out}",
                cure="read the record where it came from, while Kafka keeps it",
            )
        self._log(
            Event.RECORD_DEAD_LETTERED,
            **where(story.record),
            reason=letter.reason.value,
            detail=letter.detail,
            status="none" if letter.status is None else letter.status,
            attempts=story.tries,
        )

    def _wait_for_api(self, story: Story, verdict: Again) -> Wait:
        self._metrics.retried(verdict.reason)
        # Not the tries: calls that only found out that a hold goes on are no failures of this record.
        story.failures += 1
        seconds = max(_backoff(story.failures), verdict.retry_after or 0.0)
        self._log(
            Event.CALL_RETRIED,
            **where(story.record),
            reason=verdict.reason,
            attempts=story.tries,
            seconds=round(seconds, 3),
        )
        return Wait(seconds, why=verdict.reason, backoff=True)

    def _wait_for_registry(self, story: Story, why: str) -> Wait:
        story.setbacks += 1
        self._log(Event.REGISTRY_UNAVAILABLE, **where(story.record), error=why)
        return Wait(min(_backoff(story.setbacks), _REGISTRY_WAIT), HoldCause.REGISTRY)


class Delivery(Storyteller):
    """Tells the stories of payments."""

    def __init__(
        self,
        *,
        reader: Reader,
        api: Api,
        traffic: Traffic,
        giving_up: GivingUp,
        rules: Rules,
        metrics: Metrics,
        log: Log,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what a story needs; ``clock`` is the steady clock that ``traffic`` measures by."""
        super().__init__(
            api=api,
            traffic=traffic,
            giving_up=giving_up,
            rules=rules.calls,
            metrics=metrics,
            log=log,
            clock=clock,
        )
        self._reader: Final = reader
        self._rules: Final = rules
        self._removals: Final = traffic.removals

    async def _understand(self, story: Story) -> Step | None:
        rates = self._rules.rates()
        if story.lacking is not None and story.lacking is rates:
            # The same rates give the same answer; this costs no decoding.
            return Wait(_RATES_WAIT, HoldCause.RATES)
        try:
            intent = await self._reader.read(story.record)
        except Unreadable as error:
            story.letter = Letter(error.reason, error.detail, Stage.DECODE)
            return None
        except Unavailable as error:
            return self._wait_for_registry(story, str(error))
        at = Circumstances(datetime.now(UTC), recorded_at(story.record), rates)
        plan = calls.plan(intent, self._rules.plan, at)
        match plan:
            case Skip():
                return Settled(plan.action, Outcome.SKIPPED, str(plan.reason))
            case Reject():
                self._note_broken(story.record, plan.rules)
                story.letter = Letter(plan.reason, plan.detail, Stage.MEANING, plan.action)
            case Planned():
                self._note_broken(story.record, [rule.value for rule in plan.broken])
                if plan.dropped_attributes:
                    self._metrics.attributes_dropped(plan.dropped_attributes)
                story.planned = plan
                if isinstance(plan.call, CapturePayment):
                    self._removals.capture(Place.of(story.record), plan.call.payment_id)
            case NeedsRates(detail):
                story.lacking = rates
                return self._wait_for_rates(story, intent, detail)
            case _:
                assert_never(plan)
        return None

    def _wait_for_rates(self, story: Story, intent: Intent, why: str) -> Wait:
        if isinstance(intent, Capture):
            # Which payment it is does not depend on them.
            self._removals.capture(Place.of(story.record), intent.payment_id)
        self._log(Event.RATE_MISSING, **where(story.record), error=why)
        return Wait(_RATES_WAIT, HoldCause.RATES)

    def _held_back(self, story: Story) -> Aside | None:
        payment_id = removed(story)
        if payment_id is None:
            return None
        seconds = self._removals.held_back(Place.of(story.record), payment_id, story.written)
        return None if seconds is None else Aside(seconds)

    def _outcome_unknown(self, story: Story) -> None:
        super()._outcome_unknown(story)
        if (payment_id := removed(story)) is not None:
            self._removals.unknown(Place.of(story.record), payment_id, self._clock())

    async def _nothing_to_remove(self, story: Story, action: Action, status: int | None) -> Step:
        payment_id = removed(story)
        assert payment_id is not None  # noqa: S101  (nothing else has this verdict)
        found = self._removals.found_nothing(
            Place.of(story.record), payment_id, story.written, echo=story.unknown
        )
        if not isinstance(found, Ended):
            self._log(
                Event.REMOVE_WAITS, **where(story.record), attempts=story.tries, seconds=round(found, 3)
            )
            return Aside(found)
        if found is Ended.ECHO or self._rules.nothing_to_remove == "settle":
            return await super()._nothing_to_remove(story, action, status)
        story.letter = Letter(DeadLetterReason.NOTHING_TO_REMOVE, _NOT_FOUND, Stage.CALL, action, status)
        return await self._give_up(story, story.letter)

    def _note_broken(self, record: Record, rules: Sequence[str]) -> None:
        for rule in rules:
            self._metrics.rule_broken(Rule[rule])
            self._log(Event.EVENT_DATA_INVALID, **where(record), rule=rule)


#: Why a remove becomes a dead letter that found nothing.
_NOT_FOUND: Final = "the API had no payment to remove, also when the grace was over"


#: Seconds: a record is back at full flow within 5 s of the registry's return.
_REGISTRY_WAIT: Final = 3.0


#: Seconds: with the second until a new file is seen, full flow is back within 5 s.
_RATES_WAIT: Final = 2.0


def removed(story: Story) -> str | None:
    """Return the id of the payment that a story's call removes, None where it removes none."""
    call = story.planned.call if isinstance(story.planned, Planned) else None
    return call.payment_id if isinstance(call, RemovePayment) else None


class Where(TypedDict):
    """How a record is named in the log."""

    topic: str
    partition: int
    offset: int


def where(record: Record) -> Where:
    """Return the log fields that name a record."""
    return {
        "topic": record.partition.topic,
        "partition": record.partition.number,
        "offset": record.offset,
    }


def recorded_at(record: Record) -> datetime | None:
    """Return the time that Kafka has of a record; None where it has none, or none that there is."""
    if record.timestamp_ms is None:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=record.timestamp_ms)
    except OverflowError:  # a producer may write any 64 bits
        return None


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _backoff(tries: int) -> float:
    return verdicts.backoff(tries, random.random())  # noqa: S311  (spreads retries; no secret depends on it)


def _status(answer: Answer) -> str:
    return answer.kind.value if isinstance(answer, Fault) else str(answer.status)


def _code(answer: Answer) -> int | None:
    return None if isinstance(answer, Fault) else answer.status
