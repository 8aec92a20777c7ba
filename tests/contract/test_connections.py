"""``check --connect`` as a whole: everything outside is asked, and the code says whose fault it is."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner, Result

from consumer.cli import application
from consumer.cli.connections import ask_api, ask_registry
from consumer.core.operations.checks import Check
from consumer.core.operations.checks import Result as Ending
from consumer.core.settings.tree import Settings
from tests.support.api import Api
from tests.support.broker import Kafka
from tests.support.certificates import certified
from tests.support.http_registry import HttpRegistry, answer
from tests.support.raw_server import RawServer, answering
from tests.support.service import merged
from tests.support.topics import Topics
from tests.support.waiting import free_port

KEY: Final = "canary-of-the-server-key"
NOBODY: Final = f"127.0.0.1:{free_port()}"


def configured(over: Mapping[str, object]) -> Mapping[str, object]:
    """Return a configuration that reaches nothing, with ``over`` on top."""
    nowhere: Mapping[str, object] = {
        "kafka": {"bootstrap_servers": NOBODY, "topics": ["payments"]},
        "currency": {"accept": "any"},
        "linkrunner": {"base_url": f"http://{NOBODY}"},
    }
    return merged(nowhere, over)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """Give a simulator of the API that accepts the key."""
    with closing(Api(tmp_path, KEY)) as api:
        api.start()
        yield api


def checked(tmp_path: Path, over: Mapping[str, object], *more: str) -> Result:
    """Return what the command says about a configuration."""
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps(configured(over)), encoding="utf-8")
    arguments = ("check", "--config", str(file), "--connect", *more)
    result = CliRunner().invoke(application(arguments), arguments, env={"LINKRUNNER_SERVER_KEY": KEY})
    assert KEY not in result.output
    return result


@pytest.mark.kafka
def test_all_is_well(kafka: Kafka, topics: Topics, api: Api, tmp_path: Path) -> None:
    """Everything there, everything allowed: 0, a line for each thing that was asked, and no call was made."""
    topic = topics.create(topics.name("fine"), 2)
    topics.create(f"{topic}.dlq")
    over = {
        "kafka": {"bootstrap_servers": kafka.bootstrap_servers, "topics": [topic]},
        "linkrunner": {"base_url": api.base_url},
    }
    result = checked(tmp_path, over)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"ok      brokers {kafka.bootstrap_servers}: 1 broker",
        f"ok      topic {topic}: 2 partitions, may be read",
        f"ok      retention of {topic}: records are kept for 168 h",
        "ok      group linkrunner-consumer: new, 0 members, may be joined",
        f"ok      dead letters {topic}.dlq: 1 partition, may be written",
        f"ok      way to {api.base_url}: connects, without TLS",
        f"ok      API {api.base_url}: answers (404)",
        f"ok      key for {api.base_url}: is taken (200)",
        "ok, with 1 warning",
    ]
    assert api.requests() == []


@pytest.mark.kafka
def test_the_erasure_topic_is_asked_about_while_it_is_enabled(
    kafka: Kafka, topics: Topics, api: Api, tmp_path: Path
) -> None:
    """It is read like the others: without it or its dead letters it fails. While it is off nobody asks."""
    topic, missing = topics.create(topics.name("there")), topics.name("erasures")
    topics.create(f"{topic}.dlq")
    over = {
        "kafka": {"bootstrap_servers": kafka.bootstrap_servers, "topics": [topic]},
        "linkrunner": {"base_url": api.base_url},
        "erasure": {"enabled": True, "topic": missing},
    }
    told = json.loads(checked(tmp_path, over, "--output", "json").stdout)
    failures = {check["subject"] for check in told["checks"] if check["result"] == "failed"}
    assert failures == {f"topic {missing}", f"dead letters {missing}.dlq"}
    off = checked(tmp_path, over | {"erasure": {"topic": missing}})
    assert off.exit_code == 0
    assert missing not in off.stdout


@pytest.mark.kafka
def test_what_is_missing_is_named_with_its_cure(
    kafka: Kafka, topics: Topics, api: Api, tmp_path: Path
) -> None:
    """A missing topic and a missing dead-letter topic fail with 69; programs get asked, answer and cure."""
    topic, missing = topics.create(topics.name("there")), topics.name("missing")
    over = {
        "kafka": {"bootstrap_servers": kafka.bootstrap_servers, "topics": [topic, missing]},
        "dead_letters": {"topic": f"{topic}.dlq"},
        "linkrunner": {"base_url": api.base_url},
    }
    result = checked(tmp_path, over, "--output", "json")
    assert result.exit_code == 69
    told = json.loads(result.stdout)
    assert told["ok"] is False
    failures = {check["subject"]: check for check in told["checks"] if check["result"] == "failed"}
    assert failures.keys() == {f"topic {missing}", f"dead letters {topic}.dlq"}
    assert failures[f"topic {missing}"] == {
        "subject": f"topic {missing}",
        "asked": "describe it, with our rights",
        "result": "failed",
        "answer": "does not exist",
        "cure": f"kafka-topics.sh --bootstrap-server BROKER --create --topic {missing}",
        "credentials": False,
    }


@pytest.mark.kafka
def test_a_pattern_is_told_with_what_it_matches(
    kafka: Kafka, topics: Topics, api: Api, tmp_path: Path
) -> None:
    """Each matched topic is asked about like a named one; a pattern without any is a warning."""
    base = topics.name("found")
    first = topics.create(f"{base}.a")
    topics.create(f"{first}.dlq")
    over = {
        "kafka": {"bootstrap_servers": kafka.bootstrap_servers, "topics": [f"^{base}", "^no-such-topic-yet"]},
        "linkrunner": {"base_url": api.base_url},
    }
    result = checked(tmp_path, over)
    assert result.exit_code == 0
    for line in (
        f"ok      topics ^{base}: 1 topic: {first}",
        "warning topics ^no-such-topic-yet: none matches",
        f"ok      topic {first}: 1 partition, may be read",
        f"ok      dead letters {first}.dlq: 1 partition, may be written",
    ):
        assert line in result.stdout.splitlines()


@pytest.mark.kafka
def test_a_refused_key_has_its_own_code(kafka: Kafka, api: Api, tmp_path: Path) -> None:
    """Also beside other failures: 77 says that somebody with the right secret has to act."""
    api.accept_key("another-key")
    over = {
        "kafka": {"bootstrap_servers": kafka.bootstrap_servers, "topics": ["no-such-topic"]},
        "linkrunner": {"base_url": api.base_url},
    }
    result = checked(tmp_path, over)
    assert result.exit_code == 77
    assert f"failed  key for {api.base_url}: is refused (401)" in result.stdout
    assert "failed  topic no-such-topic: does not exist" in result.stdout
    assert result.stdout.splitlines()[-1] == "not ok, with 3 failures and 1 warning"


@pytest.mark.kafka
def test_letters_are_asked_about_as_who_writes_them(kafka: Kafka, topics: Topics, tmp_path: Path) -> None:
    """A producer with a connection of its own is asked on that one, and its failure ends its questions."""
    topic = topics.create(topics.name("source"))
    over = {
        "kafka": {"bootstrap_servers": kafka.bootstrap_servers, "topics": [topic]},
        "dead_letters": {"properties": {"security.protocol": "SSL"}},
    }
    result = checked(tmp_path, over)
    assert result.exit_code == 69
    assert f"ok      topic {topic}: 1 partition, may be read" in result.stdout
    assert f"failed  brokers {kafka.bootstrap_servers}, for dead letters" in result.stdout
    assert f"dead letters {topic}.dlq" not in result.stdout


def test_mistakes_come_first(tmp_path: Path) -> None:
    """Nothing is asked with a configuration that can't be used."""
    result = checked(tmp_path, {"http": {"prot": 1}}, "--output", "json")
    assert result.exit_code == 78
    told = json.loads(result.stdout)
    assert len(told["mistakes"]) == 1
    assert "checks" not in told


