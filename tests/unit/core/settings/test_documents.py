"""YAML is read as data, with places; what could hurt is refused, and nothing is repeated from it."""

from typing import Final

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.settings import documents
from consumer.core.settings.documents import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_VALUES,
    Document,
    Node,
    Source,
    place,
    read,
)

FILE: Final = Source("c.yaml", 1)


def plain(node: Node) -> object:
    """Return the values of ``node`` without their places."""
    if isinstance(node.value, tuple):
        return [plain(child) for child in node.value]
    if isinstance(node.value, (str, int, float, bool, type(None))):
        return node.value
    return {name: plain(child) for name, child in node.value.items()}


def value(text: str) -> object:
    """Return what the document ``text`` says; it must be without mistakes."""
    document = read(text, FILE)
    assert document.findings == ()
    assert document.root is not None
    return plain(document.root)


def told(document: Document) -> str:
    """Return the only mistake in ``document``, as a line."""
    (finding,) = document.findings
    return str(finding.mistake())


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("FALSE", False),
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("2026-01-02", "2026-01-02"),
        ("0x10", "0x10"),
        ("010", 10),
        ("-5", -5),
        ("1.5e3", 1500.0),
        (".5", 0.5),
        ("1_000", "1_000"),
        ("9" * 5_000, "9" * 5_000),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("!!int x", "x"),
        ("[a, {b: 1}]", ["a", {"b": 1}]),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(text: str, meaning: object) -> None:
    """Norway stays a country, and a number of any length does no harm."""
    assert value(text) == meaning


def test_every_value_knows_its_line() -> None:
    """Places are lines of keys, entries of lists have their own, what is missing is at the part above it."""
    root = read("a:\n  b:\n  - x\n  - y\n", FILE).root
    assert root is not None
    lines = {
        path: str(place(root, path)) for path in [("a",), ("a", "b"), ("a", "b", "1"), ("a", "c"), ("d",)]
    }
    assert lines == {
        ("a",): "c.yaml:1",
        ("a", "b"): "c.yaml:2",
        ("a", "b", "1"): "c.yaml:4",
        ("a", "c"): "c.yaml:1",
        ("d",): "c.yaml",
    }


def test_the_text_of_a_variable_has_no_lines() -> None:
    """A variable is named as it is, on whatever line of its text the mistake stands."""
    assert told(read("a: 1\nb: [", Source("VARIABLE"), ("http",))).startswith("http (VARIABLE): is no YAML")


BOMB: Final = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n"
    for before, name in zip("abcdef", "bcdefg", strict=True)
)

NO_DATA: Final = {
    "list without end": ("a: [1", "c.yaml:1: is no YAML: expected ',' or ']'"),
    "wrong indentation": ("a: 1\n b: 2", "c.yaml:2: is no YAML: mapping values are not allowed here"),
    "tab": ("a: 1\n\tb: 2", "c.yaml:2: is no YAML: found character '\\t'"),
    "two documents": ("--- a\n--- b", "c.yaml:2: is no YAML: but found another document"),
    "unknown alias": ("a: *nobody", "c.yaml:1: is no YAML: found undefined alias '...'"),
    "endless version": ("%YAML " + "9" * 5_000 + ".1\n--- a", "c.yaml: is no YAML"),
    "escape beyond Unicode": ('"\\UFFFFFFFF"', "c.yaml: is no YAML"),
    "zero byte": ("\x00", "c.yaml: is no YAML"),
    "too long": ("a" * (MAX_CHARACTERS + 1), "c.yaml: is longer than"),
    "one level too deep": ("[" * (MAX_DEPTH + 1), "c.yaml:1: nests deeper"),
    "bottomless": ("[" * 100_000, "c.yaml:1: nests deeper"),
    "holds itself": ("&a [*a]", "c.yaml:1: has more than"),
    "too many values": (f"[{'x,' * (MAX_VALUES + 1)}]", "c.yaml:1: has more than"),
    "alias bomb": (BOMB, "has more than"),
}


