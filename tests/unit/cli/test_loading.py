"""What `run` and `check` find in the configuration beyond its own rules."""

import json
from pathlib import Path
from typing import Final

import pytest

from consumer.cli.loading import configure, load, read
from consumer.core.avro.schemas import payment_event, user_erasure
from consumer.core.errors import ConfigurationError, Mistake
from consumer.core.settings.tree import Settings

LEAST: Final = "kafka: {bootstrap_servers: 'a:9092', topics: [payments]}\ncurrency: {accept: [INR]}\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings(text: str) -> Settings:
    """Return the settings of a file with ``text``."""
    Path("c.yaml").write_text(text, encoding="utf-8")
    return load(Path("c.yaml"), {})


def mistakes(text: str) -> tuple[Mistake, ...]:
    """Return what is wrong with a file with ``text``."""
    with pytest.raises(ConfigurationError) as error:
        settings(text)
    return error.value.mistakes


@pytest.mark.usefixtures("here")
class TestSchemas:
    """Schema files are read and examined before the first record comes."""

    def test_good_schemas_are_settings(self) -> None:
        """The canonical schema itself is one."""
        Path("a.avsc").write_text(payment_event(), encoding="utf-8")
        given = settings(f"{LEAST}decoding: {{wire_format: raw, schema: a.avsc, schemas: [a.avsc]}}")
        assert given.decoding.schema_file == Path("a.avsc")

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (None, "No such file"),
            ("{", "no JSON"),
            ('"string"', "not of the record"),
            (user_erasure(), "record"),
        ],
    )
    def test_a_schema_that_no_record_can_have_is_a_mistake(self, content: str | None, words: str) -> None:
        """Else every record would become a dead letter."""
        if content is not None:
            Path("a.avsc").write_text(content, encoding="utf-8")
        first, second = mistakes(
            f"{LEAST}decoding:\n  wire_format: raw\n  schema: a.avsc\n  schemas: [a.avsc]"
        )
        assert first.where == "decoding.schema (c.yaml:5)"
        assert second.where == "decoding.schemas[0] (c.yaml:6)"
        assert words in first.what
        assert first.what == second.what

    @pytest.mark.parametrize(
        ("mapping", "what"),
        [(None, "can't be read"), ("a: [", "YAML")],
    )
    def test_a_mapping_that_can_not_be_read_is_the_only_mistake(self, mapping: str | None, what: str) -> None:
        """Its schemas are not those of canonical events, and nothing is wrong with them."""
        Path("a.avsc").write_text('"string"', encoding="utf-8")
        if mapping is not None:
            Path("m.yaml").write_text(mapping, encoding="utf-8")
        without_topics = LEAST.replace(", topics: [payments]", "")
        found = mistakes(f"{without_topics}mapping: m.yaml\ndecoding: {{wire_format: raw, schema: a.avsc}}")
        assert [what in each.what for each in found] == [True], found


MONEY: Final = json.dumps(
    {"type": "record", "name": "Money", "namespace": "shop", "fields": [{"name": "cents", "type": "long"}]}
)
ORDER: Final = json.dumps(
    {
        "type": "record",
        "name": "Order",
        "namespace": "shop",
        "fields": [{"name": "id", "type": "string"}, {"name": "total", "type": "Money"}],
    }
)
BACK: Final = ORDER.replace("Order", "Back").replace('"id"', '"of"')
MAPPED: Final = """\
kafka: {{bootstrap_servers: 'a:9092'}}
currency: {{accept: any}}
mapping: m.yaml
{}
"""
ROUTES: Final = """\
sources:
  - topics: [orders]
    decoding: {}
    routes:
      - {{name: gone, when: {{path: total.{}, gt: 0}}, action: remove, set: {{payment_id: {{path: id}}}}}}
      - {{name: back, action: remove, set: {{payment_id: {{path: of}}}}}}
"""


