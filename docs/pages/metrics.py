"""``docs/metrics.md``, from the catalogue."""

from consumer.core.operations.catalogue import CATALOGUE, Label, MetricSpec
from docs.pages.markdown import code, table

_HEAD = """# Metrics

<!-- Generated from consumer/core/operations/catalogue.py by `make docs`. -->

`GET /metrics` gives them in the Prometheus text format, or in OpenMetrics where the `Accept` header prefers
it. Beside them are the usual `process_*` metrics: memory, processor time, open files.

- Counters and histograms begin at 0 for every combination of labels that can occur, so that `rate()` sees the
  first error. Those with a topic begin when the topics are known.
- Gauges are read at the moment of the scrape. The series of a partition end with its assignment.
- There is no label for users, payments, keys, offsets or error texts. One process has fewer than 350 series,
  35 for each topic and 12 for each partition that it holds.

"""


def page() -> str:
    """Return the page."""
    rows = [(code(spec.full_name), spec.type.value, spec.unit, spec.help) for spec in CATALOGUE]
    details = "".join(_labels(spec) for spec in CATALOGUE if spec.labels or spec.buckets)
    return f"{_HEAD}{table(('Name', 'Type', 'Counts', 'Meaning'), rows)}\n## Labels and buckets\n{details}"


def _labels(spec: MetricSpec) -> str:
    text = f"\n### {code(spec.full_name)}\n\n"
    if spec.labels:
        text += table(("Label", "Values"), [(code(label.name), _values(label)) for label in spec.labels])
    if spec.possible:
        closed = spec.label_names[-len(spec.possible[0]) :]
        rows = [tuple(code(str(value)) for value in values) for values in spec.possible]
        text += f"\nOf these, the following occur together:\n\n{table(closed, rows)}"
    if spec.buckets:
        text += f"\nBuckets, in seconds: {', '.join(f'{bound:g}' for bound in spec.buckets)}.\n"
    return text


def _values(label: Label) -> str:
    known = ", ".join(code(value) for value in label.values)
    return "; ".join(part for part in (known, label.note) if part)
