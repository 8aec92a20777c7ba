"""How long ``helm template`` takes for each feature of the chart.

``python -m benchmarks.helm_template [HELM]...`` renders every values file of the chart three times. HELM is a
program; without one, what ``.ci/tools`` has put into ``.cache/tools/bin`` is taken, and ``helm`` of the path.
"""

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.machine import describe

ROOT: Final = Path(__file__).resolve().parent.parent
CHART: Final = ROOT / "helm" / "linkrunner-consumer"
RUNS: Final = 3
#: A version that the chart supports: a Helm built by ``go install`` would assume an old one.
KUBERNETES: Final = "1.34"


def seconds(helm: str, values: Path) -> float:
    """Return how long ``helm`` takes with ``values``. Raises ``CalledProcessError`` where it refuses them."""
    command = [helm, "template", "release", str(CHART), "--kube-version", KUBERNETES, "--values", str(values)]
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def helms() -> list[str]:
    """Return the programs that are here."""
    built = ROOT / ".cache" / "tools" / "bin"
    candidates = (str(built / "helm3"), str(built / "helm4"), "helm")
    return [name for name in candidates if shutil.which(name)]


def main(arguments: Sequence[str]) -> None:
    """Print a row for each Helm."""
    print(f"{describe()}\n")
    print("| helm | runs | median, s | longest, s | of |\n|---|---|---|---|---|")
    files = sorted((CHART / "ci").iterdir())
    for helm in arguments or helms():
        times = {path.name: [seconds(helm, path) for _ in range(RUNS)] for path in files}
        slowest = max(times, key=lambda name: max(times[name]))
        every = [one for each in times.values() for one in each]
        print(
            f"| {Path(helm).name} | {len(every)} | {statistics.median(every):.2f} "
            f"| {max(every):.2f} | {slowest} |"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