class TestSchemasOverFiles:
    """What a file names and another one defines, and records that are known by their fingerprint."""

    @pytest.fixture(autouse=True)
    def files(self, here: Path) -> None:
        """Write the schema of two records, and a type that both use."""
        for name, text in (("money", MONEY), ("order", ORDER), ("back", BACK)):
            (here / f"{name}.avsc").write_text(text, encoding="utf-8")

    def found(
        self, decoding: str, of_source: str = "{wire_format: single_object}", field: str = "cents"
    ) -> str:
        """Return what is wrong, in one text."""
        Path("m.yaml").write_text(ROUTES.format(of_source, field), encoding="utf-8")
        Path("c.yaml").write_text(MAPPED.format(decoding), encoding="utf-8")
        reading = read(Path("c.yaml"), {})
        return "; ".join(str(finding.mistake()) for finding in reading.findings)

    ALL: Final = "decoding: {schemas: [order.avsc, money.avsc, back.avsc]}"

    def test_single_object_records_are_of_one_of_the_files(self) -> None:
        """Each route fits one of them; what fits none is told with its line, and nothing starts."""
        assert self.found(self.ALL) == ""
        wrong = self.found(self.ALL, field="cent")
        assert "m.yaml:5" in wrong
        assert "reads total.cent, and the schema has no cent there; did you mean cents?" in wrong
        assert self.found(self.ALL, "{wire_format: confluent}", "cent").startswith("sources[0].decoding")

    def test_a_type_that_two_files_define_differently_is_refused(self) -> None:
        """Nothing starts, whichever is first; a source's own schema and those that need it are told."""
        Path("other.avsc").write_text(MONEY.replace("long", "int"), encoding="utf-8")
        for listed in ("money.avsc, other.avsc", "other.avsc, money.avsc"):
            decoding = f"decoding: {{schemas: [order.avsc, {listed}]}}"
            both = f"needs 'shop.Money', which {' and '.join(listed.split(', '))} define differently"
            assert both in self.found(decoding)
            assert both in self.found(decoding, "{wire_format: raw, schema: order.avsc}")

    def test_without_a_registry_auto_is_single_object(self) -> None:
        """With one, the records may be of any schema in it."""
        assert "has no cent there" in self.found(self.ALL, "{wire_format: auto}", "cent")
        with_registry = f"{self.ALL}\nschema_registry: {{url: 'http://a'}}"
        assert self.found(with_registry, "{wire_format: auto}", "cent") == ""

    def test_raw_records_may_need_other_files(self) -> None:
        """Their schema is one; what it names is looked up in the others."""
        raw = "{wire_format: raw, schema: order.avsc}"
        assert "names a type that it does not define" in self.found("", raw)
        only = self.found("decoding: {schemas: [money.avsc]}", raw)
        assert "reads of, and the schema has no of there" in only
        assert "define" not in only

    def test_files_of_nested_bytes_may_need_others(self) -> None:
        """Those that the mapping names, and those of the configuration."""
        text = (
            "sources: [{topics: [t], routes: [{name: a, action: remove,"
            " set: {payment_id: {path: p, as: [{avro: order.avsc}, {path: total.cents}, string]}}}]}]"
        )
        Path("m.yaml").write_text(text, encoding="utf-8")
        for decoding, count in (("", 1), ("decoding: {schemas: [money.avsc]}", 0)):
            more = f"{decoding}\nschema_registry: {{url: 'http://a'}}"
            Path("c.yaml").write_text(MAPPED.format(more), encoding="utf-8")
            assert len(read(Path("c.yaml"), {}).findings) == count

    def test_a_file_that_canonical_schemas_need_is_no_mistake(self) -> None:
        """It has no records of its own; one that nobody needs has to be a canonical schema."""
        whole = json.loads(payment_event())
        (amount,) = (field for field in whole["fields"] if field["name"] == "amount")
        money, amount["type"] = amount["type"], amount["type"]["name"]
        money["namespace"] = whole["namespace"]
        Path("event.avsc").write_text(json.dumps(whole), encoding="utf-8")
        Path("money.avsc").write_text(json.dumps(money), encoding="utf-8")
        given = settings(f"{LEAST}decoding: {{schemas: [event.avsc, money.avsc]}}")
        assert len(given.decoding.schemas) == 2
        (mistake,) = mistakes(f"{LEAST}decoding: {{schemas: [money.avsc]}}")
        assert "not of the record" in mistake.what


CONVERTING: Final = """\
kafka: {bootstrap_servers: 'a:9092', topics: [payments]}
currency:
  reporting: INR
  rates:
    source: ecb
    path: rates.csv
"""


