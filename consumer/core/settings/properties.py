"""Settings that are passed through to another library; the secret ones are masked wherever they are shown."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

#: What is shown in place of a secret.
MASK: Final = "***"

#: Names of librdkafka's and the registry client's properties whose values are secret, or may hold one:
#: a proxy's address is also taken as ``user:password@host``, and Java's way to log in is pasted here by
#: mistake. The chart refuses the same names.
SECRET_NAME: Final = re.compile(
    r"(?i)passw|secret|credential|private|user\.?info|assertion|oauthbearer\.config|jaas|proxy"
    r"|(?:token|\.key|\.pem)$"
)
#: Shorter secrets are not searched for in a text: they would be found in any word.
_SHORTEST_SECRET: Final = 4
#: User and password in an address, also where a badly written password has a slash in it.
_USER_INFO: Final = re.compile(r"://.*@", re.DOTALL)


def is_secret(name: str, value: str) -> bool:
    """Tell whether ``name: value`` must not be shown: for its name, or for a user in an address."""
    return SECRET_NAME.search(name) is not None or _USER_INFO.search(value) is not None


def discreet(text: str, properties: Mapping[str, str]) -> str:
    """Return ``text`` without the values among ``properties`` that must not be shown."""
    for name, value in properties.items():
        hidden = properties.hides(name) if isinstance(properties, Properties) else is_secret(name, value)
        if hidden and len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, MASK)
    return text


class Properties(Mapping[str, str]):
    """Names and texts, read-only. Looking one up gives its value; showing them masks the secret ones.

    ``hidden`` names those that are secret whatever they are called, because a file held them.
    """

    __slots__ = ("_hidden", "_values")

    def __init__(self, values: Mapping[str, str] | None = None, hidden: frozenset[str] = frozenset()) -> None:
        self._values: Final = dict(values or {})
        self._hidden: Final = hidden

    def __getitem__(self, name: str) -> str:
        """Return the value of ``name``, also of a secret one."""
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, in the order of the configuration."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return how many properties there are."""
        return len(self._values)

    def __hash__(self) -> int:
        """Return a hash of names and values, so that settings stay hashable."""
        return hash(frozenset(self._values.items()))

    def __repr__(self) -> str:
        """Return what :meth:`shown` gives, as text."""
        return repr(self.shown())

    def shown(self) -> dict[str, str]:
        """Return the properties for people to read: secrets are ``***``."""
        return {name: MASK if self.hides(name) else value for name, value in self._values.items()}

    def without(self, names: Collection[str]) -> "Properties":
        """Return the properties whose names are not among ``names``."""
        rest = {name: value for name, value in self._values.items() if name not in names}
        return Properties(rest, self._hidden)

    def hides(self, name: str) -> bool:
        """Tell whether the value of ``name`` must not be shown."""
        return name in self._hidden or is_secret(name, self._values.get(name, ""))


def as_text(value: object) -> str | None:
    """Return a scalar as librdkafka writes it (``true``, ``5``), or None where it is no scalar."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | str):
        return str(value)
    return None
