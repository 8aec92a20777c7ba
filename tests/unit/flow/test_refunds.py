"""Refunds and payments that cross: the table of ``docs/refunds.md``, each row of it played.

The pipeline, delivery and traffic are the real ones; Kafka and an API that knows its payments are stand-ins,
and time is virtual. ``payment`` is pay-1, its refund is full.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal, TypeAlias

import pytest

from consumer.core.api.removals import Answering, Ended, Removals
from consumer.core.api.verdicts import Answer, Fault, FaultKind, Response
from consumer.core.errors import Unavailable
from consumer.core.partitions.lanes import Lanes
from consumer.core.records import Partition
from consumer.flow.graces import Graces
from tests.simulation.loop import VirtualLoop
from tests.support.events import payment_event
from tests.support.fakes import LedgerApi, Sent
from tests.support.rig import RULES, TIMEOUT, Around, Rig

PAGE: Final = Path(__file__).parents[3] / "docs" / "refunds.md"

PAYMENTS, REFUNDS = Partition("payments", 0), Partition("refunds", 0)
ALL: Final = (PAYMENTS, REFUNDS)
GRACE: Final = 60.0
PAY: Final = "pay-1"
PAYMENT, REFUND, CHARGEBACK = PAY.encode(), b"refund-1", b"chargeback-1"
#: Keys: of the payment, and of its refund where that has another one.
KEY, OTHER_KEY = PAYMENT, b"refund-key"

_COMPLETED: Final = "PAYMENT_COMPLETED"
Policy: TypeAlias = Literal["settle", "dead_letter"]


class Payment(StrEnum):
    """What the API has in the end."""

    GONE = "gone"
    COUNTED = "counted"


class Refund(StrEnum):
    """How the record of the refund is settled."""

    DELIVERED = "delivered"
    NOTHING = "nothing_to_remove"
    LETTER = "dead letter"
    BOTH = "one delivered, one nothing_to_remove"


class Scene:
    """A log, an API that knows its payments, and a service that may be stopped and started again."""

    def __init__(self, grace: float, policy: Policy) -> None:
        clock = asyncio.get_running_loop().time
        self.api: Final = LedgerApi()
        self._around: Final = Around(clock=clock, wall=clock, api=self.api, grace=grace)
        self._rules: Final = replace(RULES, nothing_to_remove=policy)
        self._rigs: Final = [self._rig(None)]
        self.source: Final = self._rigs[0].source
        self.source.poll_seconds = 1.0
        self.unreadable: Final[set[bytes]] = set()

    @property
    def now(self) -> float:
        """Virtual seconds."""
        return self._around.clock()

    def append(self, partition: Partition, value: bytes, key: bytes | None = None, ago: float = 0.0) -> None:
        """Append a record that was written so many seconds ago."""
        self.source.produce(partition, value, key, int((self.now - ago) * 1000))

    def another_process_captures(self) -> None:
        """Let a process that this one knows nothing of send the payment."""
        body = {"user_id": "u", "payment_id": PAY, "amount": 499, "type": "DEFAULT", "status": _COMPLETED}
        self.api.act(Sent("/capture-payment", json.dumps(body).encode()))

    def do_the_next_call_late(self) -> None:
        """Let the next call get no answer in time, and be acted on 2 s after that."""
        real = self.api.send

        async def late(path: str, body: bytes) -> Answer | None:
            vars(self.api)["send"] = real
            call = Sent(path, body)
            self.api.calls.append(call)
            await asyncio.sleep(TIMEOUT)
            asyncio.get_running_loop().call_later(2, self.api.act, call)
            return Fault(FaultKind.TIMEOUT)

        vars(self.api)["send"] = late

    @asynccontextmanager
    async def running(self, *partitions: Partition, crash: bool = False) -> AsyncIterator[Rig]:
        """Run a service with these partitions, or all; after a crash nothing of it is committed."""
        rig = self._rig(self._rigs[-1])
        self._rigs.append(rig)
        for value, kind in ((REFUND, "REFUND"), (CHARGEBACK, "CHARGEBACK")):
            rig.decoder.events[value] = payment_event(kind=kind, payment_id=PAY)
        for value in self.unreadable:
            rig.decoder.trouble[value] = Unavailable("the registry is away")
        stored = dict(self.source.stored)
        async with rig.running():
            self.source.assign(*(partitions or ALL))
            yield rig
        if crash:
            self.source.stored = stored

    async def until(self, condition: Callable[[], object], within: float = 600.0) -> float:
        """Let time pass until something is so, and return how long that took."""
        began = self.now
        while not condition():
            assert self.now < began + within, "it does not happen"
            await asyncio.sleep(0.05)
        return self.now - began

    async def settled(self, *partitions: Partition) -> float:
        """Wait until everything in these partitions, or all, is committed; return how long that took."""
        return await self.until(
            lambda: all((self.source.committed(p) or 0) == self.source.end(p) for p in partitions or ALL)
        )

    def calls(self) -> str:
        """Return the calls about the payment in order: C for a capture, R for a remove."""
        letters = {"/capture-payment": "C", "/remove-payment": "R"}
        return "".join(letters[call.path] for call in self.api.calls if call.payment_id == PAY)

    def refund(self) -> Refund | None:
        """Return how the records of refunds were settled by all services; None: they were not."""
        delivered, nothing = self._count("delivered", "none"), self._count("nothing_to_remove", "none")
        letters = self._rigs[0].box.reasons()
        if letters:
            assert (letters, delivered, nothing) == (["nothing_to_remove"], 0, 0)
            assert self._count("dead_lettered", "nothing_to_remove") == 1
            return Refund.LETTER
        if delivered and nothing:
            return Refund.BOTH
        if delivered:
            return Refund.DELIVERED
        return Refund.NOTHING if nothing else None

    def _rig(self, before: Rig | None) -> Rig:
        return Rig(rules=self._rules, before=before, around=self._around, max_in_flight=2)

    def _count(self, outcome: str, reason: str) -> float:
        return sum(
            rig.metric("records_settled_total", topic=topic, action="remove", outcome=outcome, reason=reason)
            for rig in self._rigs
            for topic in ("payments", "refunds")
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One interleaving: what happens, and what is left of it. ``play`` makes it happen, to its end."""

    happens: str
    payment: Payment
    refund: Refund
    play: Callable[[Scene], Awaitable[None]]
    grace: float = GRACE
    policy: Policy = "settle"

    @property
    def line(self) -> str:
        """The row as the page has it."""
        return f"| {self.happens} | {self.payment.value} | {self.refund.value} |"


