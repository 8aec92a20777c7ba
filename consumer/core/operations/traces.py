"""Where an error arose, without the data that it stumbled over."""

import traceback
from typing import Final

from consumer.core.errors import ConsumerError

#: Errors told of in one trace, and lines of code told of for each.
MAX_ERRORS: Final = 5
MAX_FRAMES: Final = 12


def trace_of(error: BaseException) -> str:
    """Return one line that says where ``error`` arose, for the ``trace`` field: no values of variables.

    Types of errors and the lines of code that they passed, innermost first, then their causes and the members
    of a group. The text of an error is given only for those of this project: other people's texts quote the
    data that they stumbled over.
    """
    return " | because of ".join(_passage(link) for link in _chain(error, set()))


def _chain(error: BaseException | None, seen: set[int]) -> list[BaseException]:
    if error is None or id(error) in seen or len(seen) >= MAX_ERRORS:
        return []
    seen.add(id(error))
    members = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return [error, *(link for next_one in (*members, before) for link in _chain(next_one, seen))]


def _passage(error: BaseException) -> str:
    name = type(error).__qualname__
    said = f"{name}: {error}" if isinstance(error, ConsumerError) else name
    frames = [
        f"{frame.f_globals.get('__name__', '?')}:{line} {frame.f_code.co_qualname}"
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    return " < ".join((said, *reversed(frames[-MAX_FRAMES:])))
