"""``docs/holds.md`` says what the code does: its tables and numbers are held to it."""

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Final

from consumer.core import letters
from consumer.core.api import patience
from consumer.core.api.gates import PROBE_PACE
from consumer.core.api.refusals import LIMITS
from consumer.core.api.verdicts import HoldCause
from consumer.core.operations.cures import NOT_READY
from consumer.core.partitions.lease import calls_outlast, lease_seconds
from consumer.core.records import Partition, Record
from consumer.core.settings import configuration, documents
from consumer.core.settings.documents import Source
from consumer.core.settings.kafka_properties import session_seconds
from consumer.flow.giving_up import LETTERS_AT_ONCE

PAGE: Final = (Path(__file__).parents[2] / "docs" / "holds.md").read_text(encoding="utf-8")
PROSE: Final = " ".join(PAGE.split())
WORDS: Final = {5: "Five", 8: "eight", 2.0: "two"}


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading."""
    part = PAGE[PAGE.index(heading) :]
    table = re.search(r"(?:^\|.*\n)+", part, re.MULTILINE)
    assert table is not None
    return [[cell.strip() for cell in line.strip("|\n ").split("|")] for line in table[0].splitlines()[2:]]


def test_every_hold_is_in_the_table_and_says_whether_it_is_ready() -> None:
    """One row for each cause, and the readiness that the probes have."""
    found = {HoldCause(row[0].strip("`")): row[3] for row in rows("## The holds")}
    assert found == {cause: "no" if cause in NOT_READY else "yes" for cause in HoldCause}


def test_the_numbers_are_those_of_the_breaker() -> None:
    """Each number of the page is one of the code."""
    for sentence in (
        f"at least **{LIMITS.floor}** records were judged",
        f"more than **{LIMITS.most_percent} %** of the last **{LIMITS.window}** were refused",
        f"if **{LIMITS.in_a_row}** in a row were refused",
        f"at most {LIMITS.in_a_row - 1} dead letters of a topic",
        f"any other burst fewer than {LIMITS.floor}",
        f"**{WORDS[LIMITS.good_probes]}** good ones in a row",
        f"**{LIMITS.floor_after}** judged records are enough to stop it again",
        f"until **{LIMITS.trusted_after}** were good",
        f"the next follows {WORDS[PROBE_PACE]} seconds later",
        f"at most {WORDS[LETTERS_AT_ONCE]} are written at the same time",
    ):
        assert sentence in PROSE
    assert LIMITS.window * LIMITS.most_percent // 100 < LIMITS.floor
    assert patience.LONGEST_STRETCH == 60.0


def test_the_lengths_of_the_lease_are_those_of_the_code() -> None:
    """Each row is what the process would have, and says whether it warns."""
    assert len(rows("## Lease")) == 5
    for session, call, shown in rows("## Lease"):
        digits = re.sub(r"\D", "", session)
        properties = {"session.timeout.ms": digits} if digits else {"group.protocol": "consumer"}
        seconds, most = session_seconds(properties), float(call.split()[0])
        warned = ", with a warning" if calls_outlast(seconds, most) else ""
        assert shown == f"{lease_seconds(seconds, most):g} s{warned}"


def test_the_way_out_is_a_configuration() -> None:
    """What is to be copied is taken."""
    (example,) = re.findall(r"```yaml\n(.+?)```", PAGE, re.DOTALL)
    least = "kafka: {bootstrap_servers: 'a:9092', topics: [payments]}\ncurrency: {accept: [INR]}\n"
    document = documents.read(least + example, Source("c.yaml", 1))
    assert document.root is not None
    settings = configuration.parse(document.root, document.findings).unwrap()
    assert settings.linkrunner.accept_refusals_until is not None


def test_the_pointer_is_one_that_is_written() -> None:
    """The example has the shape of the code, and names the headers that it has."""
    (example,) = re.findall(r"```json\n(.+?)```", PAGE, re.DOTALL)
    shown = json.loads(example)
    record = Record(Partition(shown["topic"], shown["partition"]), shown["offset"], 1, b"k", b"test", (), 1)
    _, pointer, bare = letters.copies(record, [])
    written = json.loads(pointer.record.value or b"")
    assert written.keys() == shown.keys()
    assert shown["left_out"]["value"].keys() == written["left_out"]["value"].keys()
    assert len(shown["left_out"]["value"]["sha256"]) == len(sha256().hexdigest())
    for copy in (pointer, bare):
        assert f"`{copy.left_out}`" in PAGE
    assert f"`{letters.POINTER}`" in PAGE
