"""The dashboard: one look says whether money is late, lost or doubled; below it, where to look next.

The rules are those of Grafana's dashboard-linter (https://github.com/grafana/dashboard-linter): every query
carries the conditions chosen at the top, rates use ``$__rate_interval``, every panel has unit and
description. ``tests/monitoring`` holds them.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from monitoring.alerts.model import PREFIX
from monitoring.dashboard.panels import SELECTOR, SOURCE, built
from monitoring.dashboard.rows import ROWS

#: What Grafana's variables stand for where no Grafana fills them in: everything.
EVERYTHING: Final = {
    "namespace": ".*",
    "job": ".+",
    "instance": ".+",
    "__rate_interval": "5m",
    "__range": "1h",
}

#: The metric that tells which releases and instances there are.
_KNOWN: Final = "linkrunner_consumer_build_info"

#: What the annotations say; the SDK's models have no fields for it.
_ANNOTATION_TEXTS: Final[Mapping[str, Mapping[str, object]]] = {
    "Starts": {
        "titleFormat": "{{instance}} started",
        "textFormat": "",
        "tagKeys": "namespace,job",
        "useValueForTime": True,
    },
    "Alerts": {"titleFormat": "{{alertname}}", "textFormat": "{{severity}}", "tagKeys": "namespace,job"},
}

#: Grafana's version of the JSON's layout: that of Grafana 10.1, which the SDK's models describe.
_SCHEMA_VERSION: Final = 38


def queries(variables: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """Return all queries as (title of the panel, PromQL that Prometheus takes).

    ``variables`` replaces values of :data:`EVERYTHING`, by name.
    """
    values = {**EVERYTHING, **(variables or {})}
    found = []
    for row in ROWS:
        for panel in row.panels:
            for query in panel.queries:
                expr = query.filled
                for name in sorted(values, key=len, reverse=True):
                    expr = expr.replace(f"${name}", values[name])
                found.append((panel.title, expr))
    return found


def text() -> str:
    """Return the dashboard as JSON, the same for the same input to the byte."""
    model = json.loads(json.dumps(_builder().build(), cls=JSONEncoder))
    model["schemaVersion"] = _SCHEMA_VERSION
    for annotation in model["annotations"]["list"]:
        annotation.update(_ANNOTATION_TEXTS[annotation["name"]])
    return json.dumps(model, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _builder() -> dashboard.Dashboard:
    builder = (
        dashboard.Dashboard("Linkrunner consumer")
        .uid("linkrunner-consumer")
        .description("Payments from Kafka to Linkrunner: is money late, lost or doubled?")
        .tags(["linkrunner", "kafka", "payments"])
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time("now-6h", "now")
        .refresh("30s")
        .timezone("browser")
        .variables(list(_variables()))
        .annotations(list(_annotations()))
    )
    number = 0
    for row in ROWS:
        number += 1
        builder.with_row(dashboard.Row(row.title).id(number))
        for panel in row.panels:
            number += 1
            builder.with_panel(built(panel, number))
    return builder


def _variables() -> Iterator[
    dashboard.DatasourceVariable | dashboard.QueryVariable | dashboard.TextBoxVariable
]:
    yield dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    chosen: list[str] = []
    # Outside Kubernetes there is no namespace: then nothing is a value too.
    for name, everything in (("namespace", ".*"), ("job", ".+"), ("instance", ".+")):
        conditions = ", ".join(f'{label}=~"${label}"' for label in chosen)
        chosen.append(name)
        yield (
            dashboard.QueryVariable(name)
            .label(name.title())
            .datasource(SOURCE)
            .query(f"label_values({_KNOWN}{{{conditions}}}, {name})")
            .multi(True)
            .include_all(True)
            .all_value(everything)
            .current(models.VariableOption(text="All", value="$__all"))
            .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(models.VariableSort.ALPHABETICAL_ASC)
        )
    # The chart puts prometheusRule.runbookBaseUrl in; who imports the file types it in at the top.
    yield dashboard.TextBoxVariable("runbooks").label("Runbooks at").default_value("")


def _annotations() -> Iterator[dashboard.AnnotationQuery]:
    starts = f"process_start_time_seconds{{{SELECTOR}}} * 1000 and on (namespace, job, instance) {_KNOWN}"
    alerts = f'ALERTS{{alertname=~"{PREFIX}.+", alertstate="firing", namespace=~"$namespace", job=~"$job"}}'
    for name, expr, colour in (("Starts", starts, "blue"), ("Alerts", alerts, "red")):
        yield (
            dashboard.AnnotationQuery()
            .name(name)
            .datasource(SOURCE)
            .enable(True)
            .icon_color(colour)
            .expr(expr)
        )
