"""``check --connect`` and the mapping: held against the latest schemas of a registry that answers."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Final

import pytest
from aiohttp import web
from typer.testing import CliRunner

from consumer.cli import application
from consumer.cli.connections import ask_schemas, latest_schemas
from consumer.cli.loading import configure
from consumer.core.operations.checks import Check, Failure, Result, Trouble
from consumer.edges.registry.latest import AT_ONCE
from tests.support.http_registry import HttpRegistry, answer, silent

MAPPING: Final = """\
    sources:
      - {topics: [canonical.events], schema: canonical}
      - {topics: [raw], decoding: {wire_format: single_object}, routes: [{name: nothing, action: skip}]}
      - topics: [orders, ^more]
        routes:
          - {name: refunded, action: remove, set: {payment_id: {path: ids}}}
    """
NO_SUBJECT: Final = answer(404, {"error_code": 40401, "message": "Subject not found"})


def order(field: str, kind: object = "string") -> str:
    """Return the schema of an order with one field."""
    return json.dumps({"type": "record", "name": "Order", "fields": [{"name": field, "type": kind}]})


def asked(
    folder: Path, schemas: Mapping[str, str | None], topics: Sequence[str], money: str | None = None
) -> tuple[list[Check], list[str]]:
    """Return what is told of ``topics``, and the paths that the registry was asked for."""

    async def run() -> list[Check]:
        async with registry.serving() as url:
            (folder / "m.yaml").write_text(dedent(MAPPING), encoding="utf-8")
            settings = {
                "kafka": {"bootstrap_servers": "a:9092"},
                "currency": {"accept": "any"},
                "mapping": str(folder / "m.yaml"),
                "schema_registry": {"url": url},
            }
            (folder / "c.yaml").write_text(json.dumps(settings), encoding="utf-8")
            return await ask_schemas(configure(folder / "c.yaml", {}), topics)

    registry = HttpRegistry()
    for topic, schema in schemas.items():
        path = f"/subjects/{topic}-value/versions/latest"
        body = {"subject": topic, "version": 1, "id": 1, "schema": schema}
        if "Money" in str(schema):
            body["references"] = [{"name": "Money", "subject": "money", "version": 1}]
        registry.answers[path] = NO_SUBJECT if schema is None else answer(200, body)
    if money is not None:
        registry.version("money", 1, money)
    else:
        registry.answers["/subjects/money/versions/1"] = answer(404, {"error_code": 40403, "message": ""})
    return asyncio.run(run()), registry.asked


def test_a_path_that_is_not_there_fails_and_is_named(tmp_path: Path) -> None:
    """With the line of the mapping and the field that was probably meant."""
    checks, _ = asked(tmp_path, {"orders": order("id")}, ["orders"])
    assert [check.result for check in checks] == [Result.FAILED]
    assert "m.yaml:" in checks[0].answer
    assert "ids" in checks[0].answer
    assert "id" in checks[0].cure


def test_what_fits_and_what_can_be_null(tmp_path: Path) -> None:
    """Every topic has its own schema, also the one that a pattern has found."""
    nullable = order("ids", ["null", "string"])
    checks, _ = asked(tmp_path, {"orders": order("ids"), "more": nullable}, ["orders", "more"])
    assert [(check.subject, check.result) for check in checks] == [
        ("mapping of orders", Result.OK),
        ("mapping of more", Result.WARNING),
    ]


def test_only_topics_with_routes_and_ids_are_asked_about(tmp_path: Path) -> None:
    """Canonical events have our own schema; single-object records name theirs without a registry."""
    topics = ["canonical.events", "raw", "orders", "of nobody"]
    checks, paths = asked(tmp_path, {"orders": order("ids")}, topics)
    assert [check.subject for check in checks] == ["mapping of orders"]
    assert [path.partition("?")[0] for path in paths] == ["/subjects/orders-value/versions/latest"]


def test_a_registry_without_the_subject_stops_nothing(tmp_path: Path) -> None:
    """Producers may name their subjects otherwise; one that fails is not asked again for each topic."""
    topics = ["orders", *(f"more.{n}" for n in range(15))]
    checks, paths = asked(tmp_path, {"orders": None}, topics)
    assert [check.result for check in checks] == [Result.WARNING] * 16
    assert "no such subject" in checks[0].answer
    assert len(paths) <= AT_ONCE + 1
    assert "the registry does not answer" in checks[-1].answer


def test_topics_that_were_not_asked_about_are_told_of(tmp_path: Path) -> None:
    """A pattern may find hundreds: who reads the answer has to know that it is not about all of them."""
    topics = [f"more.{n}" for n in range(21)]
    checks, _ = asked(tmp_path, {topic: order("ids") for topic in topics}, topics)
    assert [check.result for check in checks] == [*[Result.OK] * 20, Result.WARNING]
    assert checks[-1].answer == "only the first 20 were asked about"
    assert "21 topics" in checks[-1].asked


@pytest.mark.parametrize(
    ("money", "result", "told"),
    [
        (order("cents").replace("Order", "Money"), Result.OK, "fits"),
        (None, Result.WARNING, "lacks a schema that another refers to"),
        (order("cents").replace("Order", "Coin"), Result.WARNING, "names a type that it does not define"),
    ],
)
def test_a_schema_that_refers_to_others_is_held_against_with_them(
    tmp_path: Path, money: str | None, result: Result, told: str
) -> None:
    """Where one is missing, or nothing could be decoded by it, that is told, and the others are judged."""
    orders = json.dumps(
        {"type": "record", "name": "Order", "fields": [
            {"name": "ids", "type": "string"}, {"name": "total", "type": "Money"},
        ]}
    )  # fmt: skip
    checks, _ = asked(tmp_path, {"orders": orders, "more": order("ids")}, ["orders", "more"], money)
    assert [check.result for check in checks] == [result, Result.OK]
    assert told in checks[0].answer


def test_subjects_are_asked_about_at_the_same_time() -> None:
    """None is answered before all are asked, as far as the registry is asked at once."""
    registry = HttpRegistry()
    subjects = [f"s{n}" for n in range(AT_ONCE)]

    async def scene() -> None:
        all_asked = asyncio.Event()

        async def give(request: web.Request) -> web.StreamResponse:
            if len(registry.asked) == AT_ONCE:
                all_asked.set()
            await all_asked.wait()
            return await NO_SUBJECT(request)

        registry.answers = {f"/subjects/{each}/versions/latest": give for each in subjects}
        async with registry.serving() as url:
            assert await latest_schemas(url, {}, subjects) == dict.fromkeys(subjects)

    asyncio.run(scene())


def test_a_registry_that_falls_silent_is_told_in_time() -> None:
    """What was answered counts; the time is one for all, however many there are."""
    registry = HttpRegistry()
    subjects = [f"s{n}" for n in range(20)]
    registry.answers = {f"/subjects/{each}/versions/latest": silent for each in subjects}
    registry.answers["/subjects/s0/versions/latest"] = NO_SUBJECT

    async def scene() -> None:
        async with registry.serving() as url:
            found = await latest_schemas(url, {}, subjects, seconds=0.3)
        assert found.pop("s0") is None
        assert found.keys() == set(subjects) - {"s0"}
        assert {str(state) for state in found.values() if isinstance(state, Failure)} == {
            str(Failure(Trouble.TIMEOUT, "the schema registry has not answered in time"))
        }
        assert len(registry.asked) == AT_ONCE + 1

    asyncio.run(scene())


def test_without_a_mapping_or_a_registry_nobody_is_asked(tmp_path: Path) -> None:
    """There is nothing to hold against anything."""
    file = tmp_path / "c.yaml"
    text = "kafka: {bootstrap_servers: 'a:9092', topics: [a]}\ncurrency: {accept: any}\n"
    for more in ("", "schema_registry: {url: 'http://a'}\n"):
        file.write_text(text + more, encoding="utf-8")
        assert asyncio.run(ask_schemas(configure(file, {}), ["a"])) == []


@pytest.mark.parametrize(("field", "code"), [("ids", 0), ("id", 78)])
def test_the_schema_of_raw_records_is_held_against_at_every_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str, code: int
) -> None:
    """They have no other: what is not there fails with each of them, so nothing starts."""
    monkeypatch.chdir(tmp_path)
    Path("o.avsc").write_text(order(field), encoding="utf-8")
    Path("m.yaml").write_text(
        dedent(
            """\
            sources:
              - topics: [orders]
                decoding: {wire_format: raw, schema: o.avsc}
                routes:
                  - {name: refunded, action: remove, set: {payment_id: {path: ids}}}
            """
        ),
        encoding="utf-8",
    )
    Path("c.yaml").write_text(
        "kafka: {bootstrap_servers: 'a:9092'}\ncurrency: {accept: any}\nmapping: m.yaml\n", encoding="utf-8"
    )
    arguments = ("check", "--config", "c.yaml")
    result = CliRunner().invoke(application(arguments), arguments, env={"LINKRUNNER_SERVER_KEY": "k"})
    assert result.exit_code == code
    assert ("m.yaml:5" in result.stdout) is (code == 78)
