"""Partitions whose next offset is gone from the log: held, or brought back to their beginning."""

from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from consumer.core.partitions.offsets import Assigned
from consumer.core.records import Partition
from consumer.edges.kafka.bridge import Bridge
from consumer.edges.kafka.epochs import Epochs
from consumer.edges.kafka.messages import name_of
from consumer.edges.kafka.starting import READ_SECONDS


class Ranges:
    """What to do where retention was faster. For the consumer's thread.

    ``restart``: go on at the beginning, else the listener is told and holds the partition.
    """

    def __init__(self, consumer: Consumer, epochs: Epochs, bridge: Bridge, *, restart: bool) -> None:
        self._consumer: Final = consumer
        self._epochs: Final = epochs
        self._bridge: Final = bridge
        self._restart: Final = restart
        self._adrift: Final[dict[Partition, int]] = {}

    def left(self, partition: Partition, wanted: int) -> None:
        """Note that the offset ``wanted`` of a partition does not exist."""
        if partition not in self._epochs:
            return
        if self._restart:
            self._adrift[partition] = wanted
        else:
            self._bridge.tell(lambda: self._bridge.listener.out_of_range(partition))

    def bring_back(self) -> None:
        """Let partitions whose next offset is gone go on at their beginning; a failure is tried again."""
        for partition, wanted in list(self._adrift.items()):
            if partition in self._epochs:
                try:
                    self._restart_at_beginning(partition, wanted)
                except KafkaException as error:
                    self._bridge.report("start_unknown", name_of(error))
                    continue
            del self._adrift[partition]

    def _restart_at_beginning(self, partition: Partition, wanted: int) -> None:
        where = TopicPartition(*partition)
        low, _ = self._consumer.get_watermark_offsets(where, timeout=READ_SECONDS)
        self._bridge.report("out_of_range", f"{partition} goes on at its beginning")
        # A seek is refused: the client has ended the fetching of the partition.
        self._consumer.incremental_unassign([where])
        self._consumer.incremental_assign([TopicPartition(*partition, low)])
        # Retention has overtaken us: the records in memory are the only copies, and stay ours.
        if low < wanted:
            self._begin_anew(partition, low)

    def _begin_anew(self, partition: Partition, low: int) -> None:
        """Forget what is known of a partition: its log is shorter now, and offsets mean other records."""
        listener = self._bridge.listener
        given = Assigned(partition, self._epochs.begin(partition), low, fresh=True)
        self._bridge.tell(lambda: listener.forget([partition], lost=True))
        self._bridge.tell(lambda: listener.assigned([given]))
        self._consumer.resume([TopicPartition(*partition)])