# ----------------------------------------------------------------------------------------- the plays


async def in_order(scene: Scene) -> None:
    """One lane: the payment, then its refund."""
    async with scene.running():
        scene.append(PAYMENTS, PAYMENT, KEY)
        scene.append(PAYMENTS, REFUND, KEY)
        assert await scene.settled() < 1
        assert scene.calls() == "CR"


async def again_in_order(scene: Scene) -> None:
    """One lane: payment, refund, and the payment once more."""
    async with scene.running():
        for value in (PAYMENT, REFUND, PAYMENT):
            scene.append(PAYMENTS, value, KEY)
        assert await scene.settled() < 1
        assert scene.calls() == "CRC"


async def refund_first_in_one_lane(scene: Scene) -> None:
    """The log has the refund before its payment, and the log is right: no remove comes later."""
    async with scene.running() as rig:
        scene.append(PAYMENTS, REFUND, KEY)
        await scene.until(lambda: rig.pipeline.graces.waiting)
        scene.append(PAYMENTS, PAYMENT, KEY)
        assert await scene.settled() < 1
        await asyncio.sleep(2 * GRACE)
        assert scene.calls() == "RC"


async def refund_on_the_wire_in_one_lane(scene: Scene) -> None:
    """The payment arrives while its refund, in its grace, is on the wire once more: it waits for that."""
    async with scene.running() as rig:
        scene.append(PAYMENTS, REFUND, KEY)
        await scene.until(lambda: rig.pipeline.graces.waiting)
        rig.api.hold(PAY)
        await scene.until(lambda: rig.api.on_wire)
        scene.append(PAYMENTS, PAYMENT, KEY)
        await asyncio.sleep(5)
        assert scene.calls() == "RR"
        rig.api.let_go(PAY)
        assert await scene.settled() < 1
        assert scene.calls() == "RRC"


