"""Which topics are read: those that are named, and those that a pattern matches.

An entry that begins with ``^`` is a pattern: a regular expression of Python's ``re``, matched from the first
character of a topic's name on, in all of its alternatives; where it may end, only a ``$`` says. (librdkafka
reads ``^`` in the same way, in a dialect of its own; here no dialect of a library is relied on, and the
topics are found by us.) Whatever the patterns, no topic that dead letters of any topic go to is matched, and
no topic of Kafka's own: one that only looks like it has to be named.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

from consumer.core.patterns import BadPattern, compile_pattern

T = TypeVar("T")

#: What an entry begins with that is a pattern.
PATTERN_MARK: Final = "^"
#: Topics that Kafka and its tools keep for themselves begin so, such as ``__consumer_offsets``.
_INTERNAL: Final = "__"
#: Looks at the topics in a row, without one that was matched, until it counts as deleted.
GONE_LOOKS: Final = 6

_PLACE: Final = "{topic}"

#: The longest name of a topic, and what holding one against a pattern may cost: a tenth of a second. Topics
#: are few, and looked at beside the records; who can create them is no stranger.
_TOPIC_CHARACTERS: Final = 249
_TOPIC_STEPS: Final = 25_000_000


class Fault(NamedTuple):
    """What is wrong with a pattern, and what helps."""

    what: str
    cure: str


def is_pattern(entry: str) -> bool:
    """Tell whether an entry is a pattern and no name."""
    return entry.startswith(PATTERN_MARK)


def pattern_fault(entry: str) -> Fault | None:
    """Return why the pattern ``entry`` can't be used, None where it can; what could take long can't."""
    try:
        compile_pattern(entry, text=_TOPIC_CHARACTERS, most=_TOPIC_STEPS)
    except BadPattern as bad:
        return Fault(
            str(bad), r"write a pattern as Python's re takes it, such as ^refunds\..*, or list the topics"
        )
    return None


class Letters:
    """Which topics are the dead-letter topics of others; ``{topic}`` in ``template`` is the source's name."""

    def __init__(self, template: str) -> None:
        self._pattern: Final = re.compile(_source_of(template), re.DOTALL)

    def source_of(self, topic: str) -> str | None:
        """Return the topic whose dead letters go to ``topic``; empty: those of all topics; None: of none."""
        found = self._pattern.fullmatch(topic)
        return None if found is None else found.groupdict().get("topic", "")


def _source_of(template: str) -> str:
    """Return the regular expression for dead-letter topics, with the source's name as the group ``topic``."""
    first, *others = map(re.escape, template.split(_PLACE))
    if not others:
        return first
    return first + "(?P<topic>.+)" + "(?P=topic)".join(others)


@dataclass(frozen=True, slots=True)
class Subscription:
    """The entries of a subscription, taken apart. Patterns have no fault (:func:`pattern_fault`)."""

    names: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    letters: Letters

    @classmethod
    def of(cls, entries: Iterable[str], letters: Letters) -> "Subscription":
        """Return the subscription that ``entries`` (names, and patterns with their ``^``) describe."""
        known = tuple(dict.fromkeys(entries))
        return cls(
            names=tuple(entry for entry in known if not is_pattern(entry)),
            patterns=tuple(re.compile(entry) for entry in known if is_pattern(entry)),
            letters=letters,
        )

    @property
    def at_once(self) -> tuple[str, ...]:
        """What can be subscribed without a look at the cluster: the names; nothing beside patterns."""
        return () if self.patterns else self.names

    def is_letters(self, topic: str) -> bool:
        """Tell whether ``topic`` takes the dead letters of a topic that this subscription names or matches.

        That topic need not exist (any more): its dead letters do.
        """
        source = self.letters.source_of(topic)
        return source is not None and (not source or source in self.names or self._touches(source))

    def matching(self, topics: Iterable[str]) -> tuple[str, ...]:
        """Return those of ``topics`` that a pattern matches and that may be read, sorted."""
        return tuple(sorted({topic for topic in topics if self._matches(topic)}))

    def matching_one(self, entry: str, topics: Iterable[str]) -> tuple[str, ...]:
        """Return those of ``topics`` that the pattern ``entry`` matches and that may be read, sorted."""
        return tuple(filter(re.compile(entry).match, self.matching(topics)))

    def unmatched(self, topics: Collection[str]) -> tuple[str, ...]:
        """Return the patterns that match none of ``topics``, as they were written."""
        readable = self.matching(topics)
        return tuple(pattern.pattern for pattern in self.patterns if not any(map(pattern.match, readable)))

    def _matches(self, topic: str) -> bool:
        # The dead letters of what is not read (any more) are no payments either.
        is_letters = self.letters.source_of(topic) is not None
        return self._touches(topic) and not topic.startswith(_INTERNAL) and not is_letters

    def _touches(self, topic: str) -> bool:
        return any(pattern.match(topic) for pattern in self.patterns)


