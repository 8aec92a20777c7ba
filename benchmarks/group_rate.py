"""How much of one rate a group uses, while instances join, leave and die, and what its fullest second has.

``python -m benchmarks.group_rate`` plays it on a real Kafka: one instance, three, two, three, and two after a
kill, eight seconds each in which all have work. At least 95 % of the limit is to be used, and no second may
have more than the limit and 5 %.
"""

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench import real_kafka
from benchmarks.machine import describe
from tests.support.group_rate import LIMIT, PARTITIONS, play
from tests.support.stage import Stage


def main() -> None:
    """Play, print."""
    with (
        real_kafka() as kafka,
        TemporaryDirectory() as folder,
        closing(Stage(kafka, Path(folder), PARTITIONS)) as stage,
    ):
        stage.api.start()
        played = play(stage)
    print(f"{describe()}; {LIMIT} calls a second for the group\n")
    print("| fullest second | 1 instance | 3 | 2, one left | 3, one joined | 2, one killed |")
    print("|---|---|---|---|---|---|")
    print(f"| {played.busiest} | {' | '.join(f'{used:.1f}' for used in played.used)} |")


if __name__ == "__main__":
    main()