async def refund_is_done_late_in_one_lane(scene: Scene) -> None:
    """The next try of the refund gets no answer in time, and is acted on 2 s later."""
    async with scene.running() as rig:
        scene.append(PAYMENTS, REFUND, KEY)
        await scene.until(lambda: rig.pipeline.graces.waiting)
        scene.do_the_next_call_late()
        await scene.until(lambda: scene.calls() == "RR")
        scene.append(PAYMENTS, PAYMENT, KEY)
        assert await scene.settled() < 2 * TIMEOUT + 1
        await asyncio.sleep(GRACE)
        assert scene.calls() == "RRC"


async def first_try_is_done_late_in_one_lane(scene: Scene) -> None:
    """The same with the first try; the second one gets a 400 before that is acted on."""
    async with scene.running():
        scene.do_the_next_call_late()
        scene.append(PAYMENTS, REFUND, KEY)
        scene.append(PAYMENTS, PAYMENT, KEY)
        assert await scene.settled() < 2 * TIMEOUT + 1
        await asyncio.sleep(GRACE)
        assert scene.calls() == "RRC"


async def within_the_grace(scene: Scene) -> None:
    """The refund comes first, from another partition; its payment half a minute later."""
    async with scene.running():
        scene.append(REFUNDS, REFUND)
        await asyncio.sleep(30)
        scene.append(PAYMENTS, PAYMENT)
        assert await scene.settled() < 1, "the capture wakes its remove"


async def after_the_grace(scene: Scene) -> None:
    """The payment comes when its refund is given up."""
    async with scene.running():
        scene.append(REFUNDS, REFUND)
        assert GRACE <= await scene.settled() < GRACE + 2
        scene.append(PAYMENTS, PAYMENT)
        await scene.settled()


async def without_a_grace(scene: Scene) -> None:
    """The refund is settled by its first 400."""
    async with scene.running():
        scene.append(REFUNDS, REFUND)
        assert await scene.settled() < 1
        scene.append(PAYMENTS, PAYMENT)
        await scene.settled()


async def never_captured(scene: Scene) -> None:
    """The payment of a guest was never sent."""
    async with scene.running():
        scene.append(REFUNDS, REFUND)
        await scene.settled()


async def neighbours_go_on(scene: Scene) -> None:
    """Behind the refund, with its key, come other payments; its own comes elsewhere."""
    async with scene.running():
        scene.append(REFUNDS, REFUND, OTHER_KEY)
        for name in (b"pay-2", b"pay-3"):
            scene.append(REFUNDS, name, OTHER_KEY)
        assert await scene.until(lambda: len(scene.api.recorded()) == 2) < 1, "its lane is free"
        assert scene.source.committed(REFUNDS) == 0, "and the refund holds the offset"
        scene.append(PAYMENTS, PAYMENT)
        assert await scene.settled() < 1


async def lagging_partition(scene: Scene) -> None:
    """Hours of payments wait, and the refund is at the end of a topic of its own."""
    async with scene.running() as rig:
        rig.api.hold("pay-old")
        scene.append(PAYMENTS, b"pay-old", b"lane", ago=10_800)
        scene.append(PAYMENTS, PAYMENT, b"lane", ago=7_200)
        scene.append(REFUNDS, REFUND)
        await asyncio.sleep(5 * GRACE)
        assert "C" not in scene.calls()
        assert scene.refund() is None, "the clock does not run"
        rig.api.let_go("pay-old")
        assert await scene.settled() < 1


async def unreadable_payment(scene: Scene) -> None:
    """The payment is there and can't be read, for longer than the grace."""
    scene.unreadable.add(PAYMENT)
    async with scene.running() as rig:
        scene.append(PAYMENTS, PAYMENT)
        scene.append(REFUNDS, REFUND)
        await asyncio.sleep(5 * GRACE)
        assert scene.refund() is None
        rig.decoder.trouble.clear()
        await scene.settled()


async def outage(scene: Scene) -> None:
    """The API is away for longer than the grace; the payment comes half a minute after that."""
    async with scene.running():
        scene.append(REFUNDS, REFUND)
        await asyncio.sleep(20)
        scene.api.down = Response(503)
        await asyncio.sleep(5 * GRACE)
        assert scene.refund() is None
        scene.api.down = None
        before = scene.calls()
        await scene.until(lambda: scene.calls() != before)
        await asyncio.sleep(30)
        scene.append(PAYMENTS, PAYMENT)
        await scene.settled()


