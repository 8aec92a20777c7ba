"""Asking a Prometheus server: the part of its HTTP API that drawing and proving need.

The API is that of https://prometheus.io/docs/prometheus/latest/querying/api/, from version 2.42 on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import httpx

_ASK_SECONDS: Final = 30.0


class QueryError(Exception):
    """Prometheus refused a question; the text is the question and its reason."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer. ``points`` are (seconds since the epoch, value), one at least."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]

    @property
    def last(self) -> float:
        """The newest value."""
        return self.points[-1][1]


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that is active: ``state`` is ``pending`` or ``firing``."""

    name: str
    state: str
    labels: Mapping[str, str]


class Prometheus:
    """One server. Raises httpx.TransportError where it does not answer. Close it, or use it as a context."""

    def __init__(self, url: str) -> None:
        self._client: Final = httpx.Client(base_url=url, timeout=_ASK_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def query(self, expression: str, at: float | None = None) -> list[Series]:
        """Return what ``expression`` is now, or at a time in seconds since the epoch.

        A scalar is one series without labels. Raises QueryError for an expression that is none.
        """
        more = {} if at is None else {"time": str(at)}
        data = self._ask("/api/v1/query", {"query": expression, **more})
        if data["resultType"] == "scalar":
            return [Series({}, [_point(data["result"])])]
        return [Series(one["metric"], [_point(one["value"])]) for one in data["result"]]

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        """Return ``expression`` every ``step`` seconds from ``start`` to ``end`` (since the epoch).

        Raises QueryError for an expression that is none.
        """
        span = {"start": str(start), "end": str(end), "step": str(step)}
        data = self._ask("/api/v1/query_range", {"query": expression, **span})
        return [Series(one["metric"], [_point(pair) for pair in one["values"]]) for one in data["result"]]

    def alerts(self) -> list[Alert]:
        """Return the alerts that are pending or firing now."""
        data = self._ask("/api/v1/alerts", {})
        return [Alert(one["labels"]["alertname"], one["state"], one["labels"]) for one in data["alerts"]]

    def rules(self) -> list[Mapping[str, Any]]:
        """Return all rules as the server tells them, those that record and those that alert."""
        groups = self._ask("/api/v1/rules", {})["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def _ask(self, path: str, form: Mapping[str, str]) -> dict[str, Any]:
        answer = self._client.post(path, data=form) if form else self._client.get(path)
        body = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        if body.get("status") != "success":
            raise QueryError(f"{form.get('query', path)}: {body.get('error') or answer.text[:200]}")
        data: dict[str, Any] = body["data"]
        return data


def _point(pair: Sequence[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
