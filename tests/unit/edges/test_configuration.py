"""Files and variables become settings; what can't be read is a mistake at its key."""

import os
from pathlib import Path
from typing import Final

import pytest

from consumer.core.errors import ConfigurationError, Mistake
from consumer.core.settings.tree import Settings
from consumer.edges.configuration import load, read

LEAST: Final = "kafka: {bootstrap_servers: 'a:9092', topics: [payments]}\ncurrency: {accept: [INR]}\n"
P: Final = "LINKRUNNER_CONSUMER__"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings(text: str, **variables: str) -> Settings:
    """Return the settings of a file with ``text`` and of ``variables``, named without their prefix."""
    Path("c.yaml").write_text(text, encoding="utf-8")
    return load(Path("c.yaml"), {P + name: value for name, value in variables.items()})


def mistakes(text: str, **variables: str) -> tuple[Mistake, ...]:
    """Return what is wrong with a file with ``text`` and with ``variables``."""
    with pytest.raises(ConfigurationError) as error:
        settings(text, **variables)
    return error.value.mistakes


@pytest.mark.usefixtures("here")
class TestPrecedence:
    """Defaults, then the file, then variables."""

    def test_a_variable_wins_over_the_file_and_the_file_over_the_default(self) -> None:
        """Each key by itself: a variable leaves the neighbours of its key alone."""
        given = settings(f"{LEAST}http: {{host: 127.0.0.1, port: 1}}", HTTP__PORT="2")
        assert (given.http.host, given.http.port) == ("127.0.0.1", 2)
        assert given.log.level == "info"

    def test_values_of_variables_are_yaml(self) -> None:
        """Lists and maps can be set, and numbers are numbers."""
        given = settings(
            "",
            KAFKA__BOOTSTRAP_SERVERS="b:1",
            KAFKA__TOPICS="[a, b]",
            KAFKA__GROUP_ID="'5'",
            KAFKA__PROPERTIES="{client.id: x}",
            CURRENCY__ACCEPT="any",
            LINKRUNNER__TIMEOUT_SECONDS="2.5",
            SCHEMA_REGISTRY__URL="",
            ORDERING="partition",
        )
        assert given.kafka.topics == ("a", "b")
        assert given.kafka.group_id == "5"
        assert dict(given.kafka.properties) == {"client.id": "x"}
        assert given.currency.accept == "any"
        assert given.linkrunner.timeout_seconds == 2.5
        assert given.schema_registry.url is None
        assert given.ordering == "partition"

    def test_a_variable_can_name_a_file_with_the_value(self) -> None:
        """The file is YAML too, and its line end does no harm."""
        Path("topics").write_text("[a, b]\n", encoding="utf-8")
        Path("group").write_text("mine\n", encoding="utf-8")
        given = settings(LEAST, KAFKA__TOPICS_FILE="topics", KAFKA__GROUP_ID_FILE="group")
        assert given.kafka.topics == ("a", "b")
        assert given.kafka.group_id == "mine"

    def test_an_exact_key_is_not_read_from_its_file(self) -> None:
        """``..._SERVER_KEY_FILE`` names the key file; nobody reads it as settings."""
        given = settings(LEAST, LINKRUNNER__SERVER_KEY_FILE="nowhere")
        assert given.linkrunner.server_key_file == Path("nowhere")

    def test_a_variable_mends_an_empty_section(self) -> None:
        """A section that is there without keys can be filled."""
        assert settings(f"{LEAST}http:\n", HTTP__PORT="5").http.port == 5

    def test_a_variable_does_not_hide_that_a_section_is_none(self) -> None:
        """What is wrong in the file stays wrong."""
        (mistake,) = mistakes(f"{LEAST}http: 5\n", HTTP__PORT="5")
        assert mistake.where == "http (c.yaml:3)"

    def test_a_mistake_in_a_variable_names_the_variable(self) -> None:
        """Key, variable, reason; the file's line would be the wrong place."""
        (mistake,) = mistakes(f"{LEAST}http: {{port: 1}}", HTTP__PORT="loud")
        assert mistake.where == f"http.port ({P}HTTP__PORT)"
        assert "whole number" in mistake.what

    def test_mistakes_in_files_and_variables_are_told_together(self) -> None:
        """One start finds all of them: those of the file by line, then those of the variables."""
        found = mistakes(
            f"{LEAST}log: {{level: loud}}\ntracing: x", HTTP__PORT="{", NOTHING="1", ORDERING_FILE="nowhere"
        )
        assert [mistake.where for mistake in found] == [
            "log.level (c.yaml:3)",
            "tracing (c.yaml:4)",
            f"{P}NOTHING",
            f"http.port ({P}HTTP__PORT)",
            f"ordering ({P}ORDERING_FILE)",
        ]