@pytest.mark.usefixtures("here")
class TestRates:
    """The file of exchange rates is read before the first payment comes."""

    def test_good_rates_are_settings(self) -> None:
        """Also where they are old: then payments wait."""
        Path("rates.csv").write_text("Date,INR,\n2020-01-01,80,\n", encoding="utf-8")
        assert settings(CONVERTING).currency.reporting == "INR"

    @pytest.mark.parametrize("last", [1, 7, 8])
    def test_a_file_of_a_few_days_is_worth_a_second_look(self, last: int) -> None:
        """Payments from before its first day would wait; the cure is told."""
        content = "Date,INR,\n2020-01-01,80,\n" + (f"2020-01-0{last},81,\n" if last > 1 else "")
        Path("rates.csv").write_text(content, encoding="utf-8")
        Path("c.yaml").write_text(CONVERTING, encoding="utf-8")
        reading = read(Path("c.yaml"), {})
        assert reading.settings is not None
        if last == 8:
            assert reading.doubts() == ()
        else:
            (doubt,) = reading.doubts()
            assert doubt.startswith("currency.rates.path (c.yaml:6): names a file that spans fewer days than")
            assert "older" in doubt

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (None, "names a file that can't be read: No such file or directory"),
            ("Date,USD,\n2020-01-01,1,\n", "names a file that has no rate of INR"),
            ("Date,INR,\n", "names a file that holds no rate"),
        ],
    )
    def test_a_file_that_is_none_is_a_mistake(self, content: str | None, words: str) -> None:
        """Told where the settings name it."""
        if content is not None:
            Path("rates.csv").write_text(content, encoding="utf-8")
        (mistake,) = mistakes(CONVERTING)
        assert mistake.where == "currency.rates.path (c.yaml:6)"
        assert words in mistake.what
        assert mistake.cure

    def test_each_bad_line_is_a_mistake_with_its_place(self) -> None:
        """Beside those of the settings."""
        Path("rates.csv").write_text("Date,INR,\n2020-01-01,x,\n2020,80,\n", encoding="utf-8")
        told = mistakes(f"{CONVERTING}log: {{level: loud}}\n")
        assert [mistake.where for mistake in told] == [
            "log.level (c.yaml:7)",
            "currency.rates.path (rates.csv:2)",
            "currency.rates.path (rates.csv:3)",
        ]

    @pytest.mark.parametrize("wrong", ["reporting: Rs", "rates: {source: ecb, path: rates.csv, x: 1}"])
    def test_settings_with_mistakes_are_told_alone(self, wrong: str) -> None:
        """What a file should hold is known only once they are sound."""
        key = wrong.partition(":")[0]
        other = "rates: {source: ecb, path: rates.csv}" if key == "reporting" else "reporting: INR"
        (mistake,) = mistakes(
            f"kafka: {{bootstrap_servers: 'a:9092', topics: [payments]}}\ncurrency:\n  {wrong}\n  {other}\n"
        )
        assert mistake.where.startswith(f"currency.{key}")


@pytest.mark.usefixtures("here")
def test_what_is_doubtful_in_a_mapping_reaches_the_process() -> None:
    """``run`` logs it at the start, as ``check`` tells it: not everybody calls that."""
    schema = '{"type": "record", "name": "R", "fields": [{"name": "id", "type": ["null", "string"]}]}'
    Path("order.avsc").write_text(schema, encoding="utf-8")
    Path("m.yaml").write_text(
        "sources:\n"
        "  - topics: [orders]\n"
        "    decoding: {wire_format: raw, schema: order.avsc}\n"
        "    routes:\n"
        "      - {name: refunded, action: remove, set: {payment_id: {path: id}}}\n",
        encoding="utf-8",
    )
    Path("c.yaml").write_text(
        "kafka: {bootstrap_servers: 'a:9092'}\ncurrency: {accept: [INR]}\nmapping: m.yaml\n", encoding="utf-8"
    )
    doubts = configure(Path("c.yaml"), {}).doubts
    assert all("m.yaml:5" in doubt for doubt in doubts)
    assert any("can be null" in doubt for doubt in doubts)
