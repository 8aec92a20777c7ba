"""The commands: what they write, for people and for programs, and with which code they end."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

import pytest
from typer.testing import CliRunner, Result

from consumer.cli import COMMANDS, application
from consumer.cli.loading import load
from consumer.core.errors import ConfigurationError
from consumer.core.operations.catalogue import CATALOGUE
from consumer.core.settings.keys import KEYS

LEAST: Final = "kafka: {bootstrap_servers: 'a:9092', topics: [payments]}\ncurrency: {accept: [INR]}\n"
KEY: Final = {"LINKRUNNER_SERVER_KEY": "canary-key"}

Call: TypeAlias = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Give a function that calls a command in an empty folder, with the variables given to it."""
    monkeypatch.chdir(tmp_path)
    for name in KEY:
        monkeypatch.delenv(name, raising=False)

    def invoke(*arguments: str, env: dict[str, str] | None = None) -> Result:
        return CliRunner().invoke(application(arguments), arguments, env=env or {})

    return invoke


def written(text: str) -> str:
    """Write ``text`` as the configuration and return its name."""
    Path("c.yaml").write_text(text, encoding="utf-8")
    return "c.yaml"


class TestCheck:
    """``check``: all mistakes at once."""

    def test_a_good_configuration_is_ok(self, call: Call) -> None:
        """One word, and the code that scripts go by."""
        result = call("check", "--config", written(LEAST), env=KEY)
        assert (result.exit_code, result.stdout) == (0, "ok\n")

    def test_every_mistake_is_written_with_its_cure(self, call: Call) -> None:
        """Those of the tree, of the tables and of the client libraries, together."""
        text = f"{LEAST}http: {{prot: 1}}\ndead_letters: {{properties: {{acks: 1, no.such: 1}}}}\n"
        result = call("check", "--config", written(text), env=KEY)
        assert result.exit_code == 78
        lost = "would settle a record whose dead letter can still be lost"
        assert result.stdout.splitlines() == [
            "3 mistakes in the configuration",
            "  http.prot (c.yaml:3) is no key that there is",
            "    did you mean http.port?",
            f"  dead_letters.properties.acks (c.yaml:4) {lost}",
            "    remove it: all is used",
            "  dead_letters.properties.no.such (c.yaml:4) is no property of librdkafka",
            "    see the page CONFIGURATION.md of librdkafka",
        ]

    def test_programs_get_the_same_as_json(self, call: Call) -> None:
        """Where, what and cure apart, so that nothing has to be parsed."""
        result = call("check", "--config", written(f"{LEAST}tracing: x\n"), "--output", "json")
        assert result.exit_code == 78
        answer = json.loads(result.stdout)
        assert answer["ok"] is False
        (mistake,) = answer["mistakes"]
        assert mistake["where"] == "tracing (c.yaml:3)"
        assert set(mistake) == {"where", "what", "cure"}

    def test_a_missing_file_is_a_mistake(self, call: Call) -> None:
        """Not wrong usage: the call is right, the configuration is not there."""
        result = call("check", "--config", "nowhere.yaml")
        assert result.exit_code == 78
        assert "nowhere.yaml can't be read: No such file or directory" in result.stdout

    @pytest.mark.parametrize("output", ["text", "json"])
    def test_a_missing_key_has_its_own_code(self, call: Call, output: str) -> None:
        """The configuration is right and the secret is not there: somebody else has to act."""
        result = call("check", "--config", written(LEAST), "--output", output)
        assert result.exit_code == 77
        assert "LINKRUNNER_SERVER_KEY" in result.stdout
        assert "/var/run/secrets/linkrunner/server-key" in result.stdout

    def test_warnings_do_not_fail(self, call: Call) -> None:
        """Plain http is allowed, and said."""
        text = f"{LEAST}linkrunner: {{base_url: 'http://127.0.0.1:1'}}\n"
        result = call("check", "--config", written(text), env=KEY)
        assert (result.exit_code, result.stdout) == (0, "ok, with 1 warning\n")
        assert "the server key travels in clear" in result.stderr
        answer = json.loads(call("check", "-c", "c.yaml", "-o", "json", env=KEY).stdout)
        assert answer["ok"] is True
        assert len(answer["warnings"]) == 1


