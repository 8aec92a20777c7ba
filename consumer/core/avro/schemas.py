"""The bundled Avro schemas as text: the canonical events of today and of every released version.

They stand in ``schemas/`` of the repository and travel inside the wheel as ``consumer/schemas``. They are
part of the program, like its code: they are read once, when they are first asked for.
"""

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

_CHECKOUT: Final = Path(__file__).parents[3] / "schemas"


def payment_event() -> str:
    """Return today's schema of ``revenue.v1.PaymentEvent``: what every canonical record is resolved to."""
    return _text("payment-event.avsc")


def user_erasure() -> str:
    """Return today's schema of ``revenue.v1.UserErasure``."""
    return _text("user-erasure.avsc")


@cache
def bundled() -> tuple[str, ...]:
    """Return every bundled schema, those of today first: all that is known by fingerprint from the start."""
    released = (file for version in _sorted(_root() / "released") for file in _sorted(version))
    kept = (file.read_text(encoding="utf-8") for file in released if file.name.endswith(".avsc"))
    return (payment_event(), user_erasure(), *kept)


@cache
def _text(name: str) -> str:
    return (_root() / name).read_text(encoding="utf-8")


def _root() -> Traversable:
    packaged = files("consumer") / "schemas"
    return packaged if packaged.is_dir() else _CHECKOUT


def _sorted(folder: Traversable) -> list[Traversable]:
    return sorted(folder.iterdir(), key=lambda entry: entry.name)
