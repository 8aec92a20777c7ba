"""The ledger checker: did a run keep the promises? It judges the whole history, not samples of it.

One law, one function. They look at what came out of the service (the API's request log and ledger, the
dead letters, the committed offsets, the texts), and at what had to: never at the service's own word.

==  =======================================================================================
L1  nothing lost: every acknowledged record is answered for good, dead-lettered or a listed skip
L2  nothing invented: every request and every dead letter is what one of the records has to become
L3  counted once: the API holds each (type, payment_id) once and with the exact amount, so sums agree
L4  final state: the API holds what replaying the records in log order leaves behind, and no payment whose
    removal crossed it from another lane
L5  commit safety: below a committed offset everything was settled before the commit was seen
L6  commits never go back, and end at the end of the log
L7  order: within a partition and key no call begins before all earlier records are settled, and none is sent
    by a process whose partitions others have; a removal that found nothing waits for nobody but captures of
    its payment
L8  repeats: settled records are sent or dead-lettered again no more often than the run allows; a removal
    that finds nothing may be tried again
L9  hygiene: no secret, id or amount in logs, metrics, status pages and dead-letter headers
==  =======================================================================================
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact
from enum import StrEnum
from http import HTTPStatus
from itertools import pairwise
from typing import Final

from consumer.core.records import Partition
from tests.support.history import (
    DeadLetter,
    ExpectedCall,
    ExpectedLetter,
    ExpectedSkip,
    History,
    Produced,
    Request,
)

#: What a kill leaves uncommitted besides calls in flight: the commit interval, and what a commit itself may
#: take on a busy machine.
UNCOMMITTED_SECONDS: Final = 1.0 + 0.5

API_BASE: Final = "/api/v1"
CAPTURE: Final = "/capture-payment"
REMOVE: Final = "/remove-payment"
NEVER: Final = float("inf")
#: A number in a text: an amount is found as a whole one, not as a part of a longer one.
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
#: A time of day: its seconds may look like an amount.
_CLOCK: Final = re.compile(r"\d\d:\d\d:\d\d(?:\.\d+)?")
#: What the headers that the service adds to a dead letter begin with.
_OURS: Final = ("linkrunner.", "__connect.")

#: Numbers are compared by all their digits.
_EXACT: Final = Context(prec=100, traps=[Inexact])

_DONE: Final = frozenset({HTTPStatus.OK, HTTPStatus.CREATED})
_REFUSALS: Final = range(400, 500)
#: Answers that settle nothing though they are below 500: our own faults, and "later".
_HOLDING: Final = frozenset({401, 402, 403, 404, 405, 407, 408, 425, 429})
#: Faults of the simulator that answer the truth, only late.
_LATE: Final = frozenset({"delay", "slow-body"})
#: One whose status decides, and is true where the API had done what it was asked.
_ENDLESS: Final = "endless-body"


class Law(StrEnum):
    """The promises, by the numbers above."""

    L1 = "L1 nothing lost"
    L2 = "L2 nothing invented"
    L3 = "L3 counted once"
    L4 = "L4 final state"
    L5 = "L5 commit safety"
    L6 = "L6 commits"
    L7 = "L7 order"
    L8 = "L8 repeats"
    L9 = "L9 hygiene"


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken law; ``what`` names the records and times that show it."""

    law: Law
    what: str

    def __str__(self) -> str:
        """Return both in one line."""
        return f"{self.law}: {self.what}"


