"""How much the service installs: packages and bytes, from what stands in this environment.

``python -m benchmarks.install_size`` counts the files that each distribution of
``requirements/runtime.txt`` has recorded, compiled modules included; the service itself is counted from
its sources.
"""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from benchmarks.machine import describe

ROOT: Final = Path(__file__).resolve().parent.parent
MIB: Final = 1024 * 1024
SHOWN: Final = 8


def installed_bytes(found: Distribution) -> int:
    """Return the size of all files of a distribution that are there."""
    paths = (Path(str(found.locate_file(file))) for file in found.files or ())
    return sum(path.stat().st_size for path in paths if path.is_file())


def runtime_packages() -> dict[str, int]:
    """Return the bytes of each package that the service needs on this machine."""
    text = (ROOT / "requirements" / "runtime.txt").read_text("utf-8")
    sizes = {}
    for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE):
        try:
            sizes[name] = installed_bytes(distribution(name))
        except PackageNotFoundError:  # pinned for another platform
            continue
    return sizes


def main() -> None:
    """Print the totals and the largest packages."""
    sizes = runtime_packages()
    own = sum(path.stat().st_size for path in (ROOT / "consumer").rglob("*.py"))
    print(f"{describe()}\n")
    print("| packages besides the service | MiB | the service, MiB |\n|---|---|---|")
    print(f"| {len(sizes)} | {sum(sizes.values()) / MIB:.0f} | {own / MIB:.1f} |\n")
    print("| largest | MiB |\n|---|---|")
    for name, size in sorted(sizes.items(), key=lambda item: -item[1])[:SHOWN]:
        print(f"| {name} | {size / MIB:.1f} |")


if __name__ == "__main__":
    main()
