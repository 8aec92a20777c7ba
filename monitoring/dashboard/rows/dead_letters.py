"""What is set aside, why, and whether that works."""

from typing import Final

from monitoring.dashboard.panels import RED, Kind, Panel, Query, Row

_SETTLED: Final = "linkrunner_consumer_records_settled_total"

ROW: Final = Row(
    "Dead letters",
    (
        Panel(
            title="Dead letters, by reason",
            description="`refused`, `unknown_schema` and `no_rate` are ours to mend, `undecodable` and "
            "`invalid_event` the producer's; the others are set by the configuration.",
            kind=Kind.STACK,
            unit="cps",
            queries=(
                Query(
                    f'sum by (reason) (rate({_SETTLED}{{$selector, outcome="dead_lettered"}}'
                    "[$__rate_interval]))",
                    "{{reason}}",
                ),
            ),
            alerts=("DeadLettersFlowing", "DeadLetterBurst", "DecodeFailuresBurst", "DeliveryBudgetBurnSlow"),
        ),
        Panel(
            title="Share of records that are set aside",
            description="Dead letters of all records of a topic but the skipped ones. Above 5 % somebody is "
            "woken, unless it is a few.",
            kind=Kind.LINES,
            unit="percentunit",
            queries=(
                Query(
                    f'sum by (topic) (rate({_SETTLED}{{$selector, outcome="dead_lettered"}}'
                    "[$__rate_interval]))"
                    f' / (sum by (topic) (rate({_SETTLED}{{$selector, outcome!="skipped"}}'
                    "[$__rate_interval])) > 0)",
                    "{{topic}}",
                ),
            ),
            steps=((0.05, RED),),
            alerts=("DeadLetterBurst", "DecodeFailuresBurst"),
        ),
        Panel(
            title="Dead letters that could not be written",
            description="Tries that the broker did not take. Their records wait, and those behind them.",
            kind=Kind.LINES,
            unit="cps",
            queries=(
                Query(
                    "sum(rate(linkrunner_consumer_dead_letter_failures_total{$selector}[$__rate_interval]))",
                    "failed",
                ),
            ),
            alerts=("DeadLetterPublishFailing",),
        ),
    ),
)