async def outage_of_both(scene: Scene) -> None:
    """An outage makes the outcome of the refund unknown, and holds up its payment as well."""
    async with scene.running():
        scene.api.down = Response(502)
        scene.append(REFUNDS, REFUND)
        await asyncio.sleep(5)
        scene.append(PAYMENTS, PAYMENT)
        await asyncio.sleep(2 * GRACE)
        scene.api.down = None
        await scene.settled()


async def echo(scene: Scene) -> None:
    """The remove is done, and its answer gets lost."""
    async with scene.running():
        scene.append(PAYMENTS, PAYMENT)
        await scene.settled()
        await asyncio.sleep(1)
        scene.api.deaf.add(PAY)
        scene.append(REFUNDS, REFUND)
        assert await scene.settled() < 3, "it is settled at once"
        assert scene.calls() == "CRR"


async def no_echo(scene: Scene) -> None:
    """The first try fails with an unknown outcome, and was not done; the payment comes behind the second."""
    async with scene.running():
        scene.api.script[PAY].append(Response(500))
        scene.append(REFUNDS, REFUND)
        assert await scene.settled() < 3
        scene.append(PAYMENTS, PAYMENT)
        await scene.settled()
        assert scene.calls() == "RRC"


async def capture_is_tried_again(scene: Scene) -> None:
    """The payment is recorded and its answer gets lost; the refund comes before it is sent again."""
    async with scene.running():
        scene.api.deaf.add(PAY)
        scene.append(PAYMENTS, PAYMENT)
        await scene.until(lambda: scene.calls() and not scene.api.on_wire)
        scene.append(REFUNDS, REFUND)
        await scene.settled()
        assert scene.calls() == "CCR"


async def one_on_the_wire(
    scene: Scene, first: tuple[Partition, bytes], second: tuple[Partition, bytes], calls: str
) -> None:
    """Let the second record come while the first is on the wire, and see which calls there are in the end."""
    async with scene.running() as rig:
        rig.api.hold(PAY)
        scene.append(*first)
        await scene.until(lambda: rig.api.on_wire)
        scene.append(*second)
        await asyncio.sleep(5)
        assert scene.calls() == calls[0], "it waits and does not race"
        rig.api.let_go(PAY)
        assert await scene.settled() < 1
        assert scene.calls() == calls


async def capture_on_the_wire(scene: Scene) -> None:
    """The refund comes while its payment is on the wire from another partition."""
    await one_on_the_wire(scene, (PAYMENTS, PAYMENT), (REFUNDS, REFUND), "CR")


async def refund_on_the_wire(scene: Scene) -> None:
    """The payment comes while its refund is on the wire from another partition."""
    await one_on_the_wire(scene, (REFUNDS, REFUND), (PAYMENTS, PAYMENT), "RCR")


async def two_refunds(scene: Scene) -> None:
    """A refund and a chargeback of one payment, both before it."""
    async with scene.running():
        scene.append(REFUNDS, REFUND, KEY)
        scene.append(REFUNDS, CHARGEBACK, KEY)
        await asyncio.sleep(30)
        scene.append(PAYMENTS, PAYMENT)
        await scene.settled()


async def restart(scene: Scene) -> None:
    """The service is restarted within the grace; the payment comes when the first one would be over."""
    async with scene.running() as rig:
        scene.append(REFUNDS, REFUND)
        await asyncio.sleep(40)
        assert rig.pipeline.graces.waiting == 1
    assert scene.source.committed(REFUNDS) == 0
    async with scene.running():
        await asyncio.sleep(40)
        scene.append(PAYMENTS, PAYMENT)
        await scene.settled()


async def revocation(scene: Scene) -> None:
    """The refund's partition is taken away within the grace, and comes back when its payment is there."""
    async with scene.running() as rig:
        scene.append(REFUNDS, REFUND)
        await asyncio.sleep(40)
        await scene.source.revoke(REFUNDS)
        assert rig.pipeline.graces.waiting == 0
        assert rig.metric("records_released_total", topic="refunds") == 1
        scene.append(PAYMENTS, PAYMENT)
        await asyncio.sleep(10)
        assert scene.calls().endswith("C")
        scene.source.assign(REFUNDS)
        await scene.settled()


