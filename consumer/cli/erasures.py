"""``explain`` for requests to erase a user: a tree of plain values like a payment's, and no call sent."""

from collections.abc import Mapping
from typing import TypeAlias, assert_never

from consumer.cli.explanation import Tree, base_of, held, reject, request, skip
from consumer.cli.output import ExitCode
from consumer.core.avro.from_json import parse
from consumer.core.meaning.intents import Reject, Skip
from consumer.core.meaning.masks import Mask
from consumer.core.settings.tree import Settings
from consumer.flow.building import erasure_decoder
from consumer.flow.decoding import Decoder
from consumer.flow.explaining import Held
from consumer.flow.explaining_erasures import USER_FIELD, Erasing, ErasureExplainer, Request

#: One request's way, for whoever writes it.
Told: TypeAlias = Request


def explainer(settings: Settings, canonical: Decoder[Mapping[str, object]]) -> ErasureExplainer:
    """Return what explains requests, read as the service reads them; ``canonical`` is closed by its owner."""
    return ErasureExplainer(erasure_decoder(settings, canonical))


def tree_of(told: Told, mask: Mask) -> Tree:
    """Return what a request would become as plain values, each shown as ``mask`` shows it."""
    tree = base_of(told.record, told.opened, told.name, mask.shown(told.value), "erasure")
    outcome = told.outcome
    match outcome:
        case Erasing():
            shown = mask.shown(outcome.user)
            field = {
                "field": USER_FIELD,
                "at": None,
                "steps": [{"what": USER_FIELD, "value": shown}],
                "value": shown,
            }
            return (
                tree | {"fields": [field]} | request(outcome.path, mask.shown(parse(outcome.body.decode())))
            )
        case Skip():
            return tree | skip(outcome)
        case Reject():
            return tree | reject(outcome)
        case Held():
            return tree | held(outcome.why)
        case _:
            assert_never(outcome)


def code_of(told: Told) -> ExitCode:
    """Return the exit code for a request, by the same rule as for payments."""
    outcome = told.outcome
    match outcome:
        case Erasing():
            return ExitCode.DONE
        case Skip():
            return ExitCode.SKIPPED
        case Reject() | Held():
            return ExitCode.REJECTED
        case _:
            assert_never(outcome)
