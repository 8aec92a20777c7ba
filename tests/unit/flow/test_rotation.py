"""The key in rotation: changes and troubles are told once each."""

from dataclasses import dataclass

from consumer.core.operations.logbook import Event
from consumer.flow.rotation import Rotation
from tests.support.fakes import FakeLog


@dataclass
class FakeKey:
    """A key that changes when a test says so."""

    key: str = "first"
    trouble: str | None = None

    def current(self) -> str:
        """Return it."""
        return self.key


def test_a_new_key_is_told_once_and_given_at_once() -> None:
    """Whoever asks first hears of it; nothing says what it is."""
    key, log = FakeKey(), FakeLog()
    rotation = Rotation(key, log)
    assert (rotation.current(), log.lines) == ("first", [])
    key.key = "second"
    assert [rotation.current(), rotation.current()] == ["second", "second"]
    assert log.lines == [(Event.KEY_RELOADED, {})]


def test_a_file_that_cant_be_used_is_told_once_and_seen_as_long_as_it_lasts() -> None:
    """Also where no call is made; a second trouble of another kind is news again."""
    key, log = FakeKey(), FakeLog()
    rotation = Rotation(key, log)
    assert rotation.file_ok()
    key.trouble = "the file is empty"
    assert [rotation.file_ok(), rotation.file_ok()] == [False, False]
    assert rotation.current() == "first"
    key.trouble = "the file is gone"
    assert not rotation.file_ok()
    key.trouble = None
    assert rotation.file_ok()
    assert log.lines == [
        (Event.KEY_UNUSABLE, {"error": "the file is empty"}),
        (Event.KEY_UNUSABLE, {"error": "the file is gone"}),
    ]
