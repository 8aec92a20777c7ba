"""``docs/logs.md``, from the list of events."""

from consumer.core.operations.logbook import (
    ADDED_FIELDS,
    DISTINCT_BY,
    EACH_WRITTEN,
    FIELDS,
    MAX_REPEATS,
    Event,
)
from docs.pages.markdown import code, table

_HEAD = f"""# Logs

<!-- Generated from consumer/core/operations/logbook.py by `make docs`. -->

The service logs to standard output, one line for each event: JSON, or coloured text where standard output is
a terminal (`log.format`). `log.level` sets the least level that is written.

- A record is named by `topic`, `partition` and `offset`. There is no field for its key, payload, ids or
  amounts, and nothing but the fields below is ever written.
- Control characters are escaped and long texts cut, so that a line is one line.
- The same event is written at most {MAX_REPEATS} times a minute for each combination of
  {", ".join(map(code, DISTINCT_BY))};
  the next line says in `suppressed` how many were left out. Level `debug` is not limited, nor is
  {", ".join(map(code, sorted(EACH_WRITTEN)))}.
- A reader that is slow or gone never stops the service: up to 1 MiB waits for it, what is more is lost and
  counted in `log_lines_dropped`.
- A `trace` has types of errors and lines of code, but no values, and texts only of the service's own errors.
- Warnings of librdkafka, aiohttp, httpx and asyncio come as `library_message`, their first line only. With
  level `debug` so does everything that librdkafka says.

## Events

"""


def page() -> str:
    """Return the page."""
    events = table(
        ("Event", "Level", "Meaning"),
        [(code(event.value), event.level.name.lower(), event.meaning) for event in Event],
    )
    fields = table(
        ("Field", "Meaning"),
        [(code(name), meaning) for name, meaning in (ADDED_FIELDS | FIELDS).items()],
    )
    return f"{_HEAD}{events}\n## Fields\n\n{fields}"
