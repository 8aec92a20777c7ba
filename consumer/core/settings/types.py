"""The kinds of values that settings have, each with the rule it must obey on its own.

A broken rule raises a ``PydanticCustomError`` whose context has ``what`` and ``cure``;
``consumer.core.settings.configuration`` adds the key and the line. No text here repeats the value.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from consumer.core.meaning.money import exponent, is_currency
from consumer.core.meaning.rates import MAX_RATE_DIGITS
from consumer.core.partitions.subscription import Fault, is_pattern, pattern_fault
from consumer.core.settings.properties import Properties, as_text

_MAX_PORT: Final = 65_535
#: Kafka's own rule for topic names: org.apache.kafka.common.internals.Topic.
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
_TOPIC_RULE: Final = "use letters, digits, '.', '_' and '-', at most 249 of them"
#: ``host``, ``host:port``, ``[v6]:port``, each with an optional ``PROTOCOL://`` as librdkafka takes it:
#: one of ``security.protocol``, in any case.
_BROKER: Final = re.compile(
    r"(?i:(?:PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL)://)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?"
)
_BROKERS_RULE: Final = (
    "write host:port, several with commas between them; before one may stand PLAINTEXT://, SSL://, "
    "SASL_PLAINTEXT:// or SASL_SSL://"
)
#: Host and port of a web address; what the host may be is told by :func:`_is_host`.
_AUTHORITY: Final = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:]*)(?P<port>:.*)?")
#: A label of a host name: letters, digits and hyphens within (RFC 1123, 2.1; RFC 1035, 2.3.4).
_LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
#: What clients read as a number, so that a name may not end in it.
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_MAX_NAME: Final = 253
#: Longer addresses than this are refused by servers and proxies on the way; the clients take more.
_MAX_URL: Final = 2_000
_RATE: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
#: RFC 3339, section 5.6: with a time zone, so that it is one moment everywhere.
_MOMENT: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f]")


def broken(what: str, cure: str) -> PydanticCustomError:
    """Return the error of a rule: what is wrong, and what to write instead."""
    return PydanticCustomError("rule", "{what}", {"what": what, "cure": cure})


def is_topic(name: str) -> bool:
    """Tell whether Kafka takes ``name`` as the name of a topic."""
    return _TOPIC.fullmatch(name) is not None and name not in {".", ".."}


def topic_fault(entry: str) -> Fault | None:
    """Return why ``entry`` is neither a topic's name nor a pattern of names (``^``...), None where it is."""
    if is_pattern(entry):
        return pattern_fault(entry)
    return None if is_topic(entry) else Fault("is no topic name that Kafka takes", _TOPIC_RULE)


def _text(value: str) -> str:
    if not value.strip():
        raise broken("is blank", "write a value")
    if _UNPRINTABLE.search(value):
        raise broken("has a control character or a line break", "write it on one line")
    return value


def _topic(name: str) -> str:
    fault = topic_fault(name)
    if fault is not None:
        raise broken(*fault)
    return name


def _topic_name(name: str) -> str:
    if is_pattern(name):
        raise broken("is a pattern, and one topic has to be named", "write the topic by name")
    return _topic(name)