@dataclass(slots=True)
class Story:
    """What became of one record: its requests in the order of arrival and its dead letters."""

    produced: Produced
    requests: list[Request] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)

    @property
    def answer(self) -> Request | None:
        """The request that was answered for good before all others; not always the one that came first.

        Where a fault of ours may have had it refused, that is the first success, if there is one.
        """
        final = [request for request in self.requests if is_final(request)]
        if self.produced.faults:
            final = [request for request in final if is_success(request)] or final
        return min(final, key=_answered, default=None)

    @property
    def refused(self) -> bool:
        """Whether the answer for good was a refusal of this record."""
        return self.answer is not None and not is_success(self.answer)

    @property
    def settled(self) -> float:
        """When the record was settled, NEVER if it was not; a skip is settled from the beginning."""
        if isinstance(self.produced.expected, ExpectedSkip):
            return 0.0
        set_aside = min((letter.written for letter in self.letters), default=NEVER)
        if isinstance(self.produced.expected, ExpectedLetter) or self.refused:
            return set_aside
        delivered = NEVER if self.answer is None else _answered(self.answer)
        return min(delivered, set_aside) if self.produced.faults else delivered

    @property
    def where(self) -> str:
        """``topic[partition]@offset``."""
        return self.produced.record.where

    @property
    def payment_id(self) -> str:
        """The payment that its call is about, empty without a call."""
        expected = self.produced.expected
        return str(expected.body["payment_id"]) if isinstance(expected, ExpectedCall) else ""

    @property
    def removes(self) -> bool:
        """Whether its call is a removal."""
        expected = self.produced.expected
        return isinstance(expected, ExpectedCall) and expected.path == REMOVE

    @property
    def doubtful(self) -> bool:
        """Whether a process may have done it before its own first answer: it takes a 400 for an echo of that.

        What a process before it has heard, it does not know.
        """
        return any(map(self._in_doubt, {request.sender for request in self.requests}))

    def _in_doubt(self, sender: str) -> bool:
        tries = [request for request in self.requests if request.sender == sender]
        return any(is_final(later) and not is_final(tries[0]) for later in tries)

    @property
    def done(self) -> float:
        """When a call of it had first succeeded, NEVER if none has."""
        return min((_answered(r) for r in self.requests if is_final(r) and r.status in _DONE), default=NEVER)

    def aside(self, request: Request) -> bool:
        """Tell whether a request is out of line: behind a removal's first 400, or of one that crosses."""
        return self.removes and (self.produced.crosses or request.arrived > self.settled)


@dataclass(frozen=True, slots=True)
class Case:
    """A history with every request and dead letter given to the record it belongs to."""

    history: History
    stories: Sequence[Story]
    strays: Sequence[str]

    @property
    def lanes(self) -> Iterable[Sequence[Story]]:
        """The stories of each lane, in log order."""
        lanes: dict[object, list[Story]] = defaultdict(list)
        for story in self.stories:
            lanes[story.produced.lane].append(story)
        return lanes.values()


def check(history: History) -> list[Violation]:
    """Return every broken law of ``history``, with what shows it.

    Raises ValueError for a history that can't be judged: the same call expected of two lanes.
    """
    case = _open(history)
    return [Violation(law, what) for law, judge in _LAWS.items() for what in judge(case)]


def is_final(request: Request) -> bool:
    """Tell whether the request got an answer that settles its record, and got it readably."""
    if request.answered is None or request.status is None or not _is_plain(request):
        return False
    return request.status in _DONE or (request.status in _REFUSALS and request.status not in _HOLDING)


def _is_plain(request: Request) -> bool:
    """Tell whether the answer's status is what the API says, and can be read."""
    if request.fault == _ENDLESS:
        return request.outcome != f"fault:{_ENDLESS}"
    return request.fault is None or request.fault in _LATE or request.fault == str(request.status)


def exposed(requests: Iterable[Request], killed: float) -> int:
    """Return how many answers a kill at that moment may have left uncommitted."""
    return sum(
        is_final(request) and killed - UNCOMMITTED_SECONDS < (request.answered or 0) <= killed
        for request in requests
    )


def is_success(request: Request) -> bool:
    """Tell whether a final answer is good news: done, or nothing there to remove."""
    nothing_there = request.status == HTTPStatus.BAD_REQUEST and _path(request) == REMOVE
    return request.status in _DONE or nothing_there


def canonical(value: object) -> str:
    """Return JSON with sorted keys and numbers by their value, so that equal documents are equal texts."""
    match value:
        case bool() | None:
            return str(value)
        case int() | Decimal():
            return f"{_EXACT.normalize(Decimal(value)):f}"
        case Mapping():
            return "{" + ",".join(f"{name!r}:{canonical(value[name])}" for name in sorted(value)) + "}"
        case list() | tuple():
            return "[" + ",".join(canonical(part) for part in value) + "]"
        case _:
            return repr(value)


