"""What comes in and how it ends."""

from typing import Final

from consumer.core.meaning.ecommerce import Rule
from consumer.core.outcomes import Outcome
from monitoring.dashboard.panels import BLUE, GREEN, RED, YELLOW, Kind, Panel, Query, Row

_SETTLED: Final = "linkrunner_consumer_records_settled_total"
_DELAY: Final = "linkrunner_consumer_delivery_delay_seconds"

#: One colour for each outcome, wherever outcomes are drawn.
OUTCOME_COLOURS: Final = {
    Outcome.DELIVERED.value: GREEN,
    Outcome.NOTHING_TO_REMOVE.value: BLUE,
    Outcome.SKIPPED.value: "gray",
    Outcome.DEAD_LETTERED.value: RED,
}


def _delay(share: float) -> Query:
    buckets = f'sum by (le) (rate({_DELAY}_bucket{{$selector, outcome="delivered"}}[$__rate_interval]))'
    return Query(f"histogram_quantile({share:g}, {buckets})", f"{share:.0%} within")


ROW: Final = Row(
    "Flow",
    (
        Panel(
            title="Settled records, by outcome",
            description="How the stories of records ended. Skipped is on purpose; dead-lettered is not sent.",
            kind=Kind.STACK,
            unit="cps",
            queries=(
                Query(f"sum by (outcome) (rate({_SETTLED}{{$selector}}[$__rate_interval]))", "{{outcome}}"),
            ),
            colours=OUTCOME_COLOURS,
            alerts=("NothingDelivered",),
        ),
        Panel(
            title="Received, settled, given back",
            description="Received and settled go together while nothing waits. Given back are records that a "
            "revoked partition or a stop left unsettled: the next owner gets them again.",
            kind=Kind.LINES,
            unit="cps",
            queries=(
                Query(
                    "sum(rate(linkrunner_consumer_records_consumed_total{$selector}[$__rate_interval]))",
                    "received",
                ),
                Query(f"sum(rate({_SETTLED}{{$selector}}[$__rate_interval]))", "settled"),
                Query(
                    "sum(rate(linkrunner_consumer_records_released_total{$selector}[$__rate_interval]))",
                    "given back",
                ),
            ),
            alerts=("Stalled",),
        ),
        Panel(
            title="Open records",
            description="Received and not settled: in line for a worker, waiting (backoff or a hold), on the "
            "wire.",
            kind=Kind.STACK,
            unit="short",
            queries=(
                Query("sum(linkrunner_consumer_queued{$selector})", "in line"),
                Query("sum(linkrunner_consumer_parked{$selector})", "waiting"),
                Query("sum(linkrunner_consumer_in_flight{$selector})", "on the wire"),
            ),
            alerts=("Stalled", "HoldingSpan"),
        ),
        Panel(
            title="Age of the oldest open record",
            description="Of the instance that is furthest behind, and of the one in the middle.",
            kind=Kind.LINES,
            unit="s",
            queries=(
                Query("max(linkrunner_consumer_freshness_seconds{$selector})", "oldest"),
                Query("quantile(0.5, linkrunner_consumer_freshness_seconds{$selector})", "middle instance"),
            ),
            steps=((60, YELLOW), (600, RED)),
            alerts=("FreshnessHigh",),
        ),
        Panel(
            title="Delay of delivered payments",
            description="From a record's own timestamp to the API's yes. The objective is 99 % within 60 s.",
            kind=Kind.LINES,
            unit="s",
            queries=(_delay(0.5), _delay(0.9), _delay(0.99)),
            steps=((60, YELLOW),),
            alerts=("FreshnessBudgetBurnFast", "FreshnessBudgetBurnSlow"),
        ),
        Panel(
            title="Skipped on purpose, by reason",
            description="Records that are not sent because of what they mean. `kind` is an event that this "
            "version does not know.",
            kind=Kind.STACK,
            unit="cps",
            queries=(
                Query(
                    f'sum by (reason) (rate({_SETTLED}{{$selector, outcome="skipped"}}[$__rate_interval]))',
                    "{{reason}}",
                ),
            ),
            alerts=("UnknownEventKinds", "NothingDelivered"),
        ),
        Panel(
            title="Removals",
            description="Refunds that removed a payment, and those that found none until their grace was "
            "over: then the payment was never sent, or it came later and still counts.",
            kind=Kind.STACK,
            unit="cps",
            queries=(
                Query(
                    f'sum by (outcome) (rate({_SETTLED}{{$selector, action="remove",'
                    ' outcome=~"delivered|nothing_to_remove"}[$__rate_interval]))',
                    "{{outcome}}",
                ),
                Query(
                    f'sum(rate({_SETTLED}{{$selector, action="remove", reason="nothing_to_remove"}}'
                    "[$__rate_interval]))",
                    "dead_lettered",
                ),
            ),
            colours=OUTCOME_COLOURS,
            alerts=("RemovalsFindNothing",),
        ),
        Panel(
            title="Removes in their grace",
            description="Refunds that have found no payment and are tried again, because it may come yet. "
            "They stay while the API does not answer, a capture of their payment is open, or an instance is "
            "behind.",
            kind=Kind.LINES,
            unit="short",
            queries=(Query("sum(linkrunner_consumer_removes_in_grace{$selector})", "waiting"),),
            alerts=("RemovalsFindNothing", "HoldingSpan"),
        ),
        Panel(
            title="Erasures of users",
            description="Records of the erasure topic, by how they ended: each delivered one has deleted all "
            "payments of a user. Nothing moves here unless erasure.enabled is set.",
            kind=Kind.STACK,
            unit="cps",
            queries=(
                Query(
                    "sum by (outcome) (rate(linkrunner_consumer_erasures_total{$selector}"
                    "[$__rate_interval]))",
                    "{{outcome}}",
                ),
            ),
            colours=OUTCOME_COLOURS,
            alerts=("UserErasureBurst",),
        ),
        Panel(
            title="Payments that break a rule of Meta's catalogue",
            description="By default they are sent without their catalogue fields: the revenue is right, the "
            "campaign is not.",
            kind=Kind.STACK,
            unit="cps",
            queries=(
                Query(
                    "sum by (rule) (rate(linkrunner_consumer_event_data_invalid_total{$selector}"
                    "[$__rate_interval]))",
                    "{{rule}}",
                ),
            ),
            names={rule.value: f"{rule}: {rule.meaning}" for rule in Rule},
            alerts=("EventDataInvalid",),
        ),
        Panel(
            title="Attributes that were not sent",
            description="Free attributes with a reserved name, or a number that is not finite.",
            kind=Kind.LINES,
            unit="cps",
            queries=(
                Query(
                    "sum(rate(linkrunner_consumer_attributes_dropped_total{$selector}[$__rate_interval]))",
                    "dropped",
                ),
            ),
        ),
        Panel(
            title="Time until exchange rates are too old",
            description="Then payments that have to be converted wait for newer rates. No data where nothing "
            "is converted, or rates have no date.",
            kind=Kind.LINES,
            unit="s",
            queries=(Query("min(linkrunner_consumer_rates_headroom_seconds{$selector})", "least"),),
            alerts=("RatesRunningOut", "HoldingRates"),
        ),
        Panel(
            title="File of exchange rates",
            description="Whether what is in the file now is in use, in all instances. A file that can't be "
            "used, or changes the past, leaves the old rates in use.",
            kind=Kind.STATES,
            unit="bool",
            queries=(Query("min(linkrunner_consumer_rates_file_ok{$selector})", "file"),),
            words={"1": ("in use", GREEN), "0": ("refused", RED)},
            alerts=("RatesFileUnusable",),
        ),
    ),
)