def _topics(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise broken("names no topic", "list at least one topic")
    if len(set(names)) < len(names):
        raise broken("names a topic twice", "list each topic once")
    return names


def _brokers(value: str) -> str:
    for entry in value.split(","):
        match = _BROKER.fullmatch(entry.strip())
        port = match["port"] if match else None
        if match is None or (port is not None and not 1 <= int(port) <= _MAX_PORT):
            raise broken("is no list of brokers", _BROKERS_RULE)
    return value


def _is_host(host: str) -> bool:
    """Tell whether ``host`` is an IPv4 address, an IPv6 address in brackets, or a name."""
    try:
        if host.startswith("["):
            return "%" not in host and bool(IPv6Address(host[1:-1]))
        labels = host.removesuffix(".").split(".")
        if _NUMBER.fullmatch(labels[-1]):
            return bool(IPv4Address(host))
        host.encode("ascii").decode("idna")  # as the clients do with xn-- labels
    except ValueError:
        return False
    return len(host) <= _MAX_NAME and all(_LABEL.fullmatch(label) for label in labels)


def _is_port(text: str) -> bool:
    return re.fullmatch("[0-9]{1,5}", text) is not None and 1 <= int(text) <= _MAX_PORT


def _check_characters(value: str, cure: str) -> None:
    """Raise what is wrong with the text of an address, before it is taken apart."""
    if _UNPRINTABLE.search(value) or " " in value:
        raise broken("has white space in it", cure)
    if not value.isascii():
        raise broken(
            "has characters outside ASCII", "write the host in its xn-- form, and the path with %-escapes"
        )
    if "\\" in value:
        raise broken("has a backslash in it", cure)
    if len(value) > _MAX_URL:
        raise broken(f"is longer than {_MAX_URL} characters", cure)


def _check_url(value: str) -> None:
    """Raise what is wrong with an http(s) address, which has no user, query or fragment.

    What passes is taken by httpx and yarl, and both read the same host in it.
    """
    cure = "write it like https://host/path"
    _check_characters(value, cure)
    try:
        parts = urlsplit(value)
    except ValueError:
        raise broken("is no web address", cure) from None
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise broken("is no http or https address", cure)
    if "@" in parts.netloc:
        raise broken("has credentials in it", "leave them out; keys and passwords have settings of their own")
    if "?" in value or "#" in value:
        raise broken("has a query or a fragment", "leave out everything from the '?' or '#' on")
    authority = _AUTHORITY.fullmatch(parts.netloc)
    if authority is None or not _is_host(authority["host"]):
        raise broken(
            "has no host that there can be",
            "write a name of letters, digits, hyphens and dots, or an IP address, version 6 in brackets",
        )
    if authority["port"] is not None and not _is_port(authority["port"][1:]):
        raise broken("has no port that there can be", f"write a number from 1 to {_MAX_PORT}, or none")


def _base_url(value: str) -> str:
    _check_url(value)
    return value.rstrip("/")


def _registry_urls(value: str) -> str:
    for url in value.split(","):
        _check_url(url.strip())
    return ",".join(url.strip().rstrip("/") for url in value.split(","))


def _path(value: object) -> object:
    if isinstance(value, str):
        _text(value)
    return value


def _accepted(value: object) -> tuple[str, ...] | str:
    cure = "list the ISO 4217 codes of your payments, as in [INR], or write any to mix them on purpose"
    if value in ([], ()):
        raise broken("is empty: nothing could be sent", cure)
    if value == "any":
        return "any"
    if not isinstance(value, list | tuple):
        raise broken("is neither a list of currency codes nor any", cure)
    codes = tuple(code for code in value if isinstance(code, str) and is_currency(code))
    if len(codes) < len(value):
        place = next(n for n, code in enumerate(value, 1) if code not in codes)
        raise broken(f"has as entry {place} what is no ISO 4217 code in upper case", cure)
    return tuple(dict.fromkeys(codes))


def _currency(code: str) -> str:
    if not is_currency(code):
        raise broken("is no ISO 4217 code in upper case", "write a code that is in use, such as INR")
    if exponent(code) is None:
        raise broken("is a currency without minor units, to which nothing can be rounded", "write another")
    return code


def _static_rates(value: object) -> Mapping[str, Decimal]:
    cure = 'write them like {INR: "88.12"}: for 1 unit of the base, in quotes so that no digit is lost'
    if not isinstance(value, Mapping) or not value:
        raise broken("must be a map of currencies to rates", cure)
    for code, rate in value.items():
        if not is_currency(str(code)):
            raise broken("has a currency that is no ISO 4217 code in upper case", cure)
        if isinstance(rate, bool) or not isinstance(rate, str | int | Decimal):
            raise broken(f"has a rate of {code} that is not in quotes", cure)
        text = str(rate)
        if not _RATE.fullmatch(text) or not Decimal(text):
            raise broken(f"has a rate of {code} that is no number above 0 in plain digits", cure)
        if len(text) > MAX_RATE_DIGITS:
            raise broken(f"has a rate of {code} with more than {MAX_RATE_DIGITS} characters", cure)
    return {str(code): Decimal(str(rate)) for code, rate in value.items()}


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    cure = "write it with its time zone, like 2026-03-01T12:00:00Z or 2026-03-01T17:30:00+05:30"
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise broken("is no time as RFC 3339 writes it", cure)
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise broken("is a time that there is not", cure) from None


def _moment_shown(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _properties(value: object) -> Properties:
    if isinstance(value, Properties):
        return value
    if not isinstance(value, Mapping):
        raise broken("must be a map of names to values", "write name: value, one on each line")
    texts = {str(name): as_text(entry) for name, entry in value.items()}
    if None in texts.values():
        raise broken("has a value that is no text, number or boolean", "write one value for each name")
    return Properties({name: text for name, text in texts.items() if text is not None})


def _shown(value: Mapping[str, str]) -> dict[str, str]:
    return value.shown() if isinstance(value, Properties) else dict(value)


Text: TypeAlias = Annotated[str, AfterValidator(_text)]
Topic: TypeAlias = Annotated[str, AfterValidator(_topic)]
TopicName: TypeAlias = Annotated[str, AfterValidator(_topic_name)]
Topics: TypeAlias = Annotated[tuple[Topic, ...], AfterValidator(_topics)]
Brokers: TypeAlias = Annotated[str, AfterValidator(_brokers)]
BaseUrl: TypeAlias = Annotated[str, AfterValidator(_base_url)]
RegistryUrls: TypeAlias = Annotated[str, AfterValidator(_registry_urls)]
FilePath: TypeAlias = Annotated[Path, BeforeValidator(_path)]
Flag: TypeAlias = Annotated[bool, Field(strict=True)]
Integer: TypeAlias = Annotated[int, Field(strict=True)]
Number: TypeAlias = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Port: TypeAlias = Annotated[Integer, Field(ge=0, le=_MAX_PORT)]
Currencies: TypeAlias = Annotated[
    tuple[str, ...] | Literal["any"],
    BeforeValidator(_accepted),
    WithJsonSchema(
        {"anyOf": [{"const": "any"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
    ),
]
Currency: TypeAlias = Annotated[str, AfterValidator(_currency)]
#: A moment, in UTC once validated.
Moment: TypeAlias = Annotated[
    datetime,
    PlainValidator(_moment),
    PlainSerializer(_moment_shown),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
#: Units of each currency for 1 of a base. A YAML number would be a float, so a rate is a text.
StaticRates: TypeAlias = Annotated[
    Mapping[str, Decimal],
    PlainValidator(_static_rates),
    PlainSerializer(lambda rates: {code: str(rate) for code, rate in rates.items()}),
    WithJsonSchema(
        {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"type": ["string", "integer"]},
        }
    ),
]
#: Names and values for librdkafka or the registry client; always a :class:`Properties` once validated.
PropertyMap: TypeAlias = Annotated[
    Mapping[str, str],
    PlainValidator(_properties),
    PlainSerializer(_shown),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {
                "anyOf": [
                    {"type": ["string", "number", "boolean"]},
                    {
                        "type": "object",
                        "properties": {"file": {"type": "string"}},
                        "required": ["file"],
                        "additionalProperties": False,
                    },
                ]
            },
        }
    ),
]