@pytest.mark.parametrize(
    ("given", "ending", "credentials", "words"),
    [
        (answer(404, {"error_code": 40403, "message": "no"}), Ending.OK, False, "answers as a registry"),
        (answer(200, {"schema": '"string"'}), Ending.OK, False, "answers as a registry"),
        (answer(401, {"error_code": 401}), Ending.FAILED, True, "refuses the credentials (status 401)"),
        (answer(403, {"error_code": 403}), Ending.FAILED, True, "refuses the credentials (status 403)"),
        (answer(404, "<html>", "text/html"), Ending.FAILED, False, "is not at this address (status 404)"),
        (answer(503, "busy", "text/plain"), Ending.FAILED, False, "fails (status 503)"),
        (answer(200, "<html>", "text/html"), Ending.FAILED, False, "not a registry's"),
    ],
)
def test_the_registry_is_asked_as_for_a_schema(
    given: object, ending: Ending, credentials: bool, words: str
) -> None:
    """Its own "no such schema" proves address and rights; a second address that is away is a warning."""

    async def scene() -> list[Check]:
        registry = HttpRegistry()
        registry.answers["/schemas/ids/2147483647"] = given  # type: ignore[assignment]  # an Answer, each
        async with registry.serving() as url:
            both = configured({"schema_registry": {"url": f"http://{NOBODY},{url}"}})
            return await ask_registry(Settings.model_validate(both))

    away, asked = asyncio.run(scene())
    assert (asked.result, asked.credentials) == (ending, credentials)
    assert words in asked.answer
    assert away.result is (Ending.WARNING if ending is Ending.OK else Ending.FAILED)


