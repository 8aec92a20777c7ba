"""The ordinary tests see what they are for: with one part of the meaning broken, the named test fails.

Each fault is planted in the code itself, and the test that catches it is one that runs on its own elsewhere.
"""

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from functools import partial
from typing import Final, TypeAlias

import msgspec
import pytest

from consumer.core.api import calls
from consumer.core.meaning import lifecycle, money, rates
from consumer.core.meaning.fields import Fields
from consumer.core.meaning.lifecycle import Kind, Status
from consumer.core.meaning.mapping import lint, reading
from consumer.core.meaning.mapping.actions import FIELDS, Does
from tests.support.events import USER
from tests.unit import test_erasure_is_apart as erasure
from tests.unit.core.api import test_conversion as conversion
from tests.unit.core.meaning import test_lifecycle as lifecycles
from tests.unit.core.meaning import test_money as amounts
from tests.unit.core.meaning import test_rates as quotes
from tests.unit.core.meaning.mapping import test_lint as lints

#: What plants a fault, and what is called to see it.
Plant: TypeAlias = Callable[[pytest.MonkeyPatch], None]
Check: TypeAlias = Callable[[], None]


# ----------------------------------------------------------------------------- exponents


def swap_exponents(patch: pytest.MonkeyPatch) -> None:
    """Give the yen the digits of the dinar, the rupee those of the yen, the dinar those of the rupee."""
    known: Mapping[str, int | None] = money._EXPONENTS
    swapped = {"JPY": known["KWD"], "INR": known["JPY"], "KWD": known["INR"]}
    patch.setattr(money, "_EXPONENTS", {**known, **swapped})


class _Upwards(Context):
    """Moves the point the other way."""

    def multiply(self, x: Decimal | int, y: Decimal | int, /) -> Decimal:
        """Count in units of 100 where the caller counts in those of 0.01."""
        return super().divide(x, y)


def turn_exponents_round(patch: pytest.MonkeyPatch) -> None:
    """Let minor units become more and not less."""
    patch.setattr(money, "_WIDE", _Upwards(prec=1_000))


def round_by_the_wrong_exponent(patch: pytest.MonkeyPatch) -> None:
    """Round converted figures as if every currency had three decimals, or four if it has three."""
    patch.setattr(calls, "exponent", lambda currency: 4 if currency == "KWD" else 3)


# ------------------------------------------------------------------------------ rounding


class _Unrounded(Context):
    """Leaves a quotient as long as it is."""

    def quantize(self, x: Decimal | int, _: Decimal | int, /) -> Decimal:
        """Return the figure as it came."""
        return Decimal(x)


def drop_rounding(patch: pytest.MonkeyPatch) -> None:
    """Convert without the rounding at the end."""
    patch.setattr(rates, "_WIDE", _Unrounded(prec=300, rounding=ROUND_HALF_UP))


def round_to_even(patch: pytest.MonkeyPatch) -> None:
    """Round as banks do."""
    patch.setattr(rates, "_WIDE", Context(prec=300, rounding=ROUND_HALF_EVEN))


# ----------------------------------------------------------------------------------- ids


def drop_suffix(patch: pytest.MonkeyPatch) -> None:
    """Capture what is no revenue under the id of the revenue."""

    def shared(fields: Fields, _: str | None) -> str:
        return fields.filled_text("payment_id")

    patch.setattr(lifecycle, "_payment_id", shared)


def forget_shared_ids(patch: pytest.MonkeyPatch) -> None:
    """Let a mapping start in which what is initiated has the id of what is completed."""
    patch.setattr(lint, "shared_ids", lambda *_: ())


# ------------------------------------------------------------------------- users in removes


def let_removes_name_users(patch: pytest.MonkeyPatch) -> None:
    """Make ``user_id`` a field that a remove may set."""
    users = {"user_id": FIELDS[Does.CAPTURE]["user_id"]}
    patch.setattr(reading, "FIELDS", {**FIELDS, Does.REMOVE: FIELDS[Does.REMOVE] | users})


