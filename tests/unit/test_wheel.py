"""What is shipped: the package with its schemas, and nothing of the tests."""

import subprocess
import sys
from pathlib import Path
from typing import Final
from zipfile import ZipFile

ROOT: Final = Path(__file__).resolve().parents[2]


def test_the_wheel_holds_the_package_and_its_schemas(tmp_path: Path) -> None:
    """``pip install .`` gives a service that knows its canonical events, also far from this checkout."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        scripts = next(name for name in names if name.endswith("/entry_points.txt"))
        assert "linkrunner-consumer = consumer.cli:main" in archive.read(scripts).decode()
    schemas = {path.relative_to(ROOT).as_posix() for path in (ROOT / "schemas").rglob("*.avsc")}
    assert len(schemas) >= 2
    assert {f"consumer/{path}" for path in schemas} <= names
    assert "consumer/py.typed" in names
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"consumer"}
