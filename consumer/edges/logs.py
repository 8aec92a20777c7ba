"""The log: lines of JSON on standard output, or coloured text on a terminal.

Standard output, because the service's log is its output and a container's runtime collects it there. What a
line may say is in ``consumer.core.operations.logbook``; this module lets nothing else through, makes control
characters visible, leaves repeats out, and never waits for whoever reads the lines.
"""

import json
import logging
import math
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Literal, Self, TypeAlias, Unpack

import structlog

from consumer.core.operations.logbook import (
    ADDED_FIELDS,
    DISTINCT_BY,
    EACH_WRITTEN,
    FIELDS,
    Event,
    Fields,
    Level,
    Repeats,
)
from consumer.core.operations.traces import trace_of

#: Longer texts are cut: nothing that we say on purpose is that long.
MAX_TEXT: Final = 1000

#: Bytes of lines that wait for a slow reader; more are dropped and counted.
MAX_BACKLOG: Final = 1 << 20

#: Seconds that :meth:`Logs.close` waits for the reader.
CLOSE_SECONDS: Final = 1.0

_LineFields: TypeAlias = MutableMapping[str, object]


class Logs:
    """The log of the process; itself a :class:`~consumer.core.logbook.Log`.

    As a context manager it also takes the warnings and errors of libraries that use Python's logging (with
    ``level`` debug: everything that librdkafka says), and gives both back at the end. ``fd`` is the file
    descriptor written to; ``now`` and ``monotonic`` are the clocks.
    """

    def __init__(
        self,
        level: Literal["debug", "info", "warning", "error"] = "info",
        style: Literal["auto", "json", "console"] = "auto",
        *,
        fd: int = 1,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._level: Final = Level[level.upper()]
        self._now: Final = now
        self._monotonic: Final = monotonic
        self._output: Final = _Output(fd)
        self._reported_drops = 0
        self._repeats: Final = Repeats()
        self._bridge: Final = _Bridge(self._write)
        self._logger: Final = structlog.wrap_logger(
            _Sink(self._output),
            processors=[_only_known_fields, _harmless, self._stamped, _renderer(style, fd)],
            wrapper_class=structlog.make_filtering_bound_logger(self._level),
        )
        #: For the ``logger`` property of Kafka clients.
        self.librdkafka: Final = logging.getLogger("librdkafka")

    def __call__(self, event: Event, **fields: Unpack[Fields]) -> None:
        """Log ``event``. Never waits and never raises; may be called from any thread."""
        self._write(event.level, event, **fields)

    def __enter__(self) -> Self:
        """Take what libraries log."""
        root = logging.getLogger()
        self._before = (root.level, self.librdkafka.level)
        root.addHandler(self._bridge)
        root.setLevel(logging.WARNING)
        verbose = self._level is Level.DEBUG
        self.librdkafka.setLevel(logging.DEBUG if verbose else logging.WARNING)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give back what was taken, and write what still waits (see :meth:`close`)."""
        root = logging.getLogger()
        root.removeHandler(self._bridge)
        root.setLevel(self._before[0])
        self.librdkafka.setLevel(self._before[1])
        self.close()

    def close(self) -> None:
        """Write the lines that still wait, for at most :data:`CLOSE_SECONDS`."""
        self._output.flush(CLOSE_SECONDS)

    @property
    def dropped(self) -> int:
        """Lines lost so far because nobody read the output."""
        return self._output.dropped

    def _write(self, level: Level, event: Event, **fields: Unpack[Fields]) -> None:
        if level < self._level:
            return
        suppressed = self._suppressed(level, event, fields)
        if suppressed is None:
            return
        extra = {"suppressed": suppressed} if suppressed else {}
        self._logger.log(level, event.value, **fields, **extra)
        lost = self._output.dropped - self._reported_drops
        if lost and self._output.is_clear:
            self._reported_drops += lost
            self._logger.log(Event.LOG_LINES_DROPPED.level, Event.LOG_LINES_DROPPED.value, count=lost)

    def _suppressed(self, level: Level, event: Event, fields: Fields) -> int | None:
        if level is Level.DEBUG:
            return 0  # who asks for debug wants all of it
        if event in EACH_WRITTEN:
            return 0
        key = (event, *(str(fields.get(name, "")) for name in DISTINCT_BY))
        return self._repeats.admit(key, self._monotonic())

    def _stamped(self, _logger: object, method: str, line: _LineFields) -> _LineFields:
        at = self._now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"timestamp": at, "level": method, "event": line.pop("event"), **line}


def _only_known_fields(_logger: object, _method: str, line: _LineFields) -> _LineFields:
    """Leave out fields that are not on the list, and say how many."""
    known = {name: value for name, value in line.items() if name in FIELDS or name in ADDED_FIELDS}
    if len(known) < len(line):
        known["fields_dropped"] = len(line) - len(known)
    return known


def _harmless(_logger: object, _method: str, line: _LineFields) -> _LineFields:
    """Make each value a number or one line of printable text; what is neither becomes ``***``."""
    return {name: _value(value) for name, value in line.items() if value is not None}


def _value(value: object) -> object:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no such number
    return value if isinstance(value, int | float) else "***"


def printable(text: str) -> str:
    """Return ``text`` in one line: control characters, ANSI and bidi codes escaped, cut to its bound."""
    cut = str(text) if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
    if cut.isprintable():
        return cut
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)


def _renderer(style: str, fd: int) -> Callable[[object, str, _LineFields], str]:
    terminal = os.isatty(fd)
    if style == "json" or (style == "auto" and not terminal):
        return lambda _logger, _method, line: json.dumps(line, ensure_ascii=False)
    # https://no-color.org: any value but an empty one means no colours.
    console = structlog.dev.ConsoleRenderer(
        colors=terminal and not os.environ.get("NO_COLOR"), sort_keys=False
    )
    return lambda logger, method, line: console(logger, method, dict(line))


class _Sink:
    """What structlog calls with a rendered line, by the name of its level."""

    def __init__(self, output: "_Output") -> None:
        self.debug = self.info = self.warning = self.error = output.write


class _Output:
    """Lines to a file descriptor, never waiting for its reader.

    A descriptor that poll calls writable takes PIPE_BUF bytes without blocking (pipe(7)); what it does not
    take waits in a bounded backlog for the next line. A lock, because the Kafka client logs from its thread.
    """

    _PIECE: Final = select.PIPE_BUF

    def __init__(self, fd: int) -> None:
        self._fd: Final = fd
        self._poll: Final = select.poll()
        self._poll.register(fd, select.POLLOUT)
        self._lock: Final = threading.RLock()
        self._backlog: deque[bytes] = deque()
        self._bytes = 0
        self._busy = False
        self.dropped = 0

    @property
    def is_clear(self) -> bool:
        """Whether no line waits."""
        return not self._backlog

    def write(self, text: str) -> None:
        """Write ``text`` and a newline now, or later, or count it as dropped."""
        line = text.encode("utf-8", "backslashreplace") + b"\n"
        with self._lock:
            self._push()
            if self._bytes + len(line) > MAX_BACKLOG:
                self.dropped += 1
                return
            self._backlog.append(line)
            self._bytes += len(line)
            self._push()

    def flush(self, seconds: float) -> None:
        """Write what waits; after ``seconds`` only what the reader takes at once."""
        with self._lock:
            self._push(until=time.monotonic() + seconds)

    def _push(self, until: float = 0.0) -> None:
        if self._busy:
            return  # a finaliser logs in the midst of a write, in the same thread
        self._busy = True
        try:
            while self._backlog and self._poll.poll(max(0, (until - time.monotonic()) * 1000)):
                self._push_one()
        except BlockingIOError:
            pass  # somebody else filled it meanwhile
        except OSError:
            self._lose()
        finally:
            self._busy = False

    def _push_one(self) -> None:
        line = self._backlog[0]
        written = os.write(self._fd, line[: self._PIECE])
        self._bytes -= written
        if written < len(line):
            self._backlog[0] = line[written:]
        else:
            self._backlog.popleft()

    def _lose(self) -> None:
        """Count what waits as lost: the reader is gone, and the service goes on without a log."""
        self.dropped += len(self._backlog)
        self._backlog.clear()
        self._bytes = 0


class _Bridge(logging.Handler):
    """Brings what libraries log through Python's logging into our log, in one line and without objects."""

    def __init__(self, write: Callable[..., None]) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        """Log ``record`` as a library's message."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # arguments that don't fit: a library's bug is no reason to fail
            text = str(record.msg)
        fields = Fields(logger=record.name, message=text.partition("\n")[0])
        if record.exc_info and record.exc_info[1]:
            fields["trace"] = trace_of(record.exc_info[1])
        # Later lines of a message may show objects (asyncio prints tasks with their results): left out.
        self._write(_level(record.levelno), Event.LIBRARY_MESSAGE, **fields)


def _level(number: int) -> Level:
    return max((level for level in Level if level <= number), default=Level.DEBUG)
