"""Building: what the settings say becomes what the parts are told."""

from datetime import UTC, datetime

import pytest

from consumer.core.api.refusals import LIMITS, Ruling
from consumer.core.meaning.intents import DeadLetterReason
from consumer.core.settings.tree import Settings
from consumer.flow.building import letters_at_once, refusals

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def settings(**linkrunner: object) -> Settings:
    """Return settings with these of the API."""
    return Settings.model_validate(
        {
            "kafka": {"bootstrap_servers": "a:9092", "topics": ["payments"]},
            "currency": {"accept": ["INR"]},
            "linkrunner": linkrunner,
        }
    )


@pytest.mark.parametrize(
    ("until", "accepted_for"),
    [
        (None, 0.0),
        ("2026-03-01T11:59:59Z", 0.0),
        ("2026-03-01T12:00:00Z", 0.0),
        ("2026-03-01T12:01:00Z", 60.0),
        ("2026-03-01T17:31:00+05:30", 60.0),
    ],
)
def test_bad_records_are_accepted_until_the_time_that_is_set(until: str | None, accepted_for: float) -> None:
    """By the steady clock, from the start on; a time that has passed has no effect."""
    breaker = refusals(settings(accept_refusals_until=until), wall=NOON, clock=5_000.0)

    def refuse(count: int, now: float) -> list[Ruling]:
        reason = DeadLetterReason.MAPPING
        return [breaker.refused("payments", reason, now, probe=False) for _ in range(count)]

    if accepted_for:
        assert set(refuse(LIMITS.in_a_row, 5_000.0 + accepted_for - 0.1)) == {Ruling.GIVE_UP}
    else:
        assert refuse(LIMITS.in_a_row, 5_000.0)[-1] is Ruling.STOPS
    assert refuse(1, 5_000.0 + accepted_for)[0] is not Ruling.GIVE_UP


@pytest.mark.parametrize(("max_in_flight", "letters"), [(1, 1), (2, 1), (4, 2), (32, 8), (1024, 8)])
def test_letters_leave_half_of_the_places_to_calls(max_in_flight: int, letters: int) -> None:
    """Brokers of dead letters that do not answer must not stop what needs none."""
    assert letters_at_once(settings(max_in_flight=max_in_flight)) == letters