async def crash_with_both(scene: Scene) -> None:
    """The process that tries to send both is killed; the next one reads both again."""
    async with scene.running(crash=True):
        scene.api.down = Response(503)
        scene.append(REFUNDS, REFUND)
        scene.append(PAYMENTS, PAYMENT)
        await asyncio.sleep(2 * GRACE)
    scene.api.down = None
    async with scene.running():
        await scene.settled()


async def crash_with_the_refund_alone(scene: Scene) -> None:
    """The next process gets the refund only and knows nothing of the payment; another is late with it."""
    async with scene.running(crash=True):
        scene.api.down = Response(503)
        scene.append(REFUNDS, REFUND)
        scene.append(PAYMENTS, PAYMENT)
        await asyncio.sleep(2 * GRACE)
    scene.api.down = None
    async with scene.running(REFUNDS):
        await scene.settled(REFUNDS)
        scene.another_process_captures()


async def another_process(scene: Scene) -> None:
    """The payment is in a partition of another process, which sends it within the grace."""
    async with scene.running():
        scene.append(REFUNDS, REFUND)
        await asyncio.sleep(50)
        scene.another_process_captures()
        assert await scene.settled() < 11


async def crash_behind_both(scene: Scene) -> None:
    """Both are done; the commit of the payment is lost in a crash, that of the refund is not."""
    async with scene.running():
        scene.append(PAYMENTS, PAYMENT)
        await scene.settled()
        scene.append(REFUNDS, REFUND)
        await scene.settled()
    del scene.source.stored[PAYMENTS]
    async with scene.running():
        await scene.settled()
        assert scene.calls() == "CRC"


async def crash_behind_both_in_one_lane(scene: Scene) -> None:
    """Both are done and neither is committed: both are sent again, in their order."""
    async with scene.running(crash=True):
        scene.append(PAYMENTS, PAYMENT, KEY)
        scene.append(PAYMENTS, REFUND, KEY)
        await scene.until(lambda: scene.calls() == "CR" and not scene.api.on_wire)
    async with scene.running():
        await scene.settled()
        assert scene.calls() == "CRCR"


async def capture_is_given_up_on_the_wire(scene: Scene) -> None:
    """The partition of the payment is revoked while it is on the wire; its refund is here and stays."""
    async with scene.running() as rig:
        rig.api.hold(PAY)
        scene.append(PAYMENTS, PAYMENT)
        await scene.until(lambda: rig.api.on_wire)
        scene.append(REFUNDS, REFUND)
        await scene.until(lambda: rig.pipeline.graces.waiting)
        revocation = asyncio.create_task(scene.source.revoke(PAYMENTS, seconds=30))
        await asyncio.sleep(20)
        assert scene.calls() == "C", "it waits and does not race"
        rig.api.let_go(PAY)
        await revocation
        scene.source.assign(PAYMENTS)
        await scene.settled()
        assert scene.calls() == "CR"


async def capture_is_given_up_unknown(scene: Scene) -> None:
    """Its answer is lost, and its partition revoked before it is sent again: the next owner does that."""
    async with scene.running() as rig:
        scene.api.deaf.add(PAY)
        rig.api.hold(PAY)
        scene.append(PAYMENTS, PAYMENT)
        await scene.until(lambda: rig.api.on_wire)
        revocation = asyncio.create_task(scene.source.revoke(PAYMENTS))
        await asyncio.sleep(1)
        rig.api.let_go(PAY)
        await revocation
        scene.append(REFUNDS, REFUND)
        await scene.settled(REFUNDS)
        scene.source.assign(PAYMENTS)
        await scene.settled()
        assert scene.calls() == "CRC"


def _is_never_behind(removals: Removals, now: float, *_: object) -> None:
    """Stand in for a look at the process, and see nothing that is old."""
    _LOOK(removals, now, (), ())


_LOOK: Final = Removals.look