def _path(request: Request) -> str:
    return request.path.removeprefix(API_BASE)


def _answered(request: Request) -> float:
    return NEVER if request.answered is None else request.answered


# ------------------------------------------------------------------------- whose request is it


def _open(history: History) -> Case:
    """Give each request to the record that has to become it, each dead letter to its source."""
    ordered = sorted(history.produced, key=lambda p: (p.record.partition, p.record.offset))
    stories = [Story(produced) for produced in ordered]
    strays = [*_hand_out_requests(history, stories), *_hand_out_letters(history, stories)]
    return Case(history, stories, strays)


def _hand_out_requests(history: History, stories: Sequence[Story]) -> Iterator[str]:
    """Several records of one lane may be the same call: each is served until it is answered for good."""
    waiting = _by_call(stories)
    for request in history.requests:
        candidates = waiting.get((_path(request), canonical(request.body)))
        if candidates is None:
            yield f"request {request.seq} is no record's call"
            continue
        candidates[0].requests.append(request)
        if is_final(request) and len(candidates) > 1:
            candidates.pop(0)


def _by_call(stories: Sequence[Story]) -> dict[tuple[str, str], list[Story]]:
    calls: dict[tuple[str, str], list[Story]] = defaultdict(list)
    for story in stories:
        expected = story.produced.expected
        if isinstance(expected, ExpectedCall):
            calls[expected.path, canonical(expected.body)].append(story)
    for same in calls.values():
        if len({story.produced.lane for story in same}) > 1:
            raise ValueError(f"two lanes have the same call: {', '.join(story.where for story in same)}")
    return calls


def _hand_out_letters(history: History, stories: Sequence[Story]) -> Iterator[str]:
    by_source = {(s.produced.record.partition, s.produced.record.offset): s for s in stories}
    for letter in history.dead_letters:
        story = by_source.get(source_of(letter))
        if story is None:
            yield f"dead letter {letter.record.where} has no source"
        else:
            story.letters.append(letter)


def header(letter: DeadLetter, name: str) -> str:
    """Return the last header ``name`` as text, empty if there is none."""
    values = [value for key, value in letter.record.headers if key == name]
    return (values[-1] or b"").decode() if values else ""


def source_of(letter: DeadLetter) -> tuple[Partition, int]:
    """Return where the dead letter says that its record came from; an impossible place if it does not."""
    number, offset = (header(letter, f"__connect.errors.{name}") for name in ("partition", "offset"))
    if not number.isdecimal() or not offset.isdecimal():
        return Partition("", -1), -1
    return Partition(header(letter, "__connect.errors.topic"), int(number)), int(offset)


# ------------------------------------------------------------------------------------- the laws


def _nothing_lost(case: Case) -> Iterator[str]:
    for story in case.stories:
        if story.settled == NEVER:
            yield f"{story.where} was never settled ({len(story.requests)} requests)"


def _nothing_invented(case: Case) -> Iterator[str]:
    yield from case.strays
    for story in case.stories:
        for letter in story.letters:
            yield from (f"{story.where}: its dead letter has {wrong}" for wrong in _forged(story, letter))


def _forged(story: Story, letter: DeadLetter) -> Iterator[str]:
    record, expected = story.produced.record, story.produced.expected
    if (letter.record.key, letter.record.value) != (record.key, record.value):
        yield "other bytes"
    if letter.record.headers[: len(record.headers)] != record.headers:
        yield "other headers"
    allowed = expected.reason if isinstance(expected, ExpectedLetter) else "refused" if story.refused else ""
    reason = header(letter, "linkrunner.reason")
    if reason != allowed and reason not in story.produced.faults:
        yield f"the reason {reason!r} where {allowed or 'none'!r} is right"


def _counted_once(case: Case) -> Iterator[str]:
    """Where each pair stands once with its exact amount, every sum over pairs is exact too."""
    first, unsure = _first_captures(case), set(_unsure(case))
    counts = Counter((payment.type, payment.payment_id) for payment in case.history.recorded)
    for (kind, payment_id), count in counts.items():
        if count > 1:
            yield f"({kind}, {payment_id}) is recorded {count} times"
    for payment in case.history.recorded:
        body = first.get((payment.type, payment.payment_id))
        if payment.payment_id in unsure:
            continue
        if body is not None and (body["amount"], body["user_id"]) != (payment.amount, payment.user_id):
            yield f"({payment.type}, {payment.payment_id}) is recorded with another amount or user"


