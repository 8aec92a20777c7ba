"""What others see of the running service: gauges, health and status, read from where the facts are."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, Unpack

from consumer import __version__
from consumer.core.api.verdicts import HoldCause
from consumer.core.operations.cures import ADVICE, NOT_READY
from consumer.core.operations.logbook import Event, Fields, Level, Log
from consumer.core.operations.status import Health, HoldStatus, LastError, PartitionStatus, Status
from consumer.core.records import Partition
from consumer.edges.kafka.statistics import Ends
from consumer.edges.metrics import Gauges
from consumer.flow.pipeline import Pipeline
from consumer.flow.traffic import Traffic

#: Seconds without a tick after which a loop counts as stuck.
STUCK_SECONDS: Final = 60.0


class Group(Protocol):
    """What the Kafka source knows of the group."""

    ends: Ends
    joined: bool
    polled_at: float


class ErrorBook:
    """A log that also remembers the latest warning or error of each kind."""

    def __init__(self, log: Log) -> None:
        self._log: Final = log
        self._errors: Final[dict[str, LastError]] = {}

    def __call__(self, event: Event, **fields: Unpack[Fields]) -> None:
        """Log an event, and remember it if it is a warning or worse."""
        self._log(event, **fields)
        if event.level >= Level.WARNING:
            before = self._errors.get(event)
            text = str(fields.get("error") or fields.get("cause") or fields.get("reason") or event.meaning)
            count = before.count + 1 if before is not None else 1
            self._errors[event] = LastError(event.value, datetime.now(UTC), text, count)

    def entries(self) -> tuple[LastError, ...]:
        """Return what is remembered, the newest first."""
        return tuple(sorted(self._errors.values(), key=lambda error: error.at, reverse=True))


class Report:
    """Answers the probes and the scrape. Reads only; cheap enough for every request."""

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        traffic: Traffic,
        group: Group,
        errors: ErrorBook,
        group_id: str,
        max_in_flight: int,
        config: Mapping[str, str],
    ) -> None:
        """Take the parts to read; ``config`` is the effective configuration with secrets masked."""
        self._pipeline: Final = pipeline
        self._traffic: Final = traffic
        self._group: Final = group
        self._errors: Final = errors
        self._group_id: Final = group_id
        self._max_in_flight: Final = max_in_flight
        self._config: Final = config
        self._started_at: Final = datetime.now(UTC)
        self._stuck = False
        self.draining = False

    def gauges(self) -> Gauges:
        """Return the gauges of this moment."""
        lanes, offsets = self._pipeline.lanes, self._pipeline.offsets
        now = self._traffic.clock()
        return Gauges(
            freshness_seconds=self._freshness(),
            lag={
                partition: lag
                for partition in offsets.next_offsets()
                if (lag := self._lag(partition)) is not None
            },
            uncommitted_age={
                partition: 0.0 if since is None else now - since
                for partition, since in offsets.uncommitted_since().items()
            },
            in_flight=self._pipeline.on_wire,
            queued=lanes.queued,
            parked=lanes.parked,
            rate_limit_per_second=self._traffic.pacer.per_second,
            holding=self._pipeline.holding(),
            auth_ok=self._traffic.auth_ok,
            assigned_partitions=len(offsets.next_offsets()),
            topic_partitions=sum(self._group.ends.partition_counts.values()),
        )

    def health(self) -> Health:
        """Return what the probes answer."""
        now = self._traffic.clock()
        stuck = now - min(self._group.polled_at, self._pipeline.ticked_at) > STUCK_SECONDS
        reasons = [f"hold {cause.value}: {ADVICE[cause].cure}" for cause in self._blocking()]
        if not self._group.joined:
            reasons.append("the consumer group is not joined yet")
        if self.draining:
            reasons.append("the service is stopping")
        ready = not (reasons or stuck)
        if stuck and not self._stuck:
            self._errors(Event.STUCK)
        self._stuck = stuck
        if stuck:
            reasons.append(f"a loop has not moved for {STUCK_SECONDS:.0f} s")
        return Health(started=True, live=not stuck, ready=ready, reasons=tuple(reasons))

    def status(self) -> Status:
        """Return everything that the status page shows."""
        gauges = self.gauges()
        return Status(
            version=__version__,
            group=self._group_id,
            started_at=self._started_at,
            at=datetime.now(UTC),
            health=self.health(),
            in_flight=gauges.in_flight,
            max_in_flight=self._max_in_flight,
            queued=gauges.queued,
            parked=gauges.parked,
            rate_limit_per_second=gauges.rate_limit_per_second,
            freshness_seconds=gauges.freshness_seconds,
            partitions=self._partitions(),
            holds=self._hold_statuses(),
            errors=self._errors.entries(),
            config=self._config,
        )

    def _blocking(self) -> list[HoldCause]:
        return sorted(self._pipeline.holding() & NOT_READY)

    def _freshness(self) -> float:
        oldest = self._pipeline.offsets.oldest_unsettled_ms()
        return 0.0 if oldest is None else max(0.0, time.time() - oldest / 1000)

    def _lag(self, partition: Partition) -> int | None:
        """Return the records from the committed offset to the end, None where either is not known."""
        end = self._group.ends.ends.get(partition)
        committed = self._pipeline.offsets.confirmed_offset(partition)
        return None if end is None or committed is None else max(0, end - committed)

    def _partitions(self) -> tuple[PartitionStatus, ...]:
        offsets, pauses = self._pipeline.offsets, self._pipeline.pauses()
        return tuple(
            PartitionStatus(
                topic=partition.topic,
                partition=partition.number,
                position=offsets.position(partition),
                committed=offsets.confirmed_offset(partition),
                lag=self._lag(partition),
                open=offsets.unsettled(partition),
                queued=self._pipeline.queued(partition),
                paused=pauses.get(partition, ""),
            )
            for partition in sorted(offsets.next_offsets())
        )

    def _hold_statuses(self) -> tuple[HoldStatus, ...]:
        now = datetime.now(UTC)
        since = self._pipeline.holdings.ages()
        return tuple(
            HoldStatus(cause, now - timedelta(seconds=since.get(cause, 0.0)), *ADVICE[cause])
            for cause in sorted(self._pipeline.holding())
        )
