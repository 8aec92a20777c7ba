"""What the API answers, how fast, and what stops the calls."""

from typing import Final

from monitoring.dashboard.panels import GREEN, RED, Kind, Panel, Query, Row
from monitoring.dashboard.rows.money import FLAG, HELD

_CALLS: Final = "linkrunner_consumer_calls_total"
_TIME: Final = "linkrunner_consumer_call_duration_seconds"


def _took(share: float) -> Query:
    buckets = f"sum by (le) (rate({_TIME}_bucket{{$selector}}[$__rate_interval]))"
    return Query(f"histogram_quantile({share:g}, {buckets})", f"{share:.0%} within")


ROW: Final = Row(
    "Linkrunner API",
    (
        Panel(
            title="Calls, by answer",
            description="Every try, by HTTP status or by how it failed without one.",
            kind=Kind.STACK,
            unit="reqps",
            queries=(
                Query(f"sum by (status) (rate({_CALLS}{{$selector}}[$__rate_interval]))", "{{status}}"),
            ),
            colours={"200": GREEN, "201": "dark-green", "401": RED, "429": "yellow"},
            alerts=("ApiErrorRatioHigh", "RateLimited", "AuthRejected"),
        ),
        Panel(
            title="Time of a call",
            description="From the first byte of the request to the end of the answer or its failure.",
            kind=Kind.LINES,
            unit="s",
            queries=(_took(0.5), _took(0.95), _took(0.99)),
        ),
        Panel(
            title="Times of calls",
            description="How many calls took how long; an answer that fails fast stands out below.",
            kind=Kind.HEATMAP,
            unit="s",
            queries=(
                Query(f"sum by (le) (increase({_TIME}_bucket{{$selector}}[$__rate_interval]))", "{{le}}"),
            ),
        ),
        Panel(
            title="Calls to be tried again, by reason",
            description="Each is tried again after a growing wait; without end, unless "
            "delivery.give_up_after_seconds is set.",
            kind=Kind.STACK,
            unit="reqps",
            queries=(
                Query(
                    "sum by (reason) (rate(linkrunner_consumer_retries_total{$selector}[$__rate_interval]))",
                    "{{reason}}",
                ),
            ),
            alerts=("ApiErrorRatioHigh", "RateLimited"),
        ),
        Panel(
            title="Calls against the allowed rate",
            description="What all instances send, and what they allow themselves together: "
            "linkrunner.requests_per_second, less what 429s have cut and what is held back after a pause. "
            "At the limit, more records only mean more lag.",
            kind=Kind.LINES,
            unit="reqps",
            queries=(
                Query(f"sum(rate({_CALLS}{{$selector}}[$__rate_interval]))", "sent"),
                Query("sum(linkrunner_consumer_rate_limit_per_second{$selector})", "allowed"),
            ),
            alerts=("RateLimited",),
        ),
        Panel(
            title="Calls that wait for the rate",
            description="How many calls, on average, are ready and wait for their turn.",
            kind=Kind.LINES,
            unit="short",
            queries=(
                Query(
                    "sum(rate(linkrunner_consumer_throttled_seconds_total{$selector}[$__rate_interval]))",
                    "waiting",
                ),
            ),
        ),
        Panel(
            title="Stopped on purpose, over time",
            description="What was held when, in any instance.",
            kind=Kind.STATES,
            unit="bool",
            queries=(Query("max by (cause) (linkrunner_consumer_holding{$selector})", "{{cause}}"),),
            width=16,
            height=7,
            words=FLAG,
            names={cause.value: words for cause, words in HELD.items()},
            alerts=("AuthRejected", "HoldingAddress", "HoldingLease"),
        ),
        Panel(
            title="Server key",
            description="Whether the API takes our key, and whether its file could be read again, in all "
            "instances.",
            kind=Kind.STATES,
            unit="bool",
            queries=(
                Query("min(linkrunner_consumer_auth_ok{$selector})", "taken"),
                Query("min(linkrunner_consumer_key_file_ok{$selector})", "file"),
            ),
            height=7,
            words={"1": ("good", GREEN), "0": ("bad", RED)},
            alerts=("AuthRejected", "KeyFileUnusable"),
        ),
    ),
)
