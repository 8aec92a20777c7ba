"""Which of the forms that we can give an HTTP client wants (RFC 9110, section 12.5.1)."""

from collections.abc import Sequence


def preferred(accept: str, offers: Sequence[str]) -> str:
    """Return the media type of ``offers`` that the ``Accept`` header likes best; the first one on a tie.

    ``offers`` are plain types (``text/html``), in our own order of liking, at least one. A header that is
    empty, unreadable or accepts none of them gets the first: an answer in another form helps more than
    none. Parameters other than ``q`` are not looked at.
    """
    ranges = [_media_range(part) for part in accept.split(",")]
    return max(offers, key=lambda offer: _quality(offer, ranges))


def _media_range(text: str) -> tuple[str, float]:
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            return name, _weight(parameter[2:])
    return name, 1.0


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0


def _quality(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    for pattern in (offer, offer.partition("/")[0] + "/*", "*/*"):
        weights = [weight for name, weight in ranges if name == pattern]
        if weights:
            return max(weights)
    return 0.0
