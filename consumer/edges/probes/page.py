"""``/statusz`` as a page for people: one self-contained document, no scripts, every value escaped.

What matters most comes first: one sentence, then what is stopped and what to do, then figures and tables. On
a narrow screen each row of a table becomes a card of its own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Final

from consumer.core.operations.cures import MATTER, STOPS_ALL
from consumer.core.operations.headline import FAR_TOO_LATE, LATE, Tone, headline
from consumer.core.operations.status import (
    HoldStatus,
    LastError,
    LeaseStatus,
    OldestStatus,
    PaceStatus,
    PartitionStatus,
    RatesHealth,
    RegistryHealth,
    SourceStatus,
    Status,
    StopStatus,
    WaitStatus,
)
from consumer.core.operations.waits import meaning

_STYLE: Final = """
:root { color-scheme: light dark; --line: #d9dee5; --soft: #57606a; --card: #f6f8fa; --good: #17703a;
  --good-bg: #dcf5e5; --waits: #7a4b00; --waits-bg: #fff0cc; --bad: #a11d1d; --bad-bg: #fde3e1; }
@media (prefers-color-scheme: dark) { :root { --line: #3a424d; --soft: #9aa7b5; --card: #1d232b;
  --good: #7fdca0; --good-bg: #12351f; --waits: #f2c26b; --waits-bg: #3d2c0a; --bad: #ff9c95;
  --bad-bg: #451816; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 0 auto; padding: 1.25rem; }
h1 { font-size: 1.1rem; margin: 0 .6rem 0 0; display: inline-block; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p, .none { color: var(--soft); margin: .25rem 0; }
.good { color: var(--good); } .waits { color: var(--waits); } .bad { color: var(--bad); }
.badge { display: inline-block; border-radius: 1rem; padding: .05rem .7rem; margin-right: .35rem;
  font-size: .85rem; font-weight: 600; }
.badge.good, .headline.good, .hold.good { background: var(--good-bg); }
.badge.waits, .headline.waits, .hold.waits { background: var(--waits-bg); }
.badge.bad, .headline.bad, .hold.bad { background: var(--bad-bg); }
.headline { font-size: 1.35rem; font-weight: 600; line-height: 1.3; border-radius: .5rem; padding: .8rem 1rem;
  margin: 1rem 0 .5rem; }
.reasons { color: var(--bad); padding-left: 1.2rem; }
.hold { border-radius: .5rem; padding: .7rem 1rem; margin: .6rem 0; }
.hold b::first-letter { text-transform: uppercase; }
.hold p { color: inherit; }
dl.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .6rem;
  margin: 1rem 0; }
dl.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: .5rem .75rem; }
dl.tiles dt { color: var(--soft); font-size: .82rem; } dl.tiles dd { margin: 0; font-size: 1.3rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .35rem .7rem; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.good, td.waits, td.bad { font-weight: 600; }
.keys td { font-family: ui-monospace, monospace; font-size: .82rem; }
summary { cursor: pointer; font-size: 1.05rem; font-weight: 600; margin: 2rem 0 .5rem; }
@media (max-width: 46rem) {
  thead { display: none; }
  table, tbody, tr, td { display: block; }
  tr { border: 1px solid var(--line); border-radius: .5rem; padding: .4rem .7rem; margin: .5rem 0; }
  td, td.number { border: 0; padding: .1rem 0; text-align: left; white-space: normal; }
  td::before { content: attr(data-name) ": "; color: var(--soft); font-weight: 400; }
  td:first-child { font-weight: 600; }
}
"""


@dataclass(frozen=True, slots=True)
class _Cell:
    """A value that has a tone of its own."""

    text: str
    tone: Tone


_Row = Sequence[str | _Cell]

#: Column headings; the second value tells whether the column holds numbers.
_WAITS: Final = (("Why", False), ("Records", True), ("Next try", True))
_PARTITIONS: Final = (
    ("Partition", False),
    ("Position", True),
    ("Committed", True),
    ("Lag", True),
    ("Open", True),
    ("Queued", True),
    ("Kept for", True),
    ("Paused", False),
    ("Oldest open record", False),
)
_PACE: Final = (
    ("Calls / s now", True),
    ("Share of the rate", False),
    ("Left after refusals", True),
    ("Back after a pause", True),
    ("Silence", False),
)
_STOPS: Final = (
    ("Topic", False),
    ("Since", False),
    ("Would be dead letters", False),
    ("Good probes", False),
    ("Way out by hand", False),
)
_LEASE: Final = (("Last proof asked for", False), ("Good for", True), ("Left", True))
_SOURCES: Final = (("Topics", False), ("Meaning", False), ("Read now", False))
_REGISTRY: Final = (("Answers", False), ("Schemas kept", True), ("Last trouble", False))
_RATES: Final = (("Newest", False), ("Currencies", True), ("Trouble with the file", False))
_ERRORS: Final = (("Event", False), ("Cause", False), ("Last", False), ("Times", True), ("Error", False))
_CONFIG: Final = (("Key", False), ("Value", False))

#: What a partition is paused for, in words.
_PAUSED: Final = {
    "": "no",
    "full": "full: enough is in memory",
    "span": "span: its oldest open record is stuck",
    "out_of_range": "out_of_range: its offset is gone from the log",
}


def page(status: Status) -> str:
    """Return the whole document."""
    said = headline(status)
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(said.text)} linkrunner-consumer</title>",
            f"<style>{_STYLE}</style></head><body>",
            _head(status),
            f'<div class="headline {said.tone}">{escape(said.text)}</div>',
            _reasons(status),
            "".join(_hold(hold, status.at) for hold in status.holds),
            _tiles(status),
            _section(
                "Why records wait", _WAITS, map(_wait, status.waits), "No record waits to be tried again."
            ),
            _stopped(status),
            _section("Pace", _PACE, [_pace(status.pace)], "None."),
            _section(
                "Partitions", _PARTITIONS, map(_partition, status.partitions), "No partition is assigned."
            ),
            _section("Membership in the group", _LEASE, _lease(status.lease), "Nothing has to be proven."),
            _section(
                "Last errors", _ERRORS, (_error(error, status.at) for error in status.errors), "No errors."
            ),
            _section("Sources", _SOURCES, map(_source, status.sources), "None."),
            _section("Schema registry", _REGISTRY, _registry(status.registry), "None is configured."),
            _section("Exchange rates", _RATES, _rates(status.rates), "Nothing is converted."),
            "<details><summary>Configuration</summary>",
            _table(_CONFIG, status.config.items(), style="keys") or '<p class="none">None.</p>',
            "</details></body></html>\n",
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


def _head(status: Status) -> str:
    health = status.health
    badges = ((health.live, "live", "not live"), (health.ready, "ready", "not ready"))
    shown = "".join(
        f'<span class="badge {Tone.GOOD if is_so else Tone.BAD}">{yes if is_so else no}</span>'
        for is_so, yes, no in badges
    )
    return (
        f"<h1>linkrunner-consumer</h1>{shown}"
        f"<p>version {escape(status.version)}, group {escape(status.group)}, "
        f"up {duration((status.at - status.started_at).total_seconds())}, as of {_time(status.at)}</p>"
    )


def _reasons(status: Status) -> str:
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in status.health.reasons)
    return f'<ul class="reasons">{reasons}</ul>' if reasons else ""


def _hold(hold: HoldStatus, now: datetime) -> str:
    """Return a card: what is the matter, since when, what it stops, what to do."""
    tone = Tone.BAD if hold.cause in STOPS_ALL else Tone.WAITS
    return (
        f'<div class="hold {tone}"><b>{escape(MATTER[hold.cause])}</b> (hold {escape(hold.cause)})'
        f"<p>since {_since(hold.since, now)}; stops {escape(hold.scope)}</p>"
        f"<p>What to do: {escape(hold.cure)}</p></div>"
    )


def _tiles(status: Status) -> str:
    lags = [partition.lag for partition in status.partitions]
    known = [lag for lag in lags if lag is not None]
    lag = f"{sum(known):,}" if len(known) == len(lags) else f"{sum(known):,} and unknown"
    tiles = (
        (
            "Oldest open record",
            _Cell(duration(status.freshness_seconds), _lateness(status.freshness_seconds)),
        ),
        ("Lag", lag),
        ("Calls in flight", f"{status.in_flight} of {status.max_in_flight}"),
        ("Wait for their turn", f"{status.awaiting_turn:,}"),
        ("Queued", f"{status.queued:,}"),
        ("Parked", f"{status.parked:,}"),
        ("Removes in their grace", f"{status.removes_in_grace:,}"),
        ("Rate limit", f"{status.rate_limit_per_second:g} / s"),
    )
    return (
        '<dl class="tiles">'
        + "".join(
            f"<div><dt>{name}</dt><dd{_class(value)}>{_text(value)}</dd></div>" for name, value in tiles
        )
        + "</dl>"
    )


def _lateness(seconds: float) -> Tone:
    return Tone.BAD if seconds > FAR_TOO_LATE else Tone.WAITS if seconds > LATE else Tone.GOOD


def _wait(wait: WaitStatus) -> _Row:
    return (
        f"{wait.reason}: {wait.meaning}",
        _number(wait.records),
        f"in {duration(wait.next_try_seconds)}",
    )


def _partition(partition: PartitionStatus) -> _Row:
    paused = _PAUSED.get(partition.paused, partition.paused)
    return (
        f"{partition.topic}[{partition.partition}]",
        _number(partition.position),
        _number(partition.committed),
        _number(partition.lag),
        _number(partition.open),
        _number(partition.queued),
        "unknown" if partition.headroom_seconds is None else duration(partition.headroom_seconds),
        _Cell(paused, Tone.WAITS) if partition.paused else paused,
        "none" if partition.oldest is None else _oldest(partition.oldest),
    )


def _oldest(oldest: OldestStatus) -> str | _Cell:
    parts = [f"offset {oldest.offset:,}"]
    if oldest.age_seconds is not None:
        parts.append(f"{duration(oldest.age_seconds)} old")
    if oldest.tries:
        parts.append(f"{oldest.tries:,} tries")
    parts.append(f"waits for {oldest.waits_for} ({meaning(oldest.waits_for)})")
    if oldest.next_try_seconds is not None:
        parts.append(f"next try in {duration(oldest.next_try_seconds)}")
    text = ", ".join(parts)
    tone = _lateness(oldest.age_seconds or 0)
    return text if tone is Tone.GOOD else _Cell(text, tone)


def _lease(lease: LeaseStatus | None) -> Iterable[_Row]:
    if lease is not None:
        left, ago = lease.remaining_seconds, lease.proven_seconds_ago
        yield (
            "never" if ago is None else f"{duration(ago)} ago",
            duration(lease.seconds),
            _Cell(duration(left), Tone.GOOD) if left > 0 else _Cell("over: nothing is sent", Tone.BAD),
        )


def _pace(pace: PaceStatus) -> _Row:
    if pace.share is None:
        share = "all of it: instances share nothing"
    else:
        share = f"{pace.share:.1%}: {pace.partitions} of {pace.of_partitions} partitions"
    left = pace.now.silence
    silence = _Cell(f"{duration(left)} more", Tone.WAITS) if left else "none asked for"
    return (f"{pace.now.per_second:.3g}", share, f"{pace.now.cut:.0%}", f"{pace.now.ramp:.0%}", silence)


def _stopped(status: Status) -> str:
    """Return the section of stopped topics, where there are any."""
    if not status.stopped_topics:
        return ""
    rows = (_stop(stop, status.at) for stop in status.stopped_topics)
    return _section("Stopped topics", _STOPS, rows, "None.")


def _stop(stop: StopStatus, now: datetime) -> _Row:
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in stop.reasons.items())
    return (
        stop.topic,
        _since(stop.since, now),
        f"{sum(stop.reasons.values()):,} of the last {stop.judged:,}: {reasons}",
        f"{stop.good_probes} of {stop.probes_needed} in a row",
        stop.way_out,
    )


def _source(source: SourceStatus) -> _Row:
    return (", ".join(source.entries), source.meaning, ", ".join(source.topics) or "no topic")


def _registry(registry: RegistryHealth | None) -> Iterable[_Row]:
    if registry is not None:
        answers: dict[bool | None, str | _Cell] = {
            None: "not asked yet",
            True: _Cell("yes", Tone.GOOD),
            False: _Cell("no", Tone.WAITS),
        }
        yield (answers[registry.reachable], _number(registry.known), registry.trouble or "none")


def _rates(rates: RatesHealth | None) -> Iterable[_Row]:
    if rates is not None:
        newest = "without a date" if rates.newest is None else rates.newest.isoformat()
        trouble = _Cell(rates.trouble, Tone.WAITS) if rates.trouble else "none"
        yield (newest, _number(rates.currencies), trouble)


def _error(error: LastError, now: datetime) -> _Row:
    return (error.event, error.cause, _since(error.at, now), _number(error.count), error.text)


def _section(title: str, columns: Sequence[tuple[str, bool]], rows: Iterable[_Row], empty: str) -> str:
    """Return a heading and a table, or a sentence where it has no rows."""
    table = _table(columns, rows)
    return f"<h2>{title}</h2>" + (table or f'<p class="none">{empty}</p>')


def _table(columns: Sequence[tuple[str, bool]], rows: Iterable[_Row], style: str = "") -> str:
    """Return a table, empty without rows; the only place where cells are put together, so all are escaped."""
    body = "".join(
        "<tr>" + "".join(_cell(column, cell) for column, cell in zip(columns, row, strict=True)) + "</tr>"
        for row in rows
    )
    if not body:
        return ""
    head = "".join(
        f"<th{_class('', 'number' if is_number else '')}>{name}</th>" for name, is_number in columns
    )
    return f'<table class="{style}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cell(column: tuple[str, bool], value: str | _Cell) -> str:
    name, is_number = column
    return f'<td data-name="{name}"{_class(value, "number" if is_number else "")}>{_text(value)}</td>'


def _text(value: str | _Cell) -> str:
    return escape(value if isinstance(value, str) else value.text)


def _class(value: str | _Cell, more: str = "") -> str:
    """Return the attribute with the tone of a value, and ``more``."""
    names = " ".join(filter(None, (more, "" if isinstance(value, str) else value.tone.value)))
    return f' class="{names}"' if names else ""


def _number(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _since(then: datetime, now: datetime) -> str:
    return f"{duration((now - then).total_seconds())} ago"


def _time(moment: datetime) -> str:
    return escape(moment.strftime("%Y-%m-%d %H:%M:%S %Z"))
