"""``explain``: what an event would become, told so that nothing of it leaks."""

import json
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner, Result

from consumer.cli import application
from consumer.cli.beside import any_bytes, header
from consumer.core.avro.codec import fingerprint
from consumer.core.avro.inspection import WriterSchema
from consumer.core.avro.schemas import user_erasure
from tests.support.avro import canonical, encode
from tests.support.events import Event, money, payment_event

#: Values of a record that must never be shown unless asked for.
CANARIES: Final = (
    "canary-user", "canary-pay", "canary-order", "canary-sku", "canary-campaign", "canary-name", "canary-key",
    "canary-event", "canary-attempt", "777333", "7773.33",
)  # fmt: skip

CONFIG: Final = "kafka: {bootstrap_servers: 'a:9092', topics: [payments]}\ncurrency: {accept: [INR]}\n"
MAPPED: Final = "kafka: {bootstrap_servers: 'a:9092'}\ncurrency: {accept: [INR]}\nmapping: m.yaml\n"
MAPPING: Final = """\
sources:
  - topics: [orders]
    routes:
      - name: paid
        when: {path: state, eq: PAID}
        action: capture
        set:
          user_id: {coalesce: [{path: meta.app_user}, {path: user}]}
          payment_id: {path: id, as: string}
          amount: {path: cents, as: minor, currency: {path: currency, as: upper}}
          type: {path: kind, map: {first: SUBSCRIPTION_CREATED}, default: DEFAULT}
          attributes: {campaign: {path: meta.campaign}}
      - name: opened
        when: {path: state, in: [OPEN, CREATED]}
        action: skip
"""