@pytest.mark.usefixtures("here")
class TestFiles:
    """What can be wrong with a file."""

    def test_a_missing_file_is_a_mistake(self) -> None:
        """The path and the reason, and no other complaint."""
        with pytest.raises(ConfigurationError) as error:
            load(Path("nowhere.yaml"), {})
        (mistake,) = error.value.mistakes
        assert mistake.where == "nowhere.yaml"
        assert "No such file or directory" in mistake.what

    def test_a_folder_is_no_file(self, here: Path) -> None:
        """A path of the wrong kind is told as such."""
        with pytest.raises(ConfigurationError, match="Is a directory"):
            load(here, {})

    @pytest.mark.parametrize(
        ("data", "words"), [(b"\xff\xfe", "no text in UTF-8"), (b"a" * 300_000, "is longer than")]
    )
    def test_a_file_that_is_no_text_is_a_mistake(self, data: bytes, words: str) -> None:
        """Binary or endless files are refused before they are parsed."""
        Path("c.yaml").write_bytes(data)
        with pytest.raises(ConfigurationError, match=words):
            load(Path("c.yaml"), {})

    def test_a_byte_order_mark_does_no_harm(self) -> None:
        """Some editors write one."""
        Path("c.yaml").write_bytes(b"\xef\xbb\xbf" + LEAST.encode())
        assert load(Path("c.yaml"), {}).kafka.topics == ("payments",)

    def test_broken_yaml_is_one_mistake_with_its_line(self) -> None:
        """Nothing is told about keys that could not be read."""
        (mistake,) = mistakes("kafka:\n  topics: [a\nhttp: {}\n")
        assert mistake.where == "c.yaml:3"

    @pytest.mark.parametrize(
        ("content", "words"), [(None, "No such file"), ("", "is empty"), ("\n", "is empty")]
    )
    def test_a_secret_that_can_not_be_read_is_a_mistake_at_its_line(
        self, content: str | None, words: str
    ) -> None:
        """A property without its secret would fail later, far from its cause."""
        if content is not None:
            Path("secret").write_text(content, encoding="utf-8")
        (mistake,) = mistakes(f"{LEAST}dead_letters:\n  properties:\n    sasl.password: {{file: secret}}")
        assert mistake.where == "dead_letters.properties.sasl.password (c.yaml:5)"
        assert words in mistake.what

    def test_a_reference_with_more_than_a_file_is_a_mistake(self) -> None:
        """Only ``{file: PATH}`` is a reference."""
        (mistake,) = mistakes(f"{LEAST}dead_letters: {{properties: {{a.b: {{file: x, mode: r}}}}}}")
        assert mistake.where == "dead_letters.properties.a.b (c.yaml:3)"


@pytest.mark.usefixtures("here")
class TestSecrets:
    """Secrets come from files and are printed nowhere."""

    def test_a_property_is_read_from_its_file_without_the_line_end(self) -> None:
        """Inner line breaks, as in a PEM, stay."""
        Path("secret").write_text("one\ntwo\r\n", encoding="utf-8")
        given = settings(
            f"{LEAST}schema_registry: {{url: 'https://a', properties: {{x.y: {{file: secret}}}}}}"
        )
        assert given.schema_registry.properties["x.y"] == "one\ntwo"

    def test_what_came_from_a_file_is_never_shown(self) -> None:
        """Neither by its reference nor by ``_FILE``, whatever the property is called."""
        Path("secret").write_text("canary", encoding="utf-8")
        Path("map").write_text("{client.id: canary}", encoding="utf-8")
        given = settings(
            f"{LEAST}dead_letters: {{properties: {{client.id: {{file: secret}}}}}}",
            KAFKA__PROPERTIES_FILE="map",
        )
        assert given.kafka.properties["client.id"] == "canary"
        assert given.dead_letters.properties["client.id"] == "canary"
        assert "canary" not in f"{given!r} {given.model_dump()}"

    def test_a_secret_under_a_wrong_name_is_not_told(self) -> None:
        """The mistake names the property, and not what the file held."""
        Path("secret").write_text("canary", encoding="utf-8")
        found = mistakes(f"{LEAST}dead_letters: {{properties: {{group.id: {{file: secret}}}}}}")
        assert "canary" not in str(found)


def test_the_example_in_the_docs_is_a_configuration() -> None:
    """Whoever starts from the example starts without a mistake."""
    example = Path(__file__).parents[3] / "docs" / "linkrunner-consumer.example.yaml"
    given = load(example, {})
    assert given.kafka.topics == ("payments.events.v1",)
    assert given.currency.accept == ("INR",)


@pytest.mark.usefixtures("here")
def test_the_source_of_each_value_is_known() -> None:
    """The file with its line, or the variable."""
    Path("c.yaml").write_text(LEAST, encoding="utf-8")
    reading = read(Path("c.yaml"), {P + "HTTP__PORT": "1", **os.environ})
    assert str(reading.source(("kafka", "topics"))) == "c.yaml:1"
    assert str(reading.source(("http", "port"))) == f"{P}HTTP__PORT"
