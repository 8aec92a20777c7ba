"""Runs in the toolbox pod: does with Kafka what a test asks for, beside the brokers and on their clock.

``python -m tests.kubernetes.agent BOOTSTRAP_SERVERS`` reads one ``wire.Command`` a line and answers each. An
error ends it with a traceback on its error output; the test sees both.
"""

import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final, assert_never

import msgspec

from consumer.core.records import Record
from tests.kubernetes import wire
from tests.support.broker import Kafka, Kind
from tests.support.stage import Commits
from tests.support.topics import Outgoing, Topics

#: Seconds of the load that are written together.
SLICE: Final = 0.25


class Load:
    """Writes records at a rate, from a thread, until they are written or it is ended."""

    def __init__(self, topics: Topics, topic: str, records: Sequence[Outgoing], rate: float) -> None:
        self.written: Final[list[Record]] = []
        self._writer: Final = topics.writer()
        self._topic: Final = topic
        self._records: Final = records
        self._rate: Final = rate
        self._stop: Final = threading.Event()
        self._thread: Final = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def end(self) -> Sequence[Record]:
        """Write no more and return what was written."""
        self._stop.set()
        self._thread.join()
        return self.written

    def _write(self) -> None:
        began, done = time.monotonic(), 0
        while done < len(self._records) and not self._stop.wait(SLICE):
            due = min(len(self._records), int((time.monotonic() - began) * self._rate))
            self.written.extend(self._writer.write(self._topic, self._records[done:due]))
            done = due


class Agent:
    """Answers commands. At most one load and one watch are under way."""

    def __init__(self, topics: Topics) -> None:
        self._topics: Final = topics
        self._load: Load | None = None
        self._watch: Commits | None = None

    def answer(self, command: wire.Command) -> msgspec.Struct | None:
        """Do what is asked and return the answer that belongs to it."""
        match command:
            case wire.Clock():
                return wire.Now(time.monotonic(), time.time())
            case wire.Watch() | wire.Commits() | wire.Progress():
                return self._look(command)
            case wire.Create() | wire.Produce() | wire.Load() | wire.Unload() | wire.Read():
                return self._handle(command)
            case _:
                assert_never(command)

    def close(self) -> None:
        """End the watch."""
        if self._watch:
            self._watch.close()

    def _handle(self, command: wire.OnTopics) -> msgspec.Struct | None:
        match command:
            case wire.Create():
                self._topics.create(command.topic, command.partitions, command.config)
            case wire.Load():
                self._load = Load(self._topics, command.topic, command.records, command.rate)
            case wire.Produce():
                return wire.Written(self._topics.produce(command.topic, command.records))
            case wire.Unload():
                assert self._load, "there is no load"
                return wire.Written(self._load.end())
            case wire.Read():
                return wire.Written(self._topics.read(command.topic))
            case _:
                assert_never(command)
        return None

    def _look(self, command: wire.OnCommits) -> msgspec.Struct | None:
        if isinstance(command, wire.Watch):
            self.close()
            self._watch = Commits(self._topics, command.group, self._topics.partitions(command.topic))
            return None
        assert self._watch, "there is no watch"
        if isinstance(command, wire.Progress):
            ends = self._topics.end_offsets(command.topic)
            return wire.Reached(list(ends.items()), list(self._watch.latest().items()))
        if command.final:
            self._watch.close()
        return wire.Seen(tuple(self._watch.seen))


def main() -> None:
    """Answer until the input ends."""
    agent = Agent(Topics(Kafka(Kind.ENV, sys.argv[1])))
    with ExitStack() as stack:
        stack.callback(agent.close)
        for line in sys.stdin.buffer:
            answer = agent.answer(msgspec.json.decode(line, type=wire.Command))
            sys.stdout.buffer.write(wire.ANSWER + msgspec.json.encode(answer) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
