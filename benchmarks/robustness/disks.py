"""Full and read-only disks: small memory disks, which only root may mount."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from benchmarks.robustness.command import Ran, committed, faults, likewise, pictures_in

from likewise.collection.collection import Collection
from likewise.types import FloatArray

PICTURES = 200
SIDE = 160

Row = tuple[str, str, bool]
"""What was tried, what came of it, and whether that is right."""


@contextmanager
def disk(place: Path, size: str) -> Iterator[Path]:
    """A memory disk of that size."""
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def remount(place: Path, options: str) -> None:
    """Change a disk that is in use."""
    subprocess.run(["mount", "-o", f"remount,{options}", place], check=True)


def may_mount(place: Path) -> bool:
    """Whether memory disks can be had here."""
    try:
        with disk(place, "64k"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


def disks(corner: Path) -> Iterator[Row]:
    """Try every one of them."""
    if not may_mount(corner / "disk"):
        yield "full and read-only disks", "skipped: only root may mount a memory disk", True
        return
    folder = pictures_in(corner / f"pictures-{SIDE}", PICTURES, SIDE)
    for size in ("64k", "1m", "3m", "6m"):
        yield from _full(folder, corner / "disk", size)
    for size in ("1m", "14m", "20m"):
        yield from _full_cache(folder, corner, size)
    yield from _read_only(folder, corner / "disk")


def _full(folder: Path, place: Path, size: str) -> Iterator[Row]:
    with disk(place, size):
        into = place / "c.likewise"
        yield _refused(f"index into a disk of {size}", likewise("index", folder, "--into", into))
        before = committed(into)
        yield f"... {len(before)} were committed: verify", *_sound(into, before)
        remount(place, "size=64m")
        yield f"... space freed: verify and index again ({size})", *_carried_on(folder, into, before)


def _sound(into: Path, before: set[str]) -> tuple[str, bool]:
    found = faults(into)
    return (found, found == "clean") if before else ("no collection yet", True)


def _carried_on(folder: Path, into: Path, before: set[str]) -> tuple[str, bool]:
    found, sound = _sound(into, before)
    ran, after = likewise("index", folder, "--into", into), committed(into)
    text = f"{found}; exit {ran.code}, {len(after)} pictures, {faults(into)}"
    return text, sound and ran.code == 0 and len(after) == PICTURES and before <= after


def _full_cache(folder: Path, corner: Path, size: str) -> Iterator[Row]:
    """A cut file in the cache must not change a vector later: they are compared with those of a sound one."""
    expected = _vectors(folder, corner / "expected", None)[1]
    with disk(corner / "disk", size) as cache:
        for what in (f"index with a model cache of {size}", "... once more"):
            ran, vectors = _vectors(folder, corner / "cached", cache)
            done = ran.code == 0 and np.array_equal(vectors, expected)
            yield (what, "exit 0, the right vectors", True) if done else _refused(what, ran)
        remount(cache, "size=64m")
        ran, vectors = _vectors(folder, corner / "cached", cache)
        right = np.array_equal(vectors, expected)
        text = f"exit {ran.code}, {'the right' if right else 'OTHER'} vectors"
        yield f"... space freed: index ({size})", text, ran.code == 0 and right


def _vectors(folder: Path, into: Path, cache: Path | None) -> tuple[Ran, FloatArray]:
    """Index into a fresh collection."""
    shutil.rmtree(into, ignore_errors=True)
    ran = likewise("index", folder, "--into", into, cache=cache)
    if ran.code:
        return ran, np.empty((0, 0), np.float32)
    with Collection.open(into) as opened:
        rows, vectors = opened.vectors()
        order = np.argsort([str(opened.path_of(int(row))) for row in rows])  # ids come as threads finish
    return ran, vectors[order]


def _read_only(folder: Path, place: Path) -> Iterator[Row]:
    with disk(place, "16m"):
        into, some = place / "c.likewise", sorted(folder.iterdir())
        likewise("index", *some[:-1], "--into", into)
        remount(place, "ro")
        yield _refused(
            "index into a collection on a read-only disk", likewise("index", folder, "--into", into)
        )
        other = likewise("index", folder, "--into", place / "new.likewise")
        yield _refused("index into a new collection there", other)
        found = likewise("search", some[0], "--in", into, "-k", "1")
        hit = f"exit {found.code}, finds {some[0].name}: {'yes' if some[0].name in found.output else 'NO'}"
        yield "search in it", hit, found.code == 0 and some[0].name in found.output
        yield "verify it", faults(into), faults(into) == "clean"
        remount(place, "rw")


def _refused(what: str, ran: Ran) -> Row:
    """One clear error line and the exit code of storage."""
    return what, f"exit {ran.code}: {ran.error.strip()}", ran.code == 5 and ran.is_one_error()
