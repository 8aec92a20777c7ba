"""Erasures: what a record from the erasure topic becomes."""

import json
from datetime import UTC, datetime
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.api.erasure import EraseUser, PlannedErasure, plan
from consumer.core.meaning.intents import Action, DeadLetterReason, Reject, Skip, SkipReason

#: A ``UserErasure`` as it is decoded, without its user.
REQUEST: Final = {"event_id": "e-1", "requested_at": datetime(2026, 3, 1, tzinfo=UTC)}


def test_a_request_becomes_a_removal_of_the_user_and_nothing_else() -> None:
    """The body has the user's id, verbatim, and no second key that the API might read."""
    planned = plan(REQUEST | {"user_id": " user-42 "})

    assert planned == PlannedErasure(EraseUser(" user-42 "), b'{"user_id":" user-42 "}')
    assert isinstance(planned, PlannedErasure)
    assert (planned.action, planned.path) == (Action.REMOVE, "/remove-payment")


@pytest.mark.parametrize("user", ["", "  ", "\n", None, 42])
def test_a_request_without_a_user_is_an_invalid_event(user: object) -> None:
    """What the API would make of a blank id is not documented: it is never sent."""
    reject = plan(REQUEST | {"user_id": user})

    assert isinstance(reject, Reject)
    assert (reject.reason, reject.action) == (DeadLetterReason.INVALID_EVENT, Action.NONE)
    assert reject.detail.startswith("user_id ")


def test_a_request_without_the_field_is_an_invalid_event() -> None:
    """A record that lacks it can only come from a defect of ours, and erases nobody."""
    assert plan(REQUEST) == Reject(DeadLetterReason.INVALID_EVENT, "user_id is not a string")


def test_a_text_without_utf_8_is_an_invalid_event() -> None:
    """A lone surrogate can't be sent, and is never made into another id."""
    assert plan(REQUEST | {"user_id": "\ud800"}) == Reject(
        DeadLetterReason.INVALID_EVENT, "a text has no UTF-8 form"
    )


def test_a_tombstone_erases_nobody() -> None:
    """A null value is skipped, as on every topic."""
    assert plan(None) == Skip(SkipReason.TOMBSTONE)


@given(user=st.text(st.characters(exclude_categories=["Cs"])))
def test_the_id_arrives_as_it_was_written(user: str) -> None:
    """Whatever characters it has: an id that is nearly right is another user's."""
    planned = plan(REQUEST | {"user_id": user})

    if user.strip():
        assert isinstance(planned, PlannedErasure)
        assert json.loads(planned.body) == {"user_id": user}
    else:
        assert isinstance(planned, Reject)
