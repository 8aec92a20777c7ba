"""A mapping beside the configuration: read with all that it names, its mistakes told with all others."""

from pathlib import Path
from textwrap import dedent
from typing import Final

import pytest

from consumer.core.errors import ConfigurationError, Mistake
from consumer.core.settings.mapped import Configured, skips_of
from consumer.edges.configuration import read

LEAST: Final = "kafka: {bootstrap_servers: 'a:9092'}\ncurrency: {accept: [INR]}\nmapping: m.yaml\n"
MAPPING: Final = """\
    sources:
      - topics: [canonical.events]
        schema: canonical
      - topics: [orders, '^refunds\\.']
        routes:
          - name: tests
            when: {path: test, eq: true}
            action: skip
          - name: refunded
            action: remove
            set: {payment_id: {path: id}}
    """


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def configured(text: str = LEAST, mapping: str | None = MAPPING) -> Configured:
    """Return what a file with ``text`` comes to beside a file with ``mapping``."""
    Path("c.yaml").write_text(text, encoding="utf-8")
    if mapping is not None:
        Path("m.yaml").write_text(dedent(mapping), encoding="utf-8")
    return read(Path("c.yaml"), {}).configured()


def mistakes(text: str = LEAST, mapping: str | None = MAPPING) -> tuple[Mistake, ...]:
    """Return what is wrong with both."""
    with pytest.raises(ConfigurationError) as error:
        configured(text, mapping)
    return error.value.mistakes


def test_the_sources_together_are_the_subscription() -> None:
    """Names and patterns of all of them; a route that skips is a reason of its own."""
    found = configured()
    assert found.topics == ("canonical.events", "orders", r"^refunds\.")
    assert found.mapping is not None
    assert [(source.canonical, skips_of(source)) for source in found.mapping.sources] == [
        (True, ()),
        (False, ("tests",)),
    ]


def test_without_a_mapping_the_settings_name_the_topics() -> None:
    """And nobody looks for a file."""
    text = "kafka: {bootstrap_servers: 'a:9092', topics: [a, ^b]}\ncurrency: {accept: [INR]}\n"
    found = configured(text, None)
    assert (found.topics, found.mapping) == (("a", "^b"), None)


def test_mistakes_of_both_files_are_told_together() -> None:
    """Those of the configuration first, each with its own file and line."""
    found = mistakes(
        f"{LEAST}log: {{level: loud}}\n",
        """\
        sources:
          - topics: [orders]
            routes:
              - name: refunded
                action: remove
        """,
    )
    assert [mistake.where.rpartition("(")[2] for mistake in found] == ["c.yaml:4)", "m.yaml:4)"]
    assert "payment_id" in found[1].what


@pytest.mark.parametrize(
    ("mapping", "where", "what"),
    [
        (None, "mapping (c.yaml:3)", "No such file"),
        ("sources: [", "m.yaml:1", "is no YAML"),
        ("sources: []", "sources (m.yaml:1)", ""),
    ],
)
def test_a_mapping_that_can_not_be_read_is_a_mistake(mapping: str | None, where: str, what: str) -> None:
    """Of the key where there is no such file, else of the file."""
    (mistake,) = mistakes(mapping=mapping)
    assert mistake.where == where
    assert what in mistake.what


def test_a_schema_file_that_is_not_there_is_told_once() -> None:
    """At the line of the mapping that names it."""
    (mistake,) = mistakes(
        mapping="""\
        sources:
          - topics: [orders]
            unwrap: {avro_bytes: {path: payload, schema: none.avsc}}
            routes:
              - {name: refunded, action: remove, set: {payment_id: {path: id}}}
        """
    )
    assert mistake.where.endswith("(m.yaml:3)")
    assert "No such file" in mistake.what


def test_framing_is_what_source_and_settings_say_together() -> None:
    """A registry that is not set is missed at the source that needs it."""
    (mistake,) = mistakes(
        mapping="""\
        sources:
          - topics: [orders]
            decoding: {wire_format: confluent}
            routes:
              - {name: refunded, action: remove, set: {payment_id: {path: id}}}
        """
    )
    assert mistake.where == "sources[0].decoding (m.yaml:2)"
    assert "registry" in mistake.what


def test_a_source_does_not_read_dead_letters() -> None:
    """Neither its own nor those of another source."""
    (mistake,) = mistakes(
        mapping="""\
        sources:
          - topics: [^ord]
            routes:
              - {name: refunded, action: remove, set: {payment_id: {path: id}}}
          - {topics: [orders.dlq], schema: canonical}
        """
    )
    assert mistake.what == "sends the dead letters of orders to orders.dlq, which is read as a source"


def test_what_the_settings_have_to_mend_stands_in_their_file() -> None:
    """Whoever reads the line finds the key there, not the first source of the mapping."""
    (mistake,) = mistakes(LEAST + "erasure: {topic: orders}\n")
    assert mistake.where == "erasure.topic (c.yaml:4)"
    (mistake,) = mistakes(LEAST + "dead_letters: {topic: orders}\n")
    assert mistake.where == "dead_letters.topic (c.yaml:4)"


MONEY: Final = '{"type": "record", "name": "Money", "fields": [{"name": "units", "type": "%s"}]}'
USER: Final = '{"type": "record", "name": "Order", "fields": [{"name": "total", "type": "Money"}]}'
NESTED: Final = """\
    sources:
      - topics: [orders]
        unwrap: {avro_bytes: {path: payload, schema: order.avsc}}
        routes: [{name: paid, action: skip}]
    """


@pytest.mark.parametrize("order", ["[one.avsc, two.avsc]", "[two.avsc, one.avsc]"])
def test_files_that_define_a_type_differently_are_refused(order: str) -> None:
    """Both are named; the order of the list decides nothing. Alike they are fine."""
    Path("order.avsc").write_text(USER, encoding="utf-8")
    Path("one.avsc").write_text(MONEY % "long", encoding="utf-8")
    Path("two.avsc").write_text(MONEY % "int", encoding="utf-8")
    text = f"{LEAST}decoding: {{schemas: {order}}}\n"
    first, second = order.strip("[]").split(", ")
    mistake = mistakes(text, NESTED)[0]
    assert f"needs 'Money', which {first} and {second} define differently" in mistake.what
    Path("two.avsc").write_text(f" {MONEY}" % "long", encoding="utf-8")
    assert configured(text, NESTED).topics == ("orders",)
