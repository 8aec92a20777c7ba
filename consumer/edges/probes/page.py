"""``/statusz`` as a page for people: one self-contained document, no scripts, every value escaped."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Final

from consumer.core.operations.status import (
    HoldStatus,
    LastError,
    PaceStatus,
    PartitionStatus,
    RatesHealth,
    RegistryHealth,
    SourceStatus,
    Status,
    StopStatus,
)

_STYLE: Final = """
:root { color-scheme: light dark; --line: #d9dee5; --soft: #5b6673; --card: #f6f8fa; --ok: #17703a;
  --ok-bg: #dcf5e5; --bad: #a11d1d; --bad-bg: #fde3e1; }
@media (prefers-color-scheme: dark) { :root { --line: #3a424d; --soft: #9aa7b5; --card: #1d232b;
  --ok: #7fdca0; --ok-bg: #12351f; --bad: #ff9c95; --bad-bg: #451816; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.4rem; margin: 0 .75rem 0 0; display: inline-block; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p, .none { color: var(--soft); margin: .25rem 0; }
.badge { display: inline-block; border-radius: 1rem; padding: .05rem .7rem; margin-right: .35rem;
  font-size: .85rem; font-weight: 600; }
.ok { color: var(--ok); background: var(--ok-bg); } .bad { color: var(--bad); background: var(--bad-bg); }
.reasons { color: var(--bad); padding-left: 1.2rem; }
dl.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem;
  margin: 1.25rem 0; }
dl.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: .6rem .8rem; }
dl.tiles dt { color: var(--soft); font-size: .8rem; } dl.tiles dd { margin: 0; font-size: 1.3rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .35rem .7rem; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.keys td { font-family: ui-monospace, monospace; font-size: .82rem; }
"""

#: Column headings; the second value tells whether the column holds numbers.
_SOURCES: Final = (("Topics", False), ("Meaning", False), ("Read now", False))
_PARTITIONS: Final = (
    ("Partition", False),
    ("Position", True),
    ("Committed", True),
    ("Lag", True),
    ("Open", True),
    ("Queued", True),
    ("Kept for", True),
    ("Paused", False),
)
_PACE: Final = (
    ("Calls / s now", True),
    ("Share of the rate", False),
    ("Left after refusals", True),
    ("Back after a pause", True),
    ("Silence", False),
)
_HOLDS: Final = (("Cause", False), ("Since", False), ("Stops", False), ("What to do", False))
_STOPS: Final = (
    ("Topic", False),
    ("Since", False),
    ("Would be dead letters", False),
    ("Good probes", False),
    ("Way out by hand", False),
)
_REGISTRY: Final = (("Answers", False), ("Schemas kept", True), ("Last trouble", False))
_RATES: Final = (("Newest", False), ("Currencies", True), ("Trouble with the file", False))
_ERRORS: Final = (("Cause", False), ("Last", False), ("Times", True), ("Error", False))
_CONFIG: Final = (("Key", False), ("Value", False))


def page(status: Status) -> str:
    """Return the whole document."""
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>linkrunner-consumer: {_health_word(status)}</title><style>{_STYLE}</style></head><body>",
            _head(status),
            _tiles(status),
            _section("Holds", _HOLDS, (_hold(hold, status.at) for hold in status.holds), "Nothing is held."),
            _stopped(status),
            _section("Pace", _PACE, [_pace(status.pace)], "None."),
            _section("Sources", _SOURCES, map(_source, status.sources), "None."),
            _section(
                "Partitions", _PARTITIONS, map(_partition, status.partitions), "No partition is assigned."
            ),
            _section("Schema registry", _REGISTRY, _registry(status.registry), "None is configured."),
            _section("Exchange rates", _RATES, _rates(status.rates), "Nothing is converted."),
            _section(
                "Last errors", _ERRORS, (_error(error, status.at) for error in status.errors), "No errors."
            ),
            _section("Configuration", _CONFIG, status.config.items(), "None.", style="keys"),
            "</body></html>\n",
        )
    )


def duration(seconds: float) -> str:
    """Return ``seconds`` for people: its largest units, two at most."""
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    left = int(seconds)
    parts: list[str] = []
    for size, unit in ((86400, "d"), (3600, "h"), (_MINUTE, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


_MINUTE: Final = 60


def _health_word(status: Status) -> str:
    return "ready" if status.health.ready else "not ready"


def _head(status: Status) -> str:
    health = status.health
    badges = ((health.live, "live", "not live"), (health.ready, "ready", "not ready"))
    shown = "".join(
        f'<span class="badge {"ok" if is_so else "bad"}">{yes if is_so else no}</span>'
        for is_so, yes, no in badges
    )
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in health.reasons)
    return (
        f"<h1>linkrunner-consumer</h1>{shown}"
        f"<p>version {escape(status.version)}, group {escape(status.group)}, "
        f"up {duration((status.at - status.started_at).total_seconds())}, as of {_time(status.at)}</p>"
        + (f'<ul class="reasons">{reasons}</ul>' if reasons else "")
    )


def _tiles(status: Status) -> str:
    lags = [partition.lag for partition in status.partitions if partition.lag is not None]
    tiles = (
        ("Oldest open record", duration(status.freshness_seconds)),
        ("Lag", f"{sum(lags):,}"),
        ("Calls in flight", f"{status.in_flight} of {status.max_in_flight}"),
        ("Queued", f"{status.queued:,}"),
        ("Parked", f"{status.parked:,}"),
        ("Rate limit", f"{status.rate_limit_per_second:g} / s"),
    )
    return (
        '<dl class="tiles">'
        + "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in tiles)
        + "</dl>"
    )


def _source(source: SourceStatus) -> Sequence[str]:
    return (", ".join(source.entries), source.meaning, ", ".join(source.topics) or "no topic")


def _partition(partition: PartitionStatus) -> Sequence[str]:
    return (
        f"{partition.topic}[{partition.partition}]",
        _number(partition.position),
        _number(partition.committed),
        _number(partition.lag),
        _number(partition.open),
        _number(partition.queued),
        "unknown" if partition.headroom_seconds is None else duration(partition.headroom_seconds),
        partition.paused or "no",
    )


def _pace(pace: PaceStatus) -> Sequence[str]:
    if pace.share is None:
        share = "all of it: instances share nothing"
    else:
        share = f"{pace.share:.1%}: {pace.partitions} of {pace.of_partitions} partitions"
    silence = f"{duration(pace.now.silence)} more" if pace.now.silence else "none asked for"
    return (f"{pace.now.per_second:.3g}", share, f"{pace.now.cut:.0%}", f"{pace.now.ramp:.0%}", silence)


def _hold(hold: HoldStatus, now: datetime) -> Sequence[str]:
    return (hold.cause, _since(hold.since, now), hold.scope, hold.cure)


def _stopped(status: Status) -> str:
    """Return the section of stopped topics, where there are any."""
    if not status.stopped_topics:
        return ""
    rows = (_stop(stop, status.at) for stop in status.stopped_topics)
    return _section("Stopped topics", _STOPS, rows, "None.")


def _stop(stop: StopStatus, now: datetime) -> Sequence[str]:
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in stop.reasons.items())
    return (
        stop.topic,
        _since(stop.since, now),
        f"{sum(stop.reasons.values()):,} of the last {stop.judged:,}: {reasons}",
        f"{stop.good_probes} of {stop.probes_needed} in a row",
        stop.way_out,
    )


def _registry(registry: RegistryHealth | None) -> Iterable[Sequence[str]]:
    if registry is not None:
        answers = {None: "not asked yet", True: "yes", False: "no"}[registry.reachable]
        yield (answers, _number(registry.known), registry.trouble or "none")


def _rates(rates: RatesHealth | None) -> Iterable[Sequence[str]]:
    if rates is not None:
        newest = "without a date" if rates.newest is None else rates.newest.isoformat()
        yield (newest, _number(rates.currencies), rates.trouble or "none")


def _error(error: LastError, now: datetime) -> Sequence[str]:
    return (error.cause, _since(error.at, now), _number(error.count), error.text)


def _section(
    title: str,
    columns: Sequence[tuple[str, bool]],
    rows: Iterable[Sequence[str]],
    empty: str,
    style: str = "",
) -> str:
    """Return a heading and a table; the only place where cells are put together, so all are escaped."""
    marks = [' class="number"' if is_number else "" for _, is_number in columns]
    body = "".join(
        "<tr>"
        + "".join(f"<td{mark}>{escape(cell)}</td>" for mark, cell in zip(marks, row, strict=True))
        + "</tr>"
        for row in rows
    )
    if not body:
        return f'<h2>{title}</h2><p class="none">{empty}</p>'
    head = "".join(f"<th{mark}>{name}</th>" for mark, (name, _) in zip(marks, columns, strict=True))
    return (
        f'<h2>{title}</h2><div class="scroll"><table class="{style}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _number(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _since(then: datetime, now: datetime) -> str:
    return f"{duration((now - then).total_seconds())} ago"


def _time(moment: datetime) -> str:
    return escape(moment.strftime("%Y-%m-%d %H:%M:%S %Z"))
