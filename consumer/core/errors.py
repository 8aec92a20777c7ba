"""Every exception of the project.

::

    ConsumerError
    ├── ConfigurationError      the operator has to change a file or a variable (exit 78)
    ├── CredentialsError        a key that should be there is not (exit 77)
    ├── DependencyError         something outside failed for good (exit 69)
    ├── Unreadable              this record can never be decoded: dead letter
    └── Unavailable             we can't tell yet: hold the record and try again
        └── Unwritable          this one record can't be copied now, though others can
            └── TooLarge        because of its size: a pointer to it may fit

An answer of the API is never an exception: it is a value (``consumer.core.api.verdicts``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from consumer.core.meaning.intents import DeadLetterReason


class ConsumerError(Exception):
    """Base of all errors that the project raises on purpose."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in the configuration, told so that a person can mend it.

    ``where`` is the dotted key with its source (file and line, or variable), ``what`` says what is wrong
    and ``cure`` what to write instead. None of them ever holds a secret's value.
    """

    where: str
    what: str
    cure: str

    def __str__(self) -> str:
        """Return the mistake as one line."""
        return f"{self.where}: {self.what}; {self.cure}" if self.cure else f"{self.where}: {self.what}"


class ConfigurationError(ConsumerError):
    """The configuration can't be used; ``mistakes`` has all of them, in the order of the file."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes: Final = tuple(mistakes)


class CredentialsError(ConsumerError):
    """A key that the service needs is missing or empty; the text names the file and the variable."""


class DependencyError(ConsumerError):
    """Something outside failed in a way that waiting does not heal; the text says which."""


class Unreadable(ConsumerError):
    """The record's bytes can never become an event: ``reason`` is ``undecodable`` or ``unknown_schema``."""

    def __init__(self, reason: DeadLetterReason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Final = reason
        self.detail: Final = detail


class Unavailable(ConsumerError):
    """What is needed to read the record can't be had now; the text says why. The record waits."""


class Unwritable(Unavailable):
    """The dead-letter topic does not take this one record; the text says why, and what to change."""


class TooLarge(Unwritable):
    """The record is larger than the dead-letter topic, or our producer, takes."""