@pytest.mark.parametrize(("text", "words"), NO_DATA.values(), ids=NO_DATA.keys())
def test_what_is_no_data_is_one_mistake(text: str, words: str) -> None:
    """Broken, endless, bottomless or exploding documents are refused, with the line where there is one."""
    document = read(text, FILE)
    assert document.root is None
    assert words in told(document)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: !!python/object/apply:os.system [ls]", "a (c.yaml:1): has a tag"),
        ("a: !mine x", "a (c.yaml:1): has a tag"),
        ("a: 1\na: 2", "a (c.yaml:2): is set twice; keep one of the two, here or at c.yaml:1"),
        ("? [a]\n: b", "c.yaml:1: has a key that is no text"),
        ("<<: {a: 1}", "c.yaml:1: uses a merge key"),
        ('a: "\\0"', "a (c.yaml:1): has an escape that is no character"),
        ('a: ["\\ud800"]', "a[0] (c.yaml:1): has an escape that is no character"),
        ('"\\0": a', "c.yaml:1: has a key that is no text"),
    ],
)
def test_what_is_not_supported_is_told_and_the_rest_is_read(text: str, words: str) -> None:
    """A mistake at one place hides none at another."""
    document = read(f"before: 1\n{text}\nafter: 2".removeprefix("before: 1\n"), FILE)
    assert words in told(document)
    assert document.root is not None
    assert place(document.root, ("after",)).line > 1


@pytest.mark.parametrize(
    "text",
    [
        "password: *canary-canary",
        "password: !canary!canary x",
        "password: @canary",
        "password: [canary",
        'password: "canary',
        "password: canary: canary",
        "password: !!canary canary",
        "password: %canary\n- canary",
        "password: &canary &canary x",
        'password: "can\'ary\\q"',
        "--- canary\n--- canary",
    ],
)
def test_no_mistake_repeats_what_the_document_holds(text: str) -> None:
    """A password with a special character breaks the syntax; it must not be printed for that."""
    document = read(text, FILE)
    assert document.findings
    assert "canary" not in "".join(f"{finding.what}{finding.cure}" for finding in document.findings)


def test_mistakes_stay_on_one_line() -> None:
    """A key with a line break in it can't forge a second line of output."""
    assert "\n" not in told(read('a: {"b\\nerror: x": !t y}', FILE))


#: What YAML is made of, to be thrown together; some of it is nothing that libyaml may be given.
PIECES: Final = (
    *(
        "  ",
        "\n",
        "\n  ",
        "\n- ",
        "- ",
        ": ",
        ":",
        "a",
        "b: ",
        "0",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "&a ",
        "*a",
        "#",
        " #",
    ),
    *(
        "!!str ",
        "! ",
        "!x ",
        "|\n ",
        "|-\n  ",
        ">\n ",
        ">+2\n",
        "'",
        '"',
        "%YAML 1.1\n",
        "%TAG ! t:\n",
        "---",
        "--- ",
    ),
    *(
        "...\n",
        "\\",
        "\\0",
        "\\u0041",
        "? ",
        "?",
        "~",
        "true",
        "<<: ",
        "@",
        "`",
        "=",
        "1.5",
        "é",
        "\U0001f600",
        "[" * 17,
    ),
    *("\t", "\r\n", "\x85", "\u2028", "\ufeff"),
)


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_libyaml_changes_nothing(text: str) -> None:
    """With it and without it each text has the same values at the same lines, and the same mistakes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml, "__with_libyaml__", value=False)
        slowly = read(text, FILE)
    assert read(text, FILE) == slowly


def test_libyaml_is_there_and_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start of the service is as fast as it was measured: an ordinary file meets no other parser."""
    assert yaml.__with_libyaml__
    monkeypatch.setattr(documents, "_Loader", None)
    assert value("# topics\nkafka:\n  topics: [a, 'b']\n") == {"kafka": {"topics": ["a", "b"]}}


@given(st.text() | st.text(alphabet=" \n:-[]{}&*!|>'\"%@`,?#~<abc01\\xuU0\t"))
def test_any_text_is_a_document_or_a_mistake(text: str) -> None:
    """Reading never raises and never comes back empty-handed."""
    document = read(text, FILE)
    assert document.root is not None or document.findings