class _Naming:
    """Writes a user into the body of every removal."""

    def __init__(self, honest: msgspec.json.Encoder) -> None:
        self._honest: Final = honest

    def encode(self, fields: dict[str, object]) -> bytes:
        """Return the body, with a user where it is that of a removal."""
        return self._honest.encode(fields if "amount" in fields else fields | {"user_id": USER})


def name_users_in_bodies(patch: pytest.MonkeyPatch) -> None:
    """Send a user's id with each removal."""
    patch.setattr(calls, "_ENCODER", _Naming(calls._ENCODER))


# ---------------------------------------------------------------------------- the checks


def refused(name: str) -> Check:
    """Return the test of the lint for the mapping that is called ``name`` there."""
    return partial(lints.test_what_must_not_start_does_not, *lints.REFUSED[name])


#: Every fault with the tests that catch it; each of them by itself.
CAUGHT: Final[tuple[tuple[str, Plant, Check], ...]] = (
    (
        "swapped exponents: minor units",
        swap_exponents,
        partial(amounts.test_minor_units_follow_iso_4217, "INR", 2, "499.00"),
    ),
    (
        "swapped exponents: the table",
        swap_exponents,
        partial(quotes.test_the_exponents_are_those_of_iso_4217, 3, "KWD"),
    ),
    (
        "exponents turned round: examples",
        turn_exponents_round,
        partial(amounts.test_minor_units_follow_iso_4217, "KWD", 3, "49.900"),
    ),
    (
        "exponents turned round: any amount",
        turn_exponents_round,
        amounts.test_the_digits_that_go_in_come_out,
    ),
    (
        "rounding by another exponent: a body",
        round_by_the_wrong_exponent,
        conversion.test_all_figures_of_an_event_have_one_rate,
    ),
    (
        "dropped rounding: examples",
        drop_rounding,
        partial(quotes.test_ties_go_away_from_zero, "2.675", 2, "2.68"),
    ),
    ("dropped rounding: an inverse", drop_rounding, quotes.test_the_inverse_is_exact),
    (
        "dropped rounding: a body",
        drop_rounding,
        conversion.test_all_figures_of_an_event_have_one_rate,
    ),
    ("half to even", round_to_even, partial(quotes.test_ties_go_away_from_zero, "2.5", 0, "3")),
    (
        "an INITIATED shares the id: its own test",
        drop_suffix,
        partial(
            lifecycles.test_an_opted_in_payment_never_shares_the_id_of_the_revenue, Status.INITIATED, None
        ),
    ),
    (
        "an INITIATED shares the id: the table",
        drop_suffix,
        partial(lifecycles.test_every_kind_and_status_under_every_policy, Kind.PAYMENT, Status.INITIATED),
    ),
    ("an INITIATED shares the id: mapped", forget_shared_ids, refused("initiated shares the id")),
    ("one route shares the id: mapped", forget_shared_ids, refused("one route with both")),
    ("a user in a remove: mapped", let_removes_name_users, refused("remove by user")),
    ("a user in a remove: mapped alone", let_removes_name_users, refused("remove by user alone")),
    (
        "a user in a remove: the body",
        name_users_in_bodies,
        erasure.test_the_body_of_a_removal_has_one_key,
    ),
)
FAULTS: Final = pytest.mark.parametrize(
    ("plant", "check"), [row[1:] for row in CAUGHT], ids=[row[0] for row in CAUGHT]
)


@FAULTS
def test_the_check_passes_without_the_fault(plant: Plant, check: Check) -> None:
    """Else its failing below would say nothing; and what a fault breaks is whole again behind it."""
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
    check()


@FAULTS
def test_the_fault_is_seen(plant: Plant, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test that is named fails by an assertion of its own, not by a crash of what is broken."""
    plant(monkeypatch)
    assert fails(check)


def fails(check: Check) -> bool:
    """Tell whether assertions fail; a property can find several at once. Anything else is raised."""
    failed = False
    try:
        check()
    except* AssertionError:
        failed = True
    return failed