ROWS: Final = (
    Row("payment, then refund, same partition and key", Payment.GONE, Refund.DELIVERED, in_order),
    Row(
        "payment, refund, payment again, same partition and key",
        Payment.COUNTED,
        Refund.DELIVERED,
        again_in_order,
    ),
    Row(
        "refund, then payment, same partition and key: the log is right",
        Payment.COUNTED,
        Refund.NOTHING,
        refund_first_in_one_lane,
    ),
    Row(
        "the same while the refund is on the wire once more: the payment waits for its answer",
        Payment.COUNTED,
        Refund.NOTHING,
        refund_on_the_wire_in_one_lane,
    ),
    Row(
        "the same with a try that times out and is done 2 s later: the payment waits a timeout more",
        Payment.COUNTED,
        Refund.NOTHING,
        refund_is_done_late_in_one_lane,
    ),
    Row(
        "the same with the first try",
        Payment.COUNTED,
        Refund.NOTHING,
        first_try_is_done_late_in_one_lane,
    ),
    Row("refund elsewhere, payment within the grace", Payment.GONE, Refund.DELIVERED, within_the_grace),
    Row("refund elsewhere, payment after the grace", Payment.COUNTED, Refund.NOTHING, after_the_grace),
    Row(
        "the same with `nothing_to_remove: dead_letter`",
        Payment.COUNTED,
        Refund.LETTER,
        after_the_grace,
        policy="dead_letter",
    ),
    Row("the same with a grace of 0", Payment.COUNTED, Refund.NOTHING, without_a_grace, grace=0.0),
    Row("refund of a payment that was never sent (a guest's)", Payment.GONE, Refund.NOTHING, never_captured),
    Row(
        "refund elsewhere, behind it other payments with its key: they don't wait",
        Payment.GONE,
        Refund.DELIVERED,
        neighbours_go_on,
    ),
    Row(
        "payment in a partition that lags by hours, refund at the end of another",
        Payment.GONE,
        Refund.DELIVERED,
        lagging_partition,
    ),
    Row(
        "payment that can't be read for longer than the grace (registry away)",
        Payment.GONE,
        Refund.DELIVERED,
        unreadable_payment,
    ),
    Row(
        "refund elsewhere, an outage of the API within its grace, payment 30 s after that",
        Payment.GONE,
        Refund.DELIVERED,
        outage,
    ),
    Row(
        "refund and payment both in an outage, with unknown outcomes",
        Payment.GONE,
        Refund.DELIVERED,
        outage_of_both,
    ),
    Row(
        "payment, then refund; the answer to the remove is lost, and the next try gets a 400",
        Payment.GONE,
        Refund.NOTHING,
        echo,
    ),
    Row(
        "the same with `nothing_to_remove: dead_letter`: it is no dead letter",
        Payment.GONE,
        Refund.NOTHING,
        echo,
        policy="dead_letter",
    ),
    Row(
        "refund elsewhere, its first try gets a 5xx and was not done, the next a 400; then payment",
        Payment.COUNTED,
        Refund.NOTHING,
        no_echo,
    ),
    Row(
        "payment whose answer is lost, refund elsewhere before it is sent again",
        Payment.GONE,
        Refund.DELIVERED,
        capture_is_tried_again,
    ),
    Row(
        "refund elsewhere while the payment is on the wire",
        Payment.GONE,
        Refund.DELIVERED,
        capture_on_the_wire,
    ),
    Row(
        "payment while its refund elsewhere is on the wire: the payment waits for its answer",
        Payment.GONE,
        Refund.DELIVERED,
        refund_on_the_wire,
    ),
    Row(
        "refund and chargeback elsewhere, payment within their graces",
        Payment.GONE,
        Refund.BOTH,
        two_refunds,
    ),
    Row(
        "refund elsewhere, a restart within its grace, payment within the new one",
        Payment.GONE,
        Refund.DELIVERED,
        restart,
    ),
    Row(
        "refund elsewhere, its partition is revoked within its grace, payment before it comes back",
        Payment.GONE,
        Refund.DELIVERED,
        revocation,
    ),
    Row(
        "both in an outage, a crash, and one process gets both again",
        Payment.GONE,
        Refund.DELIVERED,
        crash_with_both,
    ),
    Row(
        "both in an outage, a crash, and the process that gets the payment is behind by more than the grace",
        Payment.COUNTED,
        Refund.NOTHING,
        crash_with_the_refund_alone,
    ),
    Row(
        "refund here, payment sent by another process within the grace",
        Payment.GONE,
        Refund.DELIVERED,
        another_process,
    ),
    Row(
        "payment and refund elsewhere, both done; a crash before the payment's offset is committed",
        Payment.COUNTED,
        Refund.DELIVERED,
        crash_behind_both,
    ),
    Row(
        "the same with one partition and key: both are sent again",
        Payment.GONE,
        Refund.DELIVERED,
        crash_behind_both_in_one_lane,
    ),
    Row(
        "payment whose partition is revoked while it is on the wire, refund elsewhere: that waits",
        Payment.GONE,
        Refund.DELIVERED,
        capture_is_given_up_on_the_wire,
    ),
    Row(
        "payment whose answer is lost, its partition revoked before it is sent again, refund elsewhere stays",
        Payment.COUNTED,
        Refund.DELIVERED,
        capture_is_given_up_unknown,
    ),
)