def _final_state(case: Case) -> Iterator[str]:
    unsure = set(_unsure(case))
    expected = {pair for pair in _replay(case) if pair[1] not in unsure}
    recorded = {(payment.type, payment.payment_id) for payment in case.history.recorded}
    found = {pair for pair in recorded if pair[1] not in unsure}
    yield from (f"{pair} is missing" for pair in sorted(expected - found))
    yield from (f"{pair} should not be there" for pair in sorted(found - expected))


def _unsure(case: Case) -> Iterator[str]:
    """Yield payments of which nobody can tell.

    Those of which a fault of ours has set a record aside: its call may have been made before. And where a
    removal comes from another lane, those that were captured again behind it, after a hand-over that went
    wrong, and those of a removal whose 400 was taken for an echo.
    """
    captured: dict[str, float] = defaultdict(float)
    for story in case.stories:
        if story.payment_id and not story.removes:
            last = max((request.arrived for request in story.requests), default=0.0)
            captured[story.payment_id] = max(captured[story.payment_id], last)
    for story in case.stories:
        expected = story.produced.expected
        if story.letters and story.produced.faults and isinstance(expected, ExpectedCall):
            yield story.payment_id
        if story.produced.crosses and (story.doubtful or NEVER > captured[story.payment_id] > story.done):
            yield story.payment_id


def _calls(case: Case) -> Iterator[ExpectedCall]:
    """Yield the calls that the API can't have refused, in log order."""
    for story in case.stories:
        if isinstance(story.produced.expected, ExpectedCall) and not story.refused:
            yield story.produced.expected


def _first_captures(case: Case) -> Mapping[tuple[str, str], Mapping[str, object]]:
    first: dict[tuple[str, str], Mapping[str, object]] = {}
    for call in _calls(case):
        if call.path == CAPTURE:
            first.setdefault((str(call.body["type"]), str(call.body["payment_id"])), call.body)
    return first


def _replay(case: Case) -> set[tuple[str, str]]:
    """Return the pairs that are left after every call in log order; a removal takes all types of an id."""
    left: dict[str, set[str]] = defaultdict(set)
    crossed = {story.payment_id for story in case.stories if story.produced.crosses}
    for call in _calls(case):
        payment_id = str(call.body["payment_id"])
        if call.path == CAPTURE:
            left[payment_id].add(str(call.body["type"]))
        else:
            left.pop(payment_id, None)
    left = {name: kinds for name, kinds in left.items() if name not in crossed}
    return {(kind, payment_id) for payment_id, kinds in left.items() for kind in kinds}


def _commit_safety(case: Case) -> Iterator[str]:
    settled: dict[Partition, dict[int, float]] = defaultdict(dict)
    for story in case.stories:
        settled[story.produced.record.partition][story.produced.record.offset] = story.settled
    for commit in case.history.commits:
        for offset, when in settled[commit.partition].items():
            if offset < commit.offset and when > commit.at:
                yield f"{commit.partition}@{offset} was not settled when {commit.offset} was committed"
                settled[commit.partition][offset] = 0.0  # told once


def _commits_monotone(case: Case) -> Iterator[str]:
    last: dict[Partition, int] = {}
    for commit in case.history.commits:
        before = last.get(commit.partition, 0)
        if commit.offset < before:
            yield f"{commit.partition} went back from {before} to {commit.offset}"
        last[commit.partition] = commit.offset
    for partition, end in case.history.ends.items():
        if last.get(partition, 0) != end:
            yield f"{partition} ends at {end} and is committed up to {last.get(partition, 0)}"


def _order(case: Case) -> Iterator[str]:
    yield from _sent_behind_a_fence(case.history)
    for lane in case.lanes:
        yield from _begun_too_early(lane)
        yield from _overlapping(lane, case.history.kills)


