"""What the simulated API takes as a body, and what it refuses."""

from decimal import Decimal

import pytest

from consumer.lab.bodies import (
    CaptureRequest,
    EraseRequest,
    Malformed,
    RemoveRequest,
    capture,
    erase,
    parse_json,
    remove,
)


def with_field(name: str, text: str) -> bytes:
    """Return the body of a capture in which one field is the JSON ``text``."""
    fields = {"user_id": '"u"', "payment_id": '"p"', "amount": "1", name: text}
    return ("{" + ", ".join(f'"{key}": {value}' for key, value in fields.items()) + "}").encode()


def test_a_whole_capture_is_read_exactly() -> None:
    """Every documented field is read; the amount keeps all its digits."""
    body = (
        b'{"user_id": "u", "payment_id": " p ", "amount": 12345678901234567.890, "type": "RECURRING",'
        b' "status": "PAYMENT_FAILED", "event_data": {"currency": "INR", "value": 1.10}}'
    )
    assert capture(parse_json(body)) == CaptureRequest(
        "u", " p ", Decimal("12345678901234567.890"), "RECURRING", "PAYMENT_FAILED", "INR"
    )


def test_type_and_status_have_the_documented_defaults() -> None:
    """Without type and status a capture is DEFAULT and completed; without event_data it has no currency."""
    request = capture(parse_json(b'{"user_id": "u", "payment_id": "p", "amount": 5}'))
    assert (request.type, request.status, request.currency) == ("DEFAULT", "PAYMENT_COMPLETED", None)


def test_a_removal_is_a_payment_id() -> None:
    """A payment_id alone is a removal."""
    assert remove(parse_json(b'{"payment_id": "p"}')) == RemoveRequest("p")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("user_id", "null"),
        ("user_id", "5"),
        ("user_id", '" "'),
        ("payment_id", '""'),
        ("payment_id", "7"),
        ("amount", '"5"'),
        ("amount", "true"),
        ("amount", "null"),
        ("amount", "-1"),
        ("amount", "1e400"),
        ("amount", "0.0000000000000000001"),
        ("amount", "NaN"),
        ("amount", "Infinity"),
        ("type", '"GIFT"'),
        ("type", "null"),
        ("type", "[]"),
        ("status", '"COMPLETED"'),
        ("status", "{}"),
        ("event_data", "null"),
        ("event_data", "[]"),
        ("event_data", '{"currency": 5}'),
        ("currency", '"INR"'),
        ("install_instance_id", '"x"'),
    ],
)
def test_a_wrong_field_is_malformed(name: str, text: str) -> None:
    """A field with a wrong value, or one that is not documented, is refused."""
    with pytest.raises(Malformed):
        capture(parse_json(with_field(name, text)))


@pytest.mark.parametrize("name", ["user_id", "payment_id", "amount"])
def test_a_missing_field_is_malformed(name: str) -> None:
    """User, payment and amount are required; the refusal names the one that is missing."""
    fields = {"user_id": "u", "payment_id": "p", "amount": 1}
    del fields[name]
    with pytest.raises(Malformed, match=f"{name} is missing"):
        capture(fields)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"'x'",
        b'{"a": 1, "a": 1}',
        b'{"a": 1} x',
        b"[" * 100_000,
        b'{"a": ' + b"9" * 5000,
    ],
)
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    """Broken, ambiguous, hostile or undecodable bytes are refused like any wrong body."""
    with pytest.raises(Malformed):
        parse_json(body)


@pytest.mark.parametrize("document", [None, [], "x", 5])
def test_a_body_that_is_no_object_is_malformed(document: object) -> None:
    """JSON that is not an object is refused for both calls."""
    for read in (capture, remove):
        with pytest.raises(Malformed, match="not an object"):
            read(document)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"user_id": "u"},
        {"user_id": "u", "payment_id": "p"},
        {"payment_id": "p", "type": "DEFAULT"},
        {"payment_id": " "},
        {"payment_id": None},
    ],
)
def test_a_removal_of_anything_but_a_payment_is_malformed(document: object) -> None:
    """Above all a removal by user, which would delete everything of that user, is refused."""
    with pytest.raises(Malformed):
        remove(document)


def test_an_erasure_is_a_user_id() -> None:
    """A user_id alone is an erasure, for whoever expects one."""
    assert erase(parse_json(b'{"user_id": "u"}')) == EraseRequest("u")


@pytest.mark.parametrize(
    "document",
    [None, {}, {"payment_id": "p"}, {"user_id": "u", "payment_id": "p"}, {"user_id": " "}, {"user_id": 5}],
)
def test_an_erasure_of_anything_but_a_user_is_malformed(document: object) -> None:
    """Both ids at once above all: the documents disagree about what the API would do."""
    with pytest.raises(Malformed):
        erase(document)