def play(row: Row) -> None:
    """Play a row, and compare what is left with it."""

    async def scene() -> None:
        stage = Scene(row.grace, row.policy)
        await row.play(stage)
        assert stage.refund() is row.refund
        assert (PAY in stage.api.recorded()) == (row.payment is Payment.COUNTED)
        assert not stage.api.overlapped, "no two calls about the payment at once"

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(scene())


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.play.__name__}-{row.policy}" for row in ROWS])
def test_an_interleaving_ends_as_the_table_says(row: Row) -> None:
    """The payment is gone or counted, and the refund's record settled, as the row has it."""
    play(row)


@pytest.mark.parametrize(
    ("owner", "name", "broken", "seen_by"),
    [
        pytest.param(Answering, "failed", lambda _: None, outage, id="a-clock-that-runs-in-an-outage"),
        pytest.param(Lanes, "step_aside", Lanes.park, neighbours_go_on, id="a-grace-that-blocks-its-lane"),
        pytest.param(
            Graces, "in_the_way", lambda *_: False, refund_first_in_one_lane, id="a-late-remove-in-one-lane"
        ),
        pytest.param(
            Removals,
            "being_removed",
            lambda *_: False,
            refund_on_the_wire,
            id="a-remove-that-meets-its-capture",
        ),
        pytest.param(
            Removals,
            "may_be_removed_late",
            lambda *_: False,
            first_try_is_done_late_in_one_lane,
            id="a-capture-that-does-not-wait-for-a-late-remove",
        ),
        pytest.param(
            Removals,
            "found_nothing",
            lambda *_, echo: Ended.ECHO if echo else Ended.NOTHING_FOUND,
            within_the_grace,
            id="settled-before-the-grace",
        ),
        pytest.param(
            Removals,
            "pending",
            lambda *_: False,
            capture_is_tried_again,
            id="a-remove-that-races-its-capture",
        ),
        pytest.param(
            Removals, "look", _is_never_behind, lagging_partition, id="a-clock-that-runs-behind-a-backlog"
        ),
        pytest.param(Removals, "settled", lambda *_: [], within_the_grace, id="a-capture-that-wakes-nobody"),
        pytest.param(
            Removals,
            "left",
            lambda *_: None,
            capture_is_given_up_on_the_wire,
            id="a-capture-that-is-forgotten-on-the-wire",
        ),
        pytest.param(Graces, "forget", lambda *_: None, revocation, id="a-grace-that-outlives-its-partition"),
    ],
)
def test_a_planted_fault_is_seen(
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    name: str,
    broken: Callable[..., object],
    seen_by: Callable[[Scene], Awaitable[None]],
) -> None:
    """Each rule of the grace has a row that fails without it."""
    (row,) = (row for row in ROWS if row.play is seen_by)
    play(row)
    monkeypatch.setattr(owner, name, broken)
    with pytest.raises(AssertionError):
        play(row)


def test_the_page_has_the_table() -> None:
    """``docs/refunds.md`` says what is played here, row for row."""
    text = PAGE.read_text("utf-8")
    table = text[text.index("| what happens | payment | refund |") :].split("\n\n")[0]
    assert table.splitlines()[2:] == [row.line for row in ROWS]
