"""Content negotiation: what clients send, and what they get."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.operations.negotiation import preferred

JSON: Final = "application/json"
HTML: Final = "text/html"

#: What Firefox and Chromium send.
BROWSER: Final = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "gets"),
    [
        ("", JSON),
        ("*/*", JSON),
        (BROWSER, HTML),
        ("text/html", HTML),
        ("TEXT/HTML; charset=utf-8", HTML),
        ("text/*", HTML),
        ("application/json", JSON),
        ("application/json;q=0.5, text/html", HTML),
        ("text/html;q=0.5, application/json;q=0.6", JSON),
        ("text/html;q=0, */*", JSON),
        ("image/png", JSON),
        ("text/html;q=nonsense", JSON),
        ("text/html;q=nan", JSON),
        ("text/html;q=7", JSON),
        (";;;,,,;q=", JSON),
    ],
)
def test_the_client_gets_what_it_likes_best(accept: str, gets: str) -> None:
    """The highest weight wins, a nearer pattern decides it, and the first offer is the fallback."""
    assert preferred(accept, (JSON, HTML)) == gets


@given(st.text())
def test_any_header_gets_one_of_the_offers(accept: str) -> None:
    """No header, however broken, is an error."""
    assert preferred(accept, (JSON, HTML)) in {JSON, HTML}