def _sent_behind_a_fence(history: History) -> Iterator[str]:
    """Yield each request of a process that had lost its partitions: its lease did not stop it."""
    for fence in history.fences:
        for request in history.requests:
            if request.sender == fence.sender and fence.begin < request.arrived < fence.end:
                late = request.arrived - fence.begin
                yield f"{fence.sender} sent request {request.seq} {late:.1f} s after it lost its partitions"


def _begun_too_early(lane: Sequence[Story]) -> Iterator[str]:
    """Yield each record whose first call began before an earlier record of the lane was settled."""
    open_until, earlier = 0.0, ""
    for story in lane:
        crosses = story.produced.crosses
        if story.requests and story.requests[0].arrived < open_until and not crosses:
            yield f"{story.where} was sent before {earlier} was settled"
        if story.settled > open_until and not crosses:
            open_until, earlier = story.settled, story.where


def _overlapping(lane: Sequence[Story], kills: Sequence[float]) -> Iterator[str]:
    """Yield each call that began while the lane's call before it was under way: two owners, or a zombie.

    A call that a killed process left behind is nobody's any more.
    """
    in_line = [(r, story.where) for story in lane for r in story.requests if not story.aside(r)]
    yield from _overlaps(in_line, kills)
    for payment_id in {story.payment_id for story in lane if any(map(story.aside, story.requests))}:
        same = [story for story in lane if story.payment_id == payment_id]
        yield from _overlaps([(r, story.where) for story in same for r in story.requests], kills)


def _overlaps(requests: Iterable[tuple[Request, str]], kills: Sequence[float]) -> Iterator[str]:
    for (before, _), (after, where) in pairwise(sorted(requests, key=lambda pair: pair[0].arrived)):
        under_way = before.answered is not None and after.arrived < before.answered
        if under_way and not any(before.arrived <= kill <= after.arrived for kill in kills):
            yield f"{where} was sent while request {before.seq} of its lane was under way"


def _repeats(case: Case) -> Iterator[str]:
    repeated = [(story.where, times) for story in case.stories if (times := _times_too_often(story))]
    total = sum(times for _, times in repeated)
    if total > case.history.repeats_allowed:
        records = ", ".join(f"{where} ({times})" for where, times in repeated[:10])
        yield f"{total} repeats where {case.history.repeats_allowed} are allowed: {records}"


def _times_too_often(story: Story) -> int:
    answer = story.answer
    if story.removes:
        # What finds nothing is tried again: only the first of such a series is a repeat.
        pairs = pairwise(sorted(story.requests, key=lambda request: request.arrived))
        again = sum(
            after.arrived > story.done and before.status != HTTPStatus.BAD_REQUEST for before, after in pairs
        )
    elif story.produced.faults:
        # Refused by a fault and not set aside, it is tried again until it is settled.
        again = sum(request.arrived > story.settled for request in story.requests)
    else:
        again = 0 if answer is None else sum(r.arrived > _answered(answer) for r in story.requests)
    return again + max(0, len(story.letters) - 1)


def _hygiene(case: Case) -> Iterator[str]:
    letters = {
        f"headers of {letter.record.where}": _own_headers(letter) for letter in case.history.dead_letters
    }
    texts = {**case.history.texts, **letters}
    for name, text in texts.items():
        numbers = set(_NUMBER.findall(_CLOCK.sub("", text)))
        leaked = sorted(
            s for s in case.history.secrets if (s in numbers if _NUMBER.fullmatch(s) else s in text)
        )
        if leaked:
            yield f"{name} has {leaked[:5]}"


def _own_headers(letter: DeadLetter) -> str:
    ours = [value or b"" for name, value in letter.record.headers if name.startswith(_OURS)]
    return b"\n".join(ours).decode("utf-8", "replace")


_LAWS: Final[Mapping[Law, Callable[[Case], Iterator[str]]]] = {
    Law.L1: _nothing_lost,
    Law.L2: _nothing_invented,
    Law.L3: _counted_once,
    Law.L4: _final_state,
    Law.L5: _commit_safety,
    Law.L6: _commits_monotone,
    Law.L7: _order,
    Law.L8: _repeats,
    Law.L9: _hygiene,
}