class Roll:
    """The topics that are read now, as one look at the cluster after the other tells. Looks are handed in."""

    def __init__(self, subscription: Subscription) -> None:
        self.subscription: Final = subscription
        self._matched: dict[str, int] = {}
        self._first: frozenset[str] | None = None
        self._unmatched: tuple[str, ...] = ()

    @property
    def topics(self) -> tuple[str, ...]:
        """The named topics, whether they exist or not, and behind them the matched ones, sorted."""
        named = self.subscription.names
        return (*named, *(topic for topic in sorted(self._matched) if topic not in named))

    @property
    def looked(self) -> bool:
        """Whether there was a look yet."""
        return self._first is not None

    @property
    def appeared(self) -> frozenset[str]:
        """The matched topics that were not there at the first look."""
        return frozenset(self._matched).difference(self._first or ())

    @property
    def unmatched(self) -> tuple[str, ...]:
        """The patterns that matched nothing at the last look; none before the first."""
        return self._unmatched

    def look(self, there: Collection[str]) -> bool:
        """Take the names of all topics that there are; return whether :attr:`topics` has changed.

        The first look is always a change: before it, nobody could know what to read.
        A matched topic that is not seen stays for :data:`GONE_LOOKS`: one incomplete answer of a broker
        revokes nothing.
        """
        before = self.topics if self.looked else None
        seen = self.subscription.matching(there)
        missed = {topic: looks + 1 for topic, looks in self._matched.items() if topic not in seen}
        kept = {topic: looks for topic, looks in missed.items() if looks < GONE_LOOKS}
        self._matched = {**kept, **dict.fromkeys(seen, 0)}
        self._first = frozenset(seen) if self._first is None else self._first
        self._unmatched = self.subscription.unmatched(self._matched)
        return self.topics != before


class Choice(Generic[T]):
    """Which of several things a topic is for: a name comes before every pattern, patterns in their order."""

    def __init__(self, choices: Iterable[tuple[Sequence[str], T]]) -> None:
        """Take the things, each with its entries: names, and patterns without a fault."""
        self._named: Final[dict[str, T]] = {}
        self._patterns: Final[list[tuple[re.Pattern[str], T]]] = []
        for entries, thing in choices:
            for entry in entries:
                if is_pattern(entry):
                    self._patterns.append((re.compile(entry), thing))
                else:
                    self._named.setdefault(entry, thing)

    def of(self, topic: str) -> T | None:
        """Return what ``topic`` is for, None where it is for nothing."""
        if topic in self._named:
            return self._named[topic]
        return next((thing for pattern, thing in self._patterns if pattern.match(topic)), None)


def letters_read(entries: Sequence[str], letters: Letters) -> Iterator[tuple[str, str]]:
    """Yield each named topic that is read although it takes dead letters, and whose they would be.

    The other is a pattern where it is not named itself, or empty where all dead letters go there.
    """
    subscription = Subscription.of((entry for entry in entries if not _faulty(entry)), letters)
    for name in subscription.names:
        if subscription.is_letters(name):
            yield name, letters.source_of(name) or ""


def _faulty(entry: str) -> bool:
    return is_pattern(entry) and pattern_fault(entry) is not None
