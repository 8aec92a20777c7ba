"""Apicurio's registry speaks two languages at two paths: Confluent's and its own. One address names both.

Looked up in Apicurio Registry 2.6.13: ``/apis/ccompat/v6`` and ``v7`` speak Confluent's and know content ids
only, ``/apis/registry/v2`` is its own and knows global ids and content ids. Apicurio 3 serves both as well.
"""

import re
from typing import Final

_CONFLUENTS: Final = re.compile(r"/apis/ccompat/v[67]\Z")
_OWN: Final = re.compile(r"/apis/registry/v2\Z")


def confluent_api(urls: str) -> str:
    """Return where the registry at ``urls``, separated by commas, speaks Confluent's language."""
    return ",".join(_OWN.sub("/apis/ccompat/v7", url) for url in urls.split(","))


def apicurio_api(urls: str) -> str | None:
    """Return where the registry at ``urls`` speaks Apicurio's language; None: one of them does not."""
    own = [_CONFLUENTS.sub("/apis/registry/v2", url) for url in urls.split(",")]
    return ",".join(own) if all(map(_OWN.search, own)) else None
