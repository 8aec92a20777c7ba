"""What the schemas in a registry mean to a mapping: whether its paths are there, and fit."""

from collections.abc import Iterator, Sequence

from consumer.core.operations.checks import Check, Failure, doubtful, failed, ok
from consumer.core.settings.documents import Finding


def subject_of(topic: str) -> str:
    """Return the subject of a topic's values, as producers name it unless they are told otherwise."""
    return f"{topic}-value"


def of_schema(
    topic: str, state: Failure | None, wrong: Sequence[Finding], uncertain: Sequence[Finding]
) -> Iterator[Check]:
    """Judge what the latest schema of ``topic`` says to the mapping.

    ``state`` None: there was a schema, and ``wrong`` fails with each of its records, ``uncertain`` with some.
    """
    subject, asked = f"mapping of {topic}", f"hold it against the latest schema of {subject_of(topic)}"
    if state is not None:
        cure = "check it by hand with explain: the mapping was held against nothing"
        yield doubtful(subject, asked, f"no schema to hold it against: {state.detail}", cure)
        return
    for finding in wrong:
        mistake = finding.mistake()
        yield failed(subject, asked, f"{mistake.where} {mistake.what}", mistake.cure)
    for finding in uncertain:
        mistake = finding.mistake()
        yield doubtful(subject, asked, f"{mistake.where} {mistake.what}", mistake.cure)
    if not wrong and not uncertain:
        yield ok(subject, asked, "fits")


def of_rest(topics: int, asked_about: int) -> Iterator[Check]:
    """Say where of ``topics`` only ``asked_about`` were held against their schemas, and nothing else."""
    if topics > asked_about:
        yield doubtful(
            "mapping of the other topics",
            f"hold it against the latest schemas of all {topics} topics",
            f"only the first {asked_about} were asked about",
            "check one of each kind of the others by hand with explain; topics of one pattern are much alike",
        )
