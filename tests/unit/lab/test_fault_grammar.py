"""How fault scripts are written, and that what the manual shows is what is read."""

import json
import re
from pathlib import Path

import pytest

from consumer.lab.fault_grammar import FaultScriptError, load, parse
from consumer.lab.faults import Kind, Rule, Script

MANUAL = Path(__file__).parents[3] / "docs" / "simulator.md"


def shown(language: str) -> list[str]:
    """Return the blocks of one language in the manual."""
    return re.findall(rf"```{language}\n(.*?)```", MANUAL.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        ("503", Rule(Kind.STATUS, status=503)),
        ("status=503", Rule(Kind.STATUS, status=503)),
        ("429 retry-after=1 share=5%", Rule(Kind.STATUS, status=429, retry_after="1", share=0.05)),
        ("502 html", Rule(Kind.STATUS, status=502, html=True)),
        ('400 body=\'{"msg": "no; really"}\'', Rule(Kind.STATUS, status=400, body='{"msg": "no; really"}')),
        ("delay=2s", Rule(Kind.DELAY, seconds=2)),
        ("delay=250ms", Rule(Kind.DELAY, seconds=0.25)),
        ("slow-body=3", Rule(Kind.SLOW_BODY, seconds=3)),
        ("reset applied first=3", Rule(Kind.RESET, applied=True, first=3)),
        ("hang payment=a,b", Rule(Kind.HANG, payments=frozenset({"a", "b"}))),
        ("garbage action=remove after=10", Rule(Kind.GARBAGE, action="remove", after=10)),
        ("401 from=5s for=20s", Rule(Kind.STATUS, status=401, start=5, length=20)),
        ("endless-body status=503", Rule(Kind.ENDLESS_BODY, status=503)),
        ("redirect share=0.5", Rule(Kind.REDIRECT, share=0.5)),
    ],
)
def test_a_rule_is_read_word_by_word(spec: str, rule: Rule) -> None:
    """Each form of the grammar becomes the rule that it describes."""
    assert parse(spec) == Script((rule,))


def test_a_script_is_rules_and_a_seed() -> None:
    """Rules are separated by semicolons; empty ones are nothing; the seed stands anywhere."""
    assert parse(" 503 first=1 ;; seed=7; reset ; ") == Script(
        (Rule(Kind.STATUS, status=503, first=1), Rule(Kind.RESET)), seed=7
    )
    assert parse("") == Script()


def test_json_says_the_same_as_text() -> None:
    """A rule in JSON has the words of the text as its keys, with numbers, flags and lists as themselves."""
    document = {
        "seed": 7,
        "rules": [
            {"fault": "status", "status": 429, "retry-after": 1, "share": 0.05},
            {"fault": "503", "html": True},
            {"fault": "delay", "seconds": 2, "payment": ["a,b", "c"], "applied": False},
        ],
    }
    assert load(document) == Script(
        (
            Rule(Kind.STATUS, status=429, retry_after="1", share=0.05),
            Rule(Kind.STATUS, status=503, html=True),
            Rule(Kind.DELAY, seconds=2, payments=frozenset({"a,b", "c"})),
        ),
        seed=7,
    )
    assert load("503 share=5%") == parse("503 share=5%")


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("explode", "'explode' is no fault"),
        ("status", "status needs a number"),
        ("99", "HTTP status from 200"),
        ("600", "HTTP status from 200"),
        ("delay", "delay needs a time"),
        ("delay=-1s", "a time like"),
        ("delay=nan", "a time like"),
        ("hang seconds=2", "hang has no time of its own"),
        ("slow-body=1s applied", "leave out applied"),
        ("reset share=150%", "at most 100%"),
        ("reset share=much", "a share like"),
        ("reset first=-1", "first is a whole number"),
        ("reset first=1.5", "first is a whole number"),
        ("reset action=refund", "action is capture or remove"),
        ("reset payment=", "payment is one payment id"),
        ("reset applied=yes", "applied takes no value"),
        ("reset sometimes", "'sometimes' is no option"),
        ("reset first=1 first=2", "first is there twice"),
        ("503 body='open", "can't be split"),
        ("seed=x; 503", "seed is a whole number"),
    ],
)
def test_what_makes_no_sense_is_told(spec: str, complaint: str) -> None:
    """Every mistake in a script is an error that names it."""
    with pytest.raises(FaultScriptError, match=re.escape(complaint)):
        parse(spec)


@pytest.mark.parametrize(
    "document",
    [None, 5, [], {"rule": []}, {"rules": {}}, {"rules": ["503"]}, {"seed": True}, {"rules": [{"first": 1}]}],
)
def test_json_of_another_shape_is_refused(document: object) -> None:
    """Only a string, or an object with a seed and rules, is a script."""
    with pytest.raises(FaultScriptError):
        load(document)


def test_every_example_of_the_manual_is_a_script() -> None:
    """What the manual shows can be given as it stands."""
    texts = [line for block in shown("faults") for line in block.splitlines()]
    assert len(texts) >= 8
    for text in texts:
        assert parse(text).rules
    documents = shown("json")
    assert documents
    for document in documents:
        assert load(json.loads(document)).rules


def test_the_manual_knows_every_fault_and_option() -> None:
    """No kind of fault and no option is missing in the manual."""
    manual = MANUAL.read_text()
    with pytest.raises(FaultScriptError) as refused:
        parse("503 nonsense")
    options = str(refused.value).rpartition("there are: ")[2].split(", ")
    words = [*(kind.value for kind in Kind), *options]
    assert [word for word in words if f"`{word}" not in manual] == []
