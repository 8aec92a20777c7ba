"""What Kubernetes and the makers of custom kinds have against the objects of a release."""

import functools
import json

import kubernetes_validate  # type: ignore[import-untyped]  # it has no types

from helm.options import Json
from tests.chart import crds
from tests.chart.charts import Rendered


def custom(rendered: Rendered) -> list[dict[str, Json]]:
    """Return the objects whose kinds a plain cluster does not know."""
    known = {kind.rpartition("/")[2] for kind in crds.kinds()}
    return [thing for thing in rendered.objects if thing["kind"] in known]


def plain_complaints(rendered: Rendered, version: str) -> dict[str, str]:
    """Return what Kubernetes ``version`` has against its own kinds of objects, by kind."""
    others = custom(rendered)
    plain = [thing for thing in rendered.objects if thing not in others]
    found = {str(thing["kind"]): _complaint(json.dumps(thing), version) for thing in plain}
    return {kind: complaint for kind, complaint in found.items() if complaint}


def custom_complaints(rendered: Rendered) -> dict[str, list[str]]:
    """Return what definitions of others have against objects of theirs, by kind; empty where nothing."""
    found = {str(thing["kind"]): crds.complaints(thing) for thing in custom(rendered)}
    return {kind: complaints for kind, complaints in found.items() if complaints}


@functools.cache
def _complaint(thing: str, version: str) -> str:
    try:
        kubernetes_validate.validate(json.loads(thing), version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{error.json_path}: {error.message}"
    return ""
