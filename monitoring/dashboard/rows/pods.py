"""The processes: which versions run, since when, and what they need."""

from typing import Final

from monitoring.dashboard.panels import RED, YELLOW, Kind, Panel, Query, Row

_BUILD: Final = "linkrunner_consumer_build_info{$selector}"


def _ours(expr: str) -> str:
    """Return ``expr`` of our instances only: every process that is scraped may have such metrics."""
    return f"({expr} and on (namespace, job, instance) {_BUILD})"


#: What leads to a pod; ``pod`` is there where a monitor of the Prometheus operator scrapes.
_POD: Final = "namespace, job, pod, instance"

_MEMORY: Final = _ours("process_resident_memory_bytes{$selector}")
_CPU: Final = _ours("rate(process_cpu_seconds_total{$selector}[$__rate_interval])")

ROW: Final = Row(
    "Pods",
    (
        Panel(
            title="Instances",
            description="Every instance that is scraped, with what it does and needs: the one with the "
            "oldest open record is the first.",
            kind=Kind.TABLE,
            unit="short",
            queries=(
                Query(
                    f"max by ({_POD}) (linkrunner_consumer_freshness_seconds{{$selector}})",
                    "oldest open",
                    "s",
                ),
                Query(f"max by ({_POD}, version) ({_BUILD})", "up", "bool_yes_no"),
                Query(
                    f"max by ({_POD}) (time() - {_ours('process_start_time_seconds{$selector}')})",
                    "running for",
                    "s",
                ),
                Query(
                    f"max by ({_POD}) (linkrunner_consumer_assigned_partitions{{$selector}})",
                    "partitions",
                    "none",
                ),
                Query(
                    f"max by ({_POD}) (linkrunner_consumer_queued{{$selector}}"
                    " + linkrunner_consumer_parked{$selector})",
                    "waiting records",
                    "short",
                ),
                Query(f"max by ({_POD}) (linkrunner_consumer_in_flight{{$selector}})", "on the wire", "none"),
                Query(f"max by ({_POD}) ({_MEMORY})", "memory", "bytes"),
                Query(f"max by ({_POD}) ({_CPU})", "processor", "percentunit"),
            ),
            width=24,
            alerts=("Restarting", "VersionSkew"),
        ),
        Panel(
            title="Memory",
            description="Resident memory of the largest instance and of the one in the middle. It does not "
            "grow with lag.",
            kind=Kind.LINES,
            unit="bytes",
            queries=(
                Query(f"max({_MEMORY})", "largest"),
                Query(f"quantile(0.5, {_MEMORY})", "middle"),
            ),
            width=6,
        ),
        Panel(
            title="Processor",
            description="Share of one processor that the busiest instance uses, and the one in the middle.",
            kind=Kind.LINES,
            unit="percentunit",
            queries=(Query(f"max({_CPU})", "busiest"), Query(f"quantile(0.5, {_CPU})", "middle")),
            width=6,
        ),
        Panel(
            title="Open files",
            description="Share of the files and sockets that a process may open, in the fullest instance.",
            kind=Kind.LINES,
            unit="percentunit",
            queries=(
                Query(
                    f"max({_ours('process_open_fds{$selector} / process_max_fds{$selector}')})",
                    "fullest",
                ),
            ),
            width=6,
            steps=((0.8, YELLOW), (0.95, RED)),
        ),
        Panel(
            title="Instances, by version",
            description="Two versions side by side are a rollout; for an hour, one that has got stuck.",
            kind=Kind.STACK,
            unit="short",
            queries=(Query(f"count by (version) ({_BUILD})", "{{version}}"),),
            width=6,
            alerts=("VersionSkew", "Restarting"),
        ),
    ),
)