class TestConfig:
    """``config show`` and ``config schema``."""

    def test_what_is_shown_is_a_configuration_with_the_same_meaning(self, call: Call) -> None:
        """The output can be kept as a file: nothing is lost on the way but secrets."""
        shown = call("config", "show", "--config", written(f"{LEAST}http: {{port: 1}}\n")).stdout
        first = load(Path("c.yaml"), {})
        assert load(Path(written(shown)), {}) == first

    def test_secrets_are_stars(self, call: Call) -> None:
        """Whoever may see the configuration need not see the password."""
        Path("secret").write_text("canary", encoding="utf-8")
        text = LEAST.replace("]}", "], properties: {sasl.password: {file: secret}}}", 1)
        for output in ("text", "json"):
            result = call("config", "show", "--config", written(text), "--output", output, env=KEY)
            assert result.exit_code == 0
            assert "canary" not in result.output
            assert "***" in result.output

    def test_no_password_in_an_address_is_shown(self, call: Call) -> None:
        """A proxy and a token endpoint can be written with user and password in them."""
        text = (
            f"{LEAST}schema_registry: {{url: 'http://r', properties: {{proxy: 'http://me:canary@proxy:3128'}}}}\n"
            "dead_letters: {properties: {sasl.oauthbearer.token.endpoint.url: 'https://me:canary@issuer'}}\n"
        )
        for output in ("text", "json"):
            result = call("config", "show", "--config", written(text), "--output", output, env=KEY)
            assert (result.exit_code, "***" in result.stdout) == (0, True)
            assert "canary" not in result.output

    def test_sources_are_told(self, call: Call) -> None:
        """Who set this: the file with its line, a variable, or nobody."""
        name = "LINKRUNNER_CONSUMER__HTTP__PORT"
        arguments = ("config", "show", "--config", written(LEAST), "--sources")
        lines = call(*arguments, env={name: "1"}).stdout.splitlines()
        assert '  topics: ["payments"]  # c.yaml:1' in lines
        assert f"  port: 1  # {name}" in lines
        assert '  host: "0.0.0.0"  # default' in lines
        answer = json.loads(call(*arguments, "--output", "json", env={name: "1"}).stdout)
        assert answer["values"]["http"]["port"] == 1
        assert answer["sources"]["http.port"] == name
        assert set(answer["sources"]) == {".".join(path) for path in KEYS}

    def test_a_broken_configuration_is_not_shown(self, call: Call) -> None:
        """Half of it would look like all of it."""
        result = call("config", "show", "--config", written("kafka: {}"))
        assert isinstance(result.exception, ConfigurationError)
        assert result.stdout == ""

    def test_the_schema_describes_every_key(self, call: Call) -> None:
        """Editors show the descriptions; a key without one would be a riddle."""
        schema = json.loads(call("config", "schema").stdout)
        for path in KEYS:
            at = schema
            for part in path:
                at = at["properties"][part]
                at = schema["$defs"][at["$ref"].rpartition("/")[2]] if "$ref" in at else at
            assert at["description"], path

    def test_mapping_files_have_a_schema_of_their_own(self, call: Call) -> None:
        """For the same editors."""
        schema = json.loads(call("config", "schema", "--mapping").stdout)
        assert schema["required"] == ["sources"]


class TestOthers:
    """The small commands, and what all have in common."""

    def test_metrics_lists_the_catalogue(self, call: Call) -> None:
        """All of it, in both forms."""
        names = [spec.full_name for spec in CATALOGUE]
        assert [spec["name"] for spec in json.loads(call("metrics", "--output", "json").stdout)] == names
        lines = call("metrics").stdout.splitlines()
        assert [line.partition("{")[0].partition(" ")[0] for line in lines[::2]] == names

    def test_version_tells_what_it_runs_on(self, call: Call) -> None:
        """What a report of a bug needs."""
        assert set(json.loads(call("version", "--output", "json").stdout)) == {
            "version",
            "python",
            "librdkafka",
        }
        assert call("version").stdout.startswith("linkrunner-consumer 0.")

    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
    def test_every_command_has_help_with_examples(self, call: Call, command: object) -> None:
        """Each can be loaded, and shows how it is called."""
        name = next(known.name for known in COMMANDS if known is command)
        result = call(name, "--help")
        assert result.exit_code == 0
        assert f"linkrunner-consumer {name}" in result.stdout.partition("Examples:")[2]

    def test_the_list_has_every_command(self, call: Call) -> None:
        """Whoever asks for help finds them all."""
        stdout = call("--help").stdout
        assert [command.name for command in COMMANDS if f" {command.name} " not in stdout] == []

    @pytest.mark.parametrize(
        "arguments", [("runn",), ("run",), ("check", "--confg", "x"), ("metrics", "-o", "xml")]
    )
    def test_wrong_usage_has_its_own_code(self, call: Call, arguments: tuple[str, ...]) -> None:
        """As everywhere: 2."""
        assert call(*arguments).exit_code == 2
