"""Outliers: whether an answer that stops all calls says something about all, or about one record alone.

A wrong key or address concerns everybody, so the first 401 or 404 stops all calls. But a firewall on the way
may answer 403 to one payload for ever, and the probes of others go well beside it: such a record must not
stand for all. These are the rules, for the *holding* answers of the table (``verdicts.Hold``):

- a record's first one always stops all calls;
- a later one is its own where, since any record not known to be alone last had one, a call was sent that the
  API itself answered. From then on the record is known to be *alone* in it, and its holding answers are
  failures like a 500;
- that ends for as long as another record has one that is not its own: until a call that was sent later is
  answered by the API itself, all holding answers count for all;
- an answer of the API itself to the record ends all that was known of it.

So an API that refuses everybody stops all calls with the first record that is not known to be alone, or, of
those that were refused before, with the second at most. Which of the holding answers it was makes no
difference: a firewall has several. Time is passed in (seconds of a steady clock).
"""

import math
from enum import Enum, auto


class Standing(Enum):
    """What is known of a record that has had a holding answer."""

    SUSPECT = auto()
    """Nothing yet: it counts for all."""
    ALONE = auto()
    """It is alone in it: it counts for itself."""
    AMONG_OTHERS = auto()
    """It was alone in it, but another record has one now: it counts for all."""


class Outliers:
    """Tells who is alone. One for all calls of a process; a record's standing is kept with the record."""

    def __init__(self) -> None:
        self._answered = -math.inf
        #: The last holding answers: of a record that was not known to be alone, and one that counted for all.
        self._last_unknown = -math.inf
        self._last_for_all = -math.inf

    def answered(self, began: float) -> None:
        """Note that the API itself answered a call that ``began`` then."""
        self._answered = max(self._answered, began)

    def held(self, standing: Standing | None, now: float) -> Standing:
        """Return how a record stands behind a holding answer; ``standing`` is what was known before it.

        None: it had none, or none since the API itself last answered it.
        """
        known = standing in {Standing.ALONE, Standing.AMONG_OTHERS}
        last = self._last_for_all if known else self._last_unknown
        alone = standing is not None and self._answered >= last
        if not known:
            self._last_unknown = now
        if alone:
            return Standing.ALONE
        self._last_for_all = now
        return Standing.AMONG_OTHERS if known else Standing.SUSPECT
