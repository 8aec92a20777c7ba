"""Commits on their way: sent without waiting, matched with their answers, read back where it must be sure."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from consumer.core.partitions.offsets import Position, Positions
from consumer.core.records import Partition
from consumer.edges.kafka.bridge import SLICE_SECONDS, Bridge
from consumer.edges.kafka.epochs import Epochs
from consumer.edges.kafka.messages import name_of, offsets_of
from consumer.edges.kafka.starting import READ_SECONDS


class _Sent(NamedTuple):
    """A commit on its way. ``answer`` is None where it is read back instead."""

    positions: Positions
    answer: asyncio.Future[Positions] | None


class Commits:
    """The commits of one consumer. For the consumer's thread."""

    def __init__(self, consumer: Consumer, epochs: Epochs, bridge: Bridge) -> None:
        self._consumer: Final = consumer
        self._epochs: Final = epochs
        self._bridge: Final = bridge
        self._sent: Final[deque[_Sent]] = deque()

    def send(self, positions: Positions, answer: asyncio.Future[Positions]) -> None:
        """Commit; ``answer`` gets what the broker confirms."""
        ours = self._still_ours(positions)
        try:
            if ours:
                self._commit(ours, answer)
            else:
                self._bridge.answer(answer, {})
        except KafkaException:
            self._bridge.answer(answer, {})

    def store(self, positions: Positions, seconds: float) -> Positions:
        """Commit and read back until stored or ``seconds`` are over; return what is known to be stored."""
        deadline = time.monotonic() + seconds
        left = self._still_ours(positions)
        stored: dict[Partition, Position] = {}
        while left and (remaining := deadline - time.monotonic()) > 0:
            try:
                self._commit(dict(left), None)
                found = self._consumer.committed(offsets_of(left), timeout=min(remaining, READ_SECONDS))
            except KafkaException as error:
                self._bridge.report("commit_refused", name_of(error))
                time.sleep(SLICE_SECONDS)
                continue
            for entry in found:
                position = left.get(partition := Partition(entry.topic, entry.partition))
                if position is not None and (entry.offset, entry.metadata or "") == (
                    position.offset,
                    position.metadata,
                ):
                    stored[partition] = left.pop(partition)
            if left:
                time.sleep(SLICE_SECONDS)
        return stored

    def store_unseen(self, positions: Positions) -> Positions:
        """Commit inside close: it waits for the commit's answer itself, and would leave a read unanswered."""
        with suppress(KafkaException):
            if left := self._still_ours(positions):
                self._commit(left, None)
        return {}

    def answered(self, error: KafkaError | None, partitions: Sequence[TopicPartition]) -> None:
        """Match an answer of the broker with its commit; called by the client."""
        if not self._sent:
            return
        # The broker answers in order. The comparison below is for the case that the client once does not.
        sent, answer = self._sent.popleft()
        confirmed = {}
        for entry in partitions:
            position = sent.get(partition := Partition(entry.topic, entry.partition))
            stored = error is None and entry.error is None
            if stored and position is not None and position.offset == entry.offset:
                confirmed[partition] = position
        if error is not None:
            self._bridge.report("commit_refused", error.name())
        if answer is not None:
            self._bridge.answer(answer, confirmed)

    def _still_ours(self, positions: Positions) -> dict[Partition, Position]:
        """Return what may be committed. The broker would take an old owner's commit, also a lower one."""
        return {
            partition: position
            for partition, position in positions.items()
            if self._epochs.of(partition) == position.epoch
        }

    def _commit(self, positions: Positions, answer: asyncio.Future[Positions] | None) -> None:
        self._consumer.commit(offsets=offsets_of(positions), asynchronous=True)
        self._sent.append(_Sent(positions, answer))
