"""What the image adds to its base, file by file, read from ``docker save``."""

import gzip
import json
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

#: The Dockerfile's two COPY instructions: the parts, and the service.
OWN_LAYERS: Final = 2

#: Magic number, flags, and either a date with a size or a hash (PEP 552).
PYC_HEADER_BYTES: Final = 16
_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, directory or link: ``path`` without a leading slash, ``date`` in epoch seconds.

    ``head`` has the first bytes of a file, as many as bytecode needs to tell what it is.
    """

    path: str
    mode: int
    uid: int
    gid: int
    date: int
    head: bytes
    is_link: bool


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: what is in it, and its size as registries and nodes transfer it."""

    entries: tuple[Entry, ...]
    compressed_bytes: int

    @property
    def paths(self) -> frozenset[str]:
        """Every path in it."""
        return frozenset(entry.path for entry in self.entries)


def own_layers(image: str, directory: Path) -> tuple[Layer, ...]:
    """Return the layers of ``image`` above its base, lowest first; ``directory`` is for files in between."""
    archive = directory / "image.tar"
    subprocess.run(["docker", "save", "--output", archive, image], check=True, capture_output=True)  # noqa: S607 - Docker is where it is
    with tarfile.open(archive) as saved:
        (manifest,) = json.load(_file(saved, "manifest.json"))
        layers = tuple(_layer(saved, name) for name in manifest["Layers"][-OWN_LAYERS:])
    archive.unlink()
    return layers


def _layer(saved: tarfile.TarFile, name: str) -> Layer:
    with tarfile.open(fileobj=_file(saved, name)) as layer:  # compressed or not, as the daemon keeps it
        entries = tuple(_entry(layer, member) for member in layer)
    return Layer(entries, _compressed(saved, name))


def _entry(layer: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    opened = layer.extractfile(member) if member.isfile() else None
    return Entry(
        path=member.name.removeprefix("./").rstrip("/"),
        mode=member.mode,
        uid=member.uid,
        gid=member.gid,
        date=int(member.mtime),
        head=opened.read(PYC_HEADER_BYTES) if opened else b"",
        is_link=member.issym() or member.islnk(),
    )


def _compressed(saved: tarfile.TarFile, name: str) -> int:
    """Return how long the layer is as gzip writes it by default; one that is compressed already stays so."""
    source = _file(saved, name)
    if source.read(2) == b"\x1f\x8b":
        return saved.getmember(name).size
    source.seek(0)
    counter = _Counter()
    with gzip.GzipFile(fileobj=counter, mode="wb", compresslevel=6) as sink:
        while piece := source.read(_PIECE):
            sink.write(piece)
    return counter.written


class _Counter:
    """A file that only counts."""

    def __init__(self) -> None:
        self.written = 0

    def write(self, data: bytes) -> int:
        self.written += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""


def _file(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    opened = archive.extractfile(name)
    assert opened is not None, f"{name} is no file"
    return opened