def test_the_api_gets_nothing_but_reading_requests() -> None:
    """A wrong port ends at the connection; else two GETs, whatever the answers are."""

    async def scene() -> tuple[list[Check], list[bytes]]:
        server = RawServer(answering(b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n"))
        async with server.listening():
            there = configured({"linkrunner": {"base_url": f"{server.url}/api/v1"}})
            checks = await ask_api(Settings.model_validate(there), lambda: KEY)
        return checks, server.requests

    checks, requests = asyncio.run(scene())
    assert [request.split(b" ")[:2] for request in requests] == [
        [b"GET", b"/api/v1/capture-payment"],
        [b"GET", b"/api/v1/reporting/campaigns?limit=1"],
    ]
    assert [check.answer.partition(":")[0] for check in checks[-2:]] == [
        "answers (405)",
        "the API has no such page there (405)",
    ]
    alone = asyncio.run(ask_api(Settings.model_validate(configured({})), lambda: KEY))
    (way,) = alone
    assert (way.result, "connection refused" in way.answer) == (Ending.FAILED, True)


@pytest.mark.parametrize(
    ("days", "trusted", "words"),
    [
        (90.5, True, "connects; the certificate is valid for 90 more days"),
        (3.5, True, "the certificate is valid for 3 more days"),
        (-1, True, "certificate has expired"),
        (90, False, "self-signed certificate"),
    ],
)
def test_the_certificate_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: float, trusted: bool, words: str
) -> None:
    """Valid, soon over, over, and not to be trusted are told apart; nothing is sent over it."""
    server = certified(tmp_path, days=days)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.file))

    async def scene() -> str:
        raw = RawServer(answering(b""))
        async with raw.listening(server.context):
            there = configured({"linkrunner": {"base_url": f"https://127.0.0.1:{raw.port}"}})
            checks = await ask_api(Settings.model_validate(there), lambda: KEY)
            return checks[0].answer

    assert words in asyncio.run(scene())