SALE: Final = {
    "event_id": "canary-event",
    "kind": "PAYMENT",
    "status": "COMPLETED",
    "payment_id": "canary-pay",
    "attempt_id": "canary-attempt",
    "user_id": "canary-user",
    "amount": {"minor_units": 777333, "currency": "INR"},
    "occurred_at": "2026-03-01T12:30:00Z",
    "order_id": "canary-order",
    "items": [{"id": "canary-sku", "quantity": 1, "unit_price": {"minor_units": 777333, "currency": "INR"}}],
    "attributes": {"canary-name": "canary-campaign"},
}
ORDER: Final = {
    "state": "PAID",
    "id": "canary-pay",
    "user": "canary-user",
    "cents": 777333,
    "currency": "inr",
    "kind": "first",
    "meta": {"campaign": "canary-campaign", "canary-name": 1},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder with a configuration for canonical and one for mapped events."""
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIG, encoding="utf-8")
    Path("mapped.yaml").write_text(MAPPED, encoding="utf-8")
    Path("m.yaml").write_text(MAPPING, encoding="utf-8")
    return tmp_path


def explain(
    *arguments: str, config: str = "c.yaml", topic: str = "payments", given: bytes | str = b""
) -> Result:
    """Call the command; ``given`` is its standard input."""
    called = ("explain", "--config", config, "--topic", topic, *arguments)
    return CliRunner().invoke(application(called), called, input=given)


def told(event: object, *arguments: str, **how: str) -> Result:
    """Explain an event that is written as JSON."""
    return explain("--json", "-", *arguments, given=json.dumps(event), **how)


def mapped(event: object, *arguments: str) -> Result:
    """Explain an event of the topic with a mapping."""
    return told(event, *arguments, config="mapped.yaml", topic="orders")


def read(result: Result) -> dict[str, object]:
    """Return what was written for programs."""
    tree: dict[str, object] = json.loads(result.stdout)
    return tree


class TestOutcomes:
    """What is told at the end, and the code that scripts go by."""

    def test_a_call(self) -> None:
        """Exit 0; method, path, and that the unit of amounts is an assumption."""
        result = told(SALE, "--reveal")
        assert result.exit_code == 0, result.output
        assert "POST /capture-payment" in result.stdout
        assert '"amount": 7773.33,' in result.stdout
        assert "major units" in result.stdout
        assert "verify one payment in the dashboard" in result.stdout

    def test_a_skip(self) -> None:
        """Exit 3, with the reason that the metrics count it by."""
        result = told(SALE | {"status": "AUTHORIZED"})
        assert result.exit_code == 3
        assert result.stdout.splitlines()[-1] == "skipped status"

    def test_a_dead_letter(self) -> None:
        """Exit 4, with the reason and the sentence that the letter has."""
        result = told(SALE | {"user_id": " "})
        assert result.exit_code == 4
        assert result.stdout.splitlines()[-2:] == ["dead letter invalid_event", "  user_id is blank"]

    def test_a_wait(self) -> None:
        """Exit 4: a record whose schema can't be had is held."""
        result = explain("--avro", "-", given=b"\x00\x00\x00\x00\x07canary")
        assert result.exit_code == 4
        assert "held: the service would wait" in result.stdout
        assert "schema_registry.url" in result.stdout

    def test_a_tombstone(self) -> None:
        """JSON's null is a record without a value."""
        result = told(None)
        assert (result.exit_code, result.stdout.splitlines()[-1]) == (3, "skipped tombstone")

    def test_a_mistake_in_the_configuration(self) -> None:
        """It is the configuration that is wrong then, not the event; the border of the process tells it."""
        result = told(SALE, config="nowhere.yaml")
        assert type(result.exception).__name__ == "ConfigurationError"


class TestWays:
    """How a record is given."""

    def test_avro_in_its_framing(self) -> None:
        """As it is in Kafka; a bundled schema is known by its fingerprint."""
        body = encode(canonical(), payment_event(amount=money(777_333)))
        result = explain(
            "--avro", "-", "--output", "json", given=b"\xc3\x01" + fingerprint(canonical()) + body
        )
        tree = read(result)
        assert (tree["outcome"], tree["schema"]) == ("call", "revenue.v1.PaymentEvent")
        assert tree["framing"] == {"by": "fingerprint", "schema_id": fingerprint(canonical()).hex()}

    def test_avro_with_its_schema(self) -> None:
        """Without framing; the schema stands beside it."""
        Path("s.avsc").write_text(canonical().text, encoding="utf-8")
        body = encode(canonical(), payment_event())
        assert explain("--avro", "-", "--schema", "s.avsc", given=body).exit_code == 0
        broken = explain("--avro", "-", "--schema", "s.avsc", given=body[:-1])
        assert broken.exit_code == 4
        assert "dead letter undecodable" in broken.stdout

    def test_json_of_any_schema(self) -> None:
        """Written as JSON, it goes through the same decoder as a record from Kafka."""
        fields = [
            {"name": "state", "type": {"type": "enum", "name": "S", "symbols": ["PAID", "OPEN"]}},
            {"name": "id", "type": "long"},
            {"name": "user", "type": "string"},
            {"name": "cents", "type": "long"},
            {"name": "currency", "type": "string", "default": "INR"},
        ]
        Path("o.avsc").write_text(json.dumps({"type": "record", "name": "Order", "fields": fields}))
        order = {"state": "PAID", "id": 5, "user": "u", "cents": 420}
        result = mapped(order, "--schema", "o.avsc", "--reveal", "--output", "json")
        call = read(result)["call"]
        assert isinstance(call, dict)
        assert call["body"] == {
            "user_id": "u", "payment_id": "5", "amount": 4.20, "type": "DEFAULT",
            "status": "PAYMENT_COMPLETED",
        }  # fmt: skip

    def test_a_record_of_a_union_is_named(self) -> None:
        """A schema that is a union has no name itself; the record that the value is has one."""
        kinds = [
            {"type": "record", "name": f"shop.{name}", "fields": [{"name": "state", "type": "string"}]}
            for name in ("Order", "Basket")
        ]
        Path("u.avsc").write_text(json.dumps(kinds), encoding="utf-8")
        result = mapped({"shop.Basket": {"state": "OPEN"}}, "--schema", "u.avsc", "--output", "json")
        assert read(result)["schema"] == "shop.Basket"

    def test_key_and_headers_are_given_beside_a_file(self) -> None:
        """A mapping may read them."""
        text = MAPPING.replace("{path: user}", "{path: $headers.user}").replace("path: id", "path: $key")
        Path("m.yaml").write_text(text, encoding="utf-8")
        beside = ("--key", "the-key", "--header", "user=the-user")
        call = read(mapped(ORDER, *beside, "--reveal", "--output", "json"))["call"]
        assert isinstance(call, dict)
        assert (call["body"]["user_id"], call["body"]["payment_id"]) == ("the-user", "the-key")

    @pytest.mark.parametrize(
        ("written", "content"),
        [
            (r"\x00\xFF-k", b"\x00\xff-k"),
            (r"c:\\new\\x41", rb"c:\new\x41"),
            ("käse", "käse".encode()),
            (b"\xfe\xff".decode(errors="surrogateescape"), b"\xfe\xff"),
        ],
    )
    def test_keys_and_headers_are_any_bytes(self, written: str, content: bytes) -> None:
        """By escapes, or as the shell gives them, UTF-8 or not."""
        assert any_bytes(written) == content
        assert header(f"n={written}") == ("n", content)

    @pytest.mark.parametrize("written", [r"\x0", r"\n", "end\\", r"\u0041", "\ud800"])
    def test_what_is_no_escape_is_wrong_usage(self, written: str) -> None:
        """A backslash is never taken for something that it might not be."""
        for beside in (("--key", written), ("--header", f"n={written}")):
            result = mapped(ORDER, *beside)
            assert result.exit_code == 2, result.output
            assert beside[0] in result.stderr

    @pytest.mark.parametrize(
        "written", ["2026-03-01T12:30:00.5Z", "2026-03-01T18:00:00.500+05:30", "1772368200500"]
    )
    def test_a_record_from_a_file_has_the_time_that_is_given(self, written: str) -> None:
        """For what reads ``$timestamp``."""
        text = MAPPING.replace("{campaign: ", "{at: {path: $timestamp, as: string}, campaign: ")
        Path("m.yaml").write_text(text, encoding="utf-8")
        answer = read(mapped(ORDER, "--timestamp", written, "--reveal", "--output", "json"))
        call = answer["call"]
        assert isinstance(call, dict)
        assert call["body"]["event_data"]["at"] == "2026-03-01T12:30:00.500000+00:00"

    def test_the_age_of_a_record_is_that_of_its_time(self) -> None:
        """An event that does not say when it was is as old as its record."""
        Path("mapped.yaml").write_text(MAPPED + "delivery: {max_event_age_seconds: 3600}\n", encoding="utf-8")
        old = mapped(ORDER, "--timestamp", "2026-03-01T12:30:00Z", "--output", "json")
        assert (old.exit_code, read(old)["reason"]) == (4, "too_old")
        assert mapped(ORDER, "--timestamp", "9999-01-01T00:00:00Z").exit_code == 0
        assert mapped(ORDER).exit_code == 0

    def test_the_rate_is_that_of_the_day(self) -> None:
        """Where a mapping takes the record's time for the payment's."""
        rates = "{source: file, base: EUR, path: r.csv, max_age_days: 30}"
        lines = ("date,currency,rate", "2026-02-27,INR,100", "2026-03-01,INR,200", "")
        Path("r.csv").write_text("\n".join(lines), encoding="utf-8")
        Path("mapped.yaml").write_text(
            MAPPED.replace("{accept: [INR]}", f"{{reporting: EUR, rates: {rates}}}"), encoding="utf-8"
        )
        Path("m.yaml").write_text(
            MAPPING.replace("attributes:", "occurred_at: {path: $timestamp}\n          attributes:"),
            encoding="utf-8",
        )
        days = [
            read(mapped(ORDER, "--timestamp", at, "--output", "json"))["currency"]
            for at in ("2026-03-01T12:00:00Z", "2026-03-02T12:00:00Z")
        ]
        assert [day["dated"] for day in days if isinstance(day, dict)] == ["2026-02-27", "2026-03-01"]

    @pytest.mark.parametrize(
        "arguments",
        [
            (),
            ("--json", "-", "--avro", "-"),
            ("--partition", "0"),
            ("--offset", "0"),
            ("--json", "-", "--offset", "1"),
            ("--partition", "0", "--offset", "1", "--key", "k"),
            ("--json", "no-such-file.json"),
            ("--json", "-", "--header", "no-value"),
            ("--partition", "0", "--offset", "1", "--timestamp", "0"),
            ("--json", "-", "--timestamp", "yesterday"),
            ("--json", "-", "--timestamp", "2026-03-01T12:30:00"),
            ("--json", "-", "--timestamp", "-1"),
            ("--json", "-", "--timestamp", "9223372036854775808"),
        ],
    )
    def test_wrong_usage(self, arguments: tuple[str, ...]) -> None:
        """Exit 2: one way to give a record, and all of it."""
        assert explain(*arguments).exit_code == 2

    def test_a_topic_that_nobody_reads(self) -> None:
        """Then there is nothing to explain; what is read is said."""
        result = told(SALE, topic="others")
        assert result.exit_code == 4
        assert "nothing reads the topic others; the configuration reads payments" in result.stderr


REQUEST: Final = {
    "event_id": "canary-event",
    "user_id": "canary-user",
    "requested_at": "2026-03-01T12:30:00Z",
}


class TestErasures:
    """Requests to erase a user: what they would become is told like a payment's, and nothing is sent."""

    @pytest.fixture(autouse=True)
    def enabled(self, folder: Path) -> None:
        """Read a topic of erasures beside the payments."""
        text = CONFIG + "erasure: {enabled: true, topic: users.gone}\n"
        (folder / "e.yaml").write_text(text, encoding="utf-8")

    def request(self, event: object, *arguments: str) -> Result:
        """Explain a request that is written as JSON."""
        return told(event, *arguments, config="e.yaml", topic="users.gone")

    def test_the_call(self) -> None:
        """All of it, masked unless it is asked for, and what it means."""
        result = self.request(REQUEST)
        assert result.exit_code == 0, result.output
        assert "POST /remove-payment" in result.stdout
        assert "removes all payments of this user, for good" in result.stdout
        assert "<text, 11 characters>" in result.stdout
        assert [canary for canary in CANARIES if canary in result.output] == []
        answer = read(self.request(REQUEST, "--reveal", "--output", "json"))
        assert answer["call"] == {
            "method": "POST",
            "path": "/remove-payment",
            "body": {"user_id": "canary-user"},
        }
        assert (answer["outcome"], answer["read_by"], answer["schema"]) == (
            "call",
            "erasure",
            "revenue.v1.UserErasure",
        )
        assert isinstance(answer["fields"], list)
        (field,) = answer["fields"]
        assert (field["field"], field["value"]) == ("user_id", "canary-user")
        assert answer.keys() == read(told(SALE, "--output", "json")).keys()

    @pytest.mark.parametrize(
        ("event", "code", "words"),
        [
            (None, 3, ["skipped tombstone"]),
            (REQUEST | {"user_id": " "}, 4, ["dead letter invalid_event", "user_id is blank"]),
            (SALE, 4, ["the JSON is no record of the topic"]),
        ],
    )
    def test_what_becomes_no_call(self, event: object, code: int, words: list[str]) -> None:
        """The codes are those of payments."""
        result = self.request(event)
        assert result.exit_code == code
        assert [word for word in words if word not in result.output] == []

    @pytest.mark.parametrize(
        ("schema", "event", "code", "words"),
        [
            (WriterSchema(user_erasure()), REQUEST | {"requested_at": 0}, 0, "POST /remove-payment"),
            (canonical(), payment_event(), 4, "dead letter undecodable"),
        ],
    )
    def test_a_record_in_its_framing(self, schema: WriterSchema, event: Event, code: int, words: str) -> None:
        """By the decoder that the service has for the topic: another record is not taken."""
        Path("r.bin").write_bytes(b"\xc3\x01" + fingerprint(schema) + encode(schema, event))
        result = explain("--avro", "r.bin", config="e.yaml", topic="users.gone")
        assert (result.exit_code, words in result.stdout) == (code, True)

    def test_a_schema_that_can_not_be_had(self) -> None:
        """The service would wait, as for payments."""
        Path("r.bin").write_bytes(b"\x00\x00\x00\x00\x07")
        result = explain("--avro", "r.bin", config="e.yaml", topic="users.gone")
        assert (result.exit_code, "held" in result.stdout) == (4, True)

    def test_while_it_is_off_nothing_reads_the_topic(self) -> None:
        """Then there is nothing to explain."""
        off = CONFIG + "erasure: {enabled: false, topic: users.gone}\n"
        Path("e.yaml").write_text(off, encoding="utf-8")
        result = self.request(REQUEST)
        assert result.exit_code == 4
        assert "nothing reads the topic users.gone" in result.stderr


class TestOddContent:
    """Whatever a record holds, it is explained or refused; nothing of it ends the command."""

    @pytest.mark.parametrize("output", ["text", "json"])
    @pytest.mark.parametrize("reveal", [(), ("--reveal",)])
    @pytest.mark.parametrize(
        "change",
        [{"user": "u\ud800"}, {"meta": {"campaign": "\ud800", "\udc00": ["\ud800"]}}, {"state": "\ud800"}],
    )
    def test_half_a_character(self, change: dict[str, object], reveal: tuple[str, ...], output: str) -> None:
        """JSON may hold one, which no output can."""
        result = mapped(ORDER | change, *reveal, "--output", output)
        assert result.exit_code in {0, 3, 4}, result.exception
        assert not isinstance(result.exception, Exception)

    @pytest.mark.parametrize("output", ["text", "json"])
    def test_half_a_character_in_a_schema(self, output: str) -> None:
        """Its names may hold one, and what is told of a record that does not fit has names in it."""
        schema = {"type": "record", "name": "R", "fields": [{"name": "a\ud800", "type": "int"}]}
        Path("s.avsc").write_text(json.dumps(schema), encoding="utf-8")
        for record in ({}, {"a\ud800": "x"}, {"a\ud800": 1}):
            result = mapped(record, "--schema", "s.avsc", "--output", output)
            assert result.exit_code in {3, 4}, result.exception

    @pytest.mark.parametrize("output", ["text", "json"])
    @pytest.mark.parametrize("levels", [65, 700, 100_000])
    def test_deep_nesting(self, levels: int, output: str) -> None:
        """It is told as a mistake."""
        text = '{"state":' + "[" * levels + "]" * levels + "}"
        result = explain("--json", "-", "--output", output, given=text, config="mapped.yaml", topic="orders")
        assert result.exit_code == 4, result.exception
        assert "more than 64 levels" in result.output or "no JSON" in result.output

    def test_deep_json_in_a_text(self) -> None:
        """The mapping's own reader of JSON refuses it too, as the run does."""
        Path("m.yaml").write_text(MAPPING.replace("{path: user}", "{path: user, as: [json, {path: id}]}"))
        result = mapped(ORDER | {"user": "[" * 700 + "]" * 700})
        assert result.exit_code == 4, result.exception
        assert "dead letter mapping" in result.stdout
        assert "JSON of more than 64 levels" in result.stdout


class TestTraces:
    """The way from the record to its end."""

    def test_routes_are_told_in_their_order_with_what_was_asked(self) -> None:
        """One that did not match, with its place and the answer; then the one that did."""
        routes = read(mapped(ORDER | {"state": "OPEN"}, "--output", "json"))["routes"]
        assert routes == [
            {
                "name": "paid",
                "at": "m.yaml:4",
                "matched": False,
                "tests": [{"what": "state", "value": "OPEN"}, {"what": "eq", "value": False}],
            },
            {
                "name": "opened",
                "at": "m.yaml:13",
                "matched": True,
                "tests": [{"what": "state", "value": "OPEN"}, {"what": "in", "value": True}],
            },
        ]

    def test_fields_are_told_from_path_to_value(self) -> None:
        """Each converter with what came out of it."""
        fields = read(mapped(ORDER, "--reveal", "--output", "json"))["fields"]
        assert isinstance(fields, list)
        by_name = {field["field"]: field for field in fields}
        steps = [(step["what"], step["value"]) for step in by_name["amount"]["steps"]]
        assert ("cents", 777333) in steps
        assert ("as minor", "777333 minor units") in steps
        assert ("as upper", "INR") in steps
        assert by_name["amount"]["value"] == "7773.33 INR"

    def test_a_mapping_error_names_route_and_path(self) -> None:
        """With the type of what was there."""
        result = mapped(ORDER | {"cents": "canary-user"})
        assert result.exit_code == 4
        assert "dead letter mapping" in result.stdout
        assert "route paid: amount" in result.stdout

    def test_the_currency_is_told(self) -> None:
        """Nothing is converted: it is that of the event."""
        currency = read(told(SALE, "--output", "json"))["currency"]
        assert currency == {"of_the_event": "INR", "sent": "INR", "rate": None, "dated": None}
        assert "INR, sent as it is" in told(SALE).stdout

    def test_broken_rules_of_the_catalogue_are_told(self) -> None:
        """With what they cost."""
        result = told(SALE | {"items": [{"id": "canary-sku", "quantity": 1}]})
        assert "R5 an item has no readable unit_price: the ecommerce fields are left out" in result.stdout

    @pytest.mark.parametrize(
        ("attributes", "limit"),
        [
            ({"currency": "x"}, "a reserved name"),
            ({"n" * 129: "x"}, "of more than 128 characters"),
            ({"name": "x" * 257}, "a text of more than 256"),
            ({f"n{number}": "x" for number in range(193)}, "beyond the first 192"),
        ],
    )
    def test_why_attributes_are_dropped_is_told(self, attributes: dict[str, str], limit: str) -> None:
        """With every limit that there is."""
        lines = told(SALE | {"attributes": attributes}).stdout.splitlines()
        (line,) = (line for line in lines if "attribute(s) dropped" in line)
        assert line.strip().startswith("1 attribute(s) dropped: ")
        assert limit in line


class TestMasks:
    """Without ``--reveal`` nothing of a record is shown."""

    @pytest.mark.parametrize("output", ["text", "json"])
    @pytest.mark.parametrize(
        "change",
        [
            {},
            {"status": "FAILED"},
            {"kind": "REFUND"},
            {"kind": "REFUND", "original_amount": {"minor_units": 7773331, "currency": "INR"}},
            {"user_id": " "},
            {"amount": {"minor_units": 777333, "currency": "canary-user"}},
            {"occurred_at": "canary-user"},
            {"kind": "canary-user"},
            {"canary-name": 1},
            {"items": "canary-sku"},
            {"attributes": {"canary-name": ["canary-campaign"]}},
        ],
    )
    def test_canonical_events(self, change: dict[str, object], output: str) -> None:
        """Whether it becomes a call, a skip, a dead letter or an error."""
        result = told(SALE | change, "--output", output)
        assert [canary for canary in CANARIES if canary in result.output] == []

    @pytest.mark.parametrize("output", ["text", "json"])
    @pytest.mark.parametrize(
        "change",
        [
            {},
            {"state": "canary-user"},
            {"state": 777333},
            {"cents": "canary-user"},
            {"currency": "canary-user"},
            {"kind": "canary-name"},
            {"id": {"canary-name": 1}},
            {"meta": {"app_user": ["canary-user"]}},
            {"user": None},
        ],
    )
    def test_mapped_events(self, change: dict[str, object], output: str) -> None:
        """The same for any schema."""
        result = mapped(ORDER | change, "--output", output, "--key", "canary-key")
        assert [canary for canary in CANARIES if canary in result.output] == []

    @pytest.mark.parametrize("output", ["text", "json"])
    @pytest.mark.parametrize("value", ["canary-user", "canary-user\ud800", 777333, True])
    @pytest.mark.parametrize(
        "path", ["lifecycle.owner_email", "lifecycle.partial_refunds", "eq", "exists", '"digits by ISO 4217"']
    )
    def test_paths_named_like_what_is_ours(self, path: str, value: object, output: str) -> None:
        """A mapping's author names them; what is ours is not told by its name."""
        route = f"{{name: asked, when: {{path: '{path}', eq: x}}, action: skip}}"
        taken = (
            "{name: taken, action: remove, set: {payment_id: {coalesce: "
            f"[{{path: '{path}', as: string}}]}}}}}}"
        )
        Path("m.yaml").write_text(f"sources: [{{topics: [orders], routes: [{route}, {taken}]}}]\n")
        names = path.strip('"').split(".")
        event: object = value
        for name in reversed(names):
            event = {name: event}
        result = mapped(event, "--output", output)
        assert not isinstance(result.exception, Exception)
        assert result.exit_code in {0, 4}
        assert [canary for canary in CANARIES if canary in result.output] == []
        kind = {str: "text", int: "integer", bool: "boolean"}[type(value)]
        assert f"<{kind}" in result.output
        if output == "json":
            routes = read(result)["routes"]
            assert isinstance(routes, list)
            asked, answer = routes[0]["tests"]
            assert str(asked["value"]).startswith(f"<{kind}")
            assert answer == {"what": "eq", "value": False}

    def test_settings_are_shown_beside_canonical_events(self) -> None:
        """They are the operator's own."""
        refund = SALE | {"kind": "REFUND", "original_amount": {"minor_units": 7773331, "currency": "INR"}}
        assert 'lifecycle.partial_refunds = "' in told(refund).stdout

    @pytest.mark.parametrize(
        "text", ['{"user_id": "canary-user"', '"canary-user"', "canary-user", '["canary-key"]']
    )
    def test_what_is_no_record_at_all(self, text: str) -> None:
        """Errors of JSON quote nothing."""
        for how in ({"config": "c.yaml", "topic": "payments"}, {"config": "mapped.yaml", "topic": "orders"}):
            result = explain("--json", "-", given=text, **how)
            assert result.exit_code in {3, 4}
            assert "canary" not in result.output

    def test_what_is_structure_is_shown(self) -> None:
        """Types and lengths, currency, our own types and statuses, names of routes, words of the mapping."""
        shown = mapped(ORDER).stdout
        for word in (
            "<text, 10 characters>",
            "<decimal> INR",
            "SUBSCRIPTION_CREATED",
            "paid",
            '"PAID"',
            "first",
        ):
            assert word in shown
        assert "values are masked; --reveal shows them" in shown

    def test_reveal_shows_all_and_steers_no_terminal(self) -> None:
        """Control characters of a record are written as escapes."""
        result = told(SALE | {"order_id": "\x1b[31m\u202eX"}, "--reveal")
        assert "canary-user" in result.stdout
        assert "\\u001b[31m\\u202eX" in result.stdout
        assert not {"\x1b", "\u202e"} & set(result.stdout)
