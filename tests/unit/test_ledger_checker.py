"""The ledger checker sees every kind of broken promise, and nothing in a run that kept them all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final, TypeAlias

import pytest

from consumer.core.records import Header, Partition, Record
from tests.support.history import (
    CommitSeen,
    DeadLetter,
    Expected,
    ExpectedCall,
    ExpectedLetter,
    ExpectedSkip,
    Fence,
    History,
    Produced,
    Recorded,
    Request,
)
from tests.support.ledger import Law, Story, canonical, check

Change: TypeAlias = Callable[[History], History]

P0: Final = Partition("payments", 0)
P1: Final = Partition("payments", 1)
LETTERS: Final = Partition("payments.dlq", 0)


def _capture(payment_id: str, amount: str = "10.50") -> ExpectedCall:
    body = {
        "user_id": f"user-{payment_id}",
        "payment_id": payment_id,
        "amount": Decimal(amount),
        "type": "DEFAULT",
    }
    return ExpectedCall("/capture-payment", body)


def _removal(payment_id: str) -> ExpectedCall:
    return ExpectedCall("/remove-payment", {"payment_id": payment_id})


def _produced(partition: Partition, rows: Sequence[tuple[bytes | None, Expected]]) -> list[Produced]:
    return [
        Produced(Record(partition, offset, 0, key, f"value-{offset}".encode(), (("own", b"1"),)), expected)
        for offset, (key, expected) in enumerate(rows)
    ]


def _request(seq: int, expected: Expected, arrived: float, status: int, outcome: str = "applied") -> Request:
    assert isinstance(expected, ExpectedCall)
    path = f"/api/v1{expected.path}"
    return Request(seq, path, dict(expected.body), arrived, arrived + 0.5, status, outcome)


def _letter(produced: Produced, reason: str, written: float, offset: int) -> DeadLetter:
    record = produced.record
    headers: list[Header] = [
        *record.headers,
        ("__connect.errors.topic", record.partition.topic.encode()),
        ("__connect.errors.partition", str(record.partition.number).encode()),
        ("__connect.errors.offset", str(record.offset).encode()),
        ("linkrunner.reason", reason.encode()),
    ]
    return DeadLetter(replace(record, partition=LETTERS, offset=offset, headers=tuple(headers)), written)


def _recorded(expected: Expected) -> Recorded:
    assert isinstance(expected, ExpectedCall)
    body = expected.body
    amount = body["amount"]
    assert isinstance(amount, Decimal)
    return Recorded("DEFAULT", str(body["payment_id"]), str(body["user_id"]), amount, None)


def _clean() -> History:
    """Return a run that kept every promise: captures, removals, a refusal, a poison record, a duplicate."""
    zero = _produced(
        P0,
        [
            (b"a", _capture("pay-aa")),
            (b"a", _removal("pay-aa")),
            (b"b", _capture("pay-bb", "7")),
            (b"c", ExpectedLetter("undecodable")),
            (b"d", ExpectedSkip("status")),
            (b"e", _capture("pay-ee")),
            (b"b", _capture("pay-bb", "7.00")),
        ],
    )
    one = _produced(P1, [(None, _capture("pay-ff")), (None, _removal("pay-gg"))])
    by_offset = [produced.expected for produced in zero]
    return History(
        produced=[*zero, *one],
        requests=[
            _request(1, by_offset[0], 1, 503, "fault:503"),
            _request(2, by_offset[2], 1, 201),
            _request(3, by_offset[0], 2, 201),
            _request(4, one[0].expected, 2.2, 201),
            _request(5, by_offset[1], 3, 200, "removed"),
            _request(6, by_offset[5], 3, 422, "malformed"),
            _request(7, one[1].expected, 3, 400, "nothing"),
            _request(8, by_offset[6], 4, 201, "duplicate"),
        ],
        recorded=[_recorded(by_offset[2]), _recorded(one[0].expected)],
        dead_letters=[_letter(zero[3], "undecodable", 1.5, 0), _letter(zero[5], "refused", 4, 1)],
        commits=[
            CommitSeen(2, P0, 0),
            CommitSeen(3.7, P0, 5),
            CommitSeen(3.8, P1, 2),
            CommitSeen(9, P0, 7),
            CommitSeen(9, P1, 2),
        ],
        ends={P0: 7, P1: 2, Partition("payments", 2): 0},
        texts={"log": "settled payments[0]@3 after 1.050 s", "metrics": "calls_total 8"},
        secrets=frozenset({"the-key", "user-pay-aa", "pay-aa", "10.50"}),
    )


def _laws(history: History) -> set[Law]:
    return {violation.law for violation in check(history)}


def _without_request(seq: int) -> Change:
    return lambda h: replace(h, requests=[r for r in h.requests if r.seq != seq])


def _with_request(seq: int, **fields: object) -> Change:
    def change(history: History) -> History:
        changed = [replace(r, **fields) if r.seq == seq else r for r in history.requests]  # type: ignore[arg-type]  # each row names fields of a request
        return replace(history, requests=sorted(changed, key=lambda r: r.arrived))

    return change


def _again(seq: int, arrived: float) -> Change:
    """Send request ``seq`` once more."""

    def change(history: History) -> History:
        first = next(r for r in history.requests if r.seq == seq)
        second = replace(first, seq=90, arrived=arrived, answered=arrived + 0.5, outcome="duplicate")
        return replace(history, requests=[*history.requests, second])

    return change


def _with_letter(index: int, change: Callable[[DeadLetter], DeadLetter]) -> Change:
    def changed(history: History) -> History:
        letters = list(history.dead_letters)
        letters[index] = change(letters[index])
        return replace(history, dead_letters=letters)

    return changed


def _other_value(letter: DeadLetter) -> DeadLetter:
    return replace(letter, record=replace(letter.record, value=b"other"))


def _other_header(name: str, value: bytes) -> Callable[[DeadLetter], DeadLetter]:
    def change(letter: DeadLetter) -> DeadLetter:
        headers = tuple((key, value if key == name else old) for key, old in letter.record.headers)
        return replace(letter, record=replace(letter.record, headers=headers))

    return change


def _all(*changes: Change) -> Change:
    def change(history: History) -> History:
        for one in changes:
            history = one(history)
        return history

    return change


def _told(name: str, text: str) -> Change:
    return lambda h: replace(h, texts={**h.texts, name: text})


INVENTED: Final = Request(91, "/api/v1/capture-payment", {"payment_id": "pay-new"}, 5, 5.1, 201)

#: What is done to the clean run, and exactly the laws that are broken then.
PLANTED: Final[Mapping[str, tuple[Change, set[Law]]]] = {
    "a record that was dropped": (
        _all(_without_request(4), lambda h: replace(h, recorded=h.recorded[:1])),
        {Law.L1, Law.L4, Law.L5, Law.L7},
    ),
    "a poison record that was dropped": (
        lambda h: replace(h, dead_letters=h.dead_letters[1:]),
        {Law.L1, Law.L5},
    ),
    "a refusal without a dead letter": (
        lambda h: replace(h, dead_letters=h.dead_letters[:1]),
        {Law.L1, Law.L5},
    ),
    "a record that never got its answer": (
        _all(
            _with_request(7, status=503),
            lambda h: replace(h, commits=[*h.commits[:2], CommitSeen(9, P0, 7), CommitSeen(9, P1, 1)]),
        ),
        {Law.L1, Law.L6},
    ),
    "an answer that was no answer, taken for one": (
        _with_request(7, status=200, fault="200-html"),
        {Law.L1, Law.L5},
    ),
    "a success that the API knows nothing of": (
        _with_request(7, fault="endless-body", outcome="fault:endless-body"),
        {Law.L1, Law.L5},
    ),
    "a call that no record means": (lambda h: replace(h, requests=[*h.requests, INVENTED]), {Law.L2}),
    "a call to the wrong path": (
        _all(_again(4, 5), _with_request(90, path="/api/v1/remove-payment")),
        {Law.L2},
    ),
    "a removal that names the user": (
        _all(_again(5, 5), _with_request(90, body={"payment_id": "pay-aa", "user_id": "user-pay-aa"})),
        {Law.L2},
    ),
    "a dead letter with other bytes": (_with_letter(0, _other_value), {Law.L2}),
    "a dead letter without its own header": (_with_letter(0, _other_header("own", b"2")), {Law.L2}),
    "a dead letter with the wrong reason": (
        _with_letter(0, _other_header("linkrunner.reason", b"refused")),
        {Law.L2},
    ),
    "a dead letter from nowhere": (
        lambda h: replace(
            h,
            dead_letters=[
                *h.dead_letters,
                _letter(
                    replace(h.produced[0], record=replace(h.produced[0].record, offset=99)), "refused", 5, 2
                ),
            ],
        ),
        {Law.L2},
    ),
    "a good record that was dead-lettered too": (
        lambda h: replace(h, dead_letters=[*h.dead_letters, _letter(h.produced[0], "refused", 5, 2)]),
        {Law.L2},
    ),
    "a payment that is recorded twice": (
        lambda h: replace(h, recorded=[*h.recorded, h.recorded[0]]),
        {Law.L3},
    ),
    "a payment that is recorded with a wrong amount": (
        lambda h: replace(h, recorded=[replace(h.recorded[0], amount=Decimal("7.01")), h.recorded[1]]),
        {Law.L3},
    ),
    "a call with a wrong amount": (
        _all(
            _with_request(4, body={**_capture("pay-ff").body, "amount": Decimal("10.51")}),
            lambda h: replace(h, recorded=[h.recorded[0], replace(h.recorded[1], amount=Decimal("10.51"))]),
        ),
        {Law.L1, Law.L2, Law.L3, Law.L5, Law.L7},
    ),
    "a payment that came back to life": (
        lambda h: replace(h, recorded=[*h.recorded, _recorded(h.produced[0].expected)]),
        {Law.L4},
    ),
    "a payment that went missing": (lambda h: replace(h, recorded=h.recorded[:1]), {Law.L4}),
    "a commit before the answer": (
        lambda h: replace(h, commits=[CommitSeen(2, P0, 1), *h.commits[1:]]),
        {Law.L5},
    ),
    "a commit before the dead letter": (
        _all(_with_letter(0, lambda letter: replace(letter, written=3.9))),
        {Law.L5},
    ),
    "a commit that went back": (
        lambda h: replace(h, commits=[*h.commits[:3], CommitSeen(8, P0, 3), *h.commits[3:]]),
        {Law.L6},
    ),
    "a log that was not finished": (lambda h: replace(h, commits=h.commits[:3]), {Law.L6}),
    "two records of a lane swapped": (
        _all(_with_request(5, arrived=1.1, answered=1.2), _with_request(1, arrived=1.3, answered=1.4)),
        {Law.L7},
    ),
    "a call before the one before it was answered": (_with_request(5, arrived=2.4), {Law.L7}),
    "a call before its lane's dead letter was written": (
        lambda h: replace(
            h,
            produced=[
                replace(p, record=replace(p.record, key=b"c")) if p.record.offset == 5 else p
                for p in h.produced
            ],
            dead_letters=[
                replace(h.dead_letters[0], written=3.2),
                _letter(
                    replace(h.produced[5], record=replace(h.produced[5].record, key=b"c")), "refused", 4, 1
                ),
            ],
        ),
        {Law.L7},
    ),
    "a zombie that sends what the new owner is sending": (
        _all(_again(3, 2.2), lambda h: replace(h, requests=sorted(h.requests, key=lambda r: r.arrived))),
        {Law.L7},
    ),
    "a zombie that sends what nobody else is sending": (
        _all(
            _with_request(7, sender="first"),
            lambda h: replace(h, fences=[Fence("first", 2.9, 5.0)]),
        ),
        {Law.L7},
    ),
    "a call that is repeated": (_again(4, 5), {Law.L8}),
    "a dead letter that is repeated": (
        lambda h: replace(h, dead_letters=[*h.dead_letters, h.dead_letters[0]]),
        {Law.L8},
    ),
    "the key in the log": (_told("log", "linkrunner-key: the-key"), {Law.L9}),
    "a user in the metrics": (_told("metrics", 'x{user="user-pay-aa"} 1'), {Law.L9}),
    "an amount in the log": (_told("log", "amount=10.50"), {Law.L9}),
    "a payment in a header": (
        _with_letter(
            0,
            lambda letter: replace(
                letter,
                record=replace(
                    letter.record, headers=(*letter.record.headers, ("linkrunner.detail", b"pay-aa"))
                ),
            ),
        ),
        {Law.L9},
    ),
}


def test_a_run_that_kept_its_promises_passes() -> None:
    """The clean history has no violation: what the checker finds elsewhere was planted."""
    assert check(_clean()) == []


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_seen(name: str) -> None:
    """Each kind of broken promise shows as exactly its laws, and no other."""
    change, laws = PLANTED[name]

    assert _laws(change(_clean())) == laws


@pytest.mark.parametrize("fence", [Fence("first", 3.1), Fence("first", 2.0, 2.9), Fence("second", 2.0)])
def test_who_has_partitions_may_send(fence: Fence) -> None:
    """Before the group gave them away, after it gave some back, and of another process altogether."""
    sent = _with_request(7, sender="first")(_clean())

    assert check(replace(sent, fences=[fence])) == []


def test_a_kill_excuses_what_it_left_behind() -> None:
    """The owner after a kill may repeat within the allowance, also over a call that the dead one left."""
    killed = replace(_all(_again(3, 2.2))(_clean()), kills=[2.1], repeats_allowed=1)
    history = replace(killed, requests=sorted(killed.requests, key=lambda r: r.arrived))

    assert check(history) == []


def test_the_answer_that_was_given_first_settles() -> None:
    """A call that an old owner left behind may be answered long after the new owner has gone on."""
    left_behind = _with_request(3, answered=6.0)
    changed = replace(_all(_again(3, 2.1), left_behind)(_clean()), kills=[2.05])
    history = replace(changed, requests=sorted(changed.requests, key=lambda r: r.arrived))

    assert check(history) == []


def test_a_success_is_one_however_its_body_ends() -> None:
    """The status decides, where the API had done what it says."""
    assert check(_with_request(7, fault="endless-body")(_clean())) == []


@pytest.mark.parametrize(
    ("senders", "doubtful"), [(("one", "one", "one"), False), (("one", "two", "two"), True)]
)
def test_each_process_has_doubts_of_its_own(senders: Sequence[str], *, doubtful: bool) -> None:
    """Behind a 400 of its own it knows that nothing was done; that of another process it does not know."""
    removal = _removal("pay-x")
    (produced,) = _produced(P0, [(b"key", removal)])
    tries = [
        replace(_request(n, removal, float(n), status), sender=sender)
        for n, (sender, status) in enumerate(zip(senders, (400, 500, 400), strict=True))
    ]
    assert Story(produced, tries).doubtful is doubtful


def test_repeats_within_the_allowance_pass() -> None:
    """A killed run may repeat as often as was said before."""
    assert check(replace(_again(4, 5)(_clean()), repeats_allowed=1)) == []


def test_equal_calls_of_two_lanes_are_not_judged() -> None:
    """Which of them a request belongs to can't be known, so the checker says so and guesses nothing."""
    clean = _clean()
    twin = replace(clean.produced[0], record=replace(clean.produced[0].record, key=b"z", offset=7))

    with pytest.raises(ValueError, match="two lanes"):
        check(replace(clean, produced=[*clean.produced, twin]))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": Decimal("499.00"), "b": 1}, {"b": Decimal("1.0"), "a": 499}),
        ([Decimal("1E+2")], [100]),
        ({"a": None}, {"a": None}),
    ],
)
def test_equal_documents_are_equal_texts(one: object, other: object) -> None:
    """Neither the order of keys nor trailing zeros make a body another one."""
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": Decimal("499.01")}, {"a": Decimal("499.010000000000000000000000000001")}),
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": True}),
        ([1, 2], [2, 1]),
        ({"a": None}, {}),
    ],
)
def test_other_documents_are_other_texts(one: object, other: object) -> None:
    """A digit, a type, an order or a missing key is a difference."""
    assert canonical(one) != canonical(other)
