"""First hits where a thing is small, turned, on a shelf or on a screen: visual words against one vector.

    python -m benchmarks.clutter render     # queries of the demo set and, with LIKEWISE_SHARED, of CD covers
    python -m benchmarks.clutter run        # indexes both ways, asks everything
    python -m benchmarks.clutter table

A query is right when the first picture other than the one it was made from shows the same thing.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.clutter.scenes import KINDS, finished
from PIL import Image, ImageOps

from likewise.collection.collection import Collection
from likewise.evaluation import minibench

FOLDER = Path("benchmarks/results/clutter")
SYSTEMS: dict[str, tuple[str, list[str]]] = {
    "default": ("default", []),
    "mof-lite0": ("mof-lite0", []),
    "mof-lite0, localise": ("mof-lite0", ["localise:top=50"]),
}
SHARED = os.environ.get("LIKEWISE_SHARED", "")
COVERS = Path(SHARED) / "cdcovers"
COVER = (0.2, 0.12, 0.85, 0.92)  # where the cover lies on the photographs of CD covers


@dataclass(frozen=True)
class Thing:
    """A picture of the gallery that queries are made of, and what it shows."""

    set: str
    group: str
    file: Path
    part: tuple[float, float, float, float] = (0, 0, 1, 1)


def things() -> Iterator[Thing]:
    """One view of every subject, and the second photograph of every cover."""
    folder = FOLDER / "demo"
    minibench.render(folder)
    for shot in minibench.read_truth(folder):
        if shot.kind == "view" and shot.group:
            yield Thing("demo", shot.group, folder / shot.file)
    for file in sorted(COVERS.rglob("*_2.jpg")) if SHARED else ():
        yield Thing("cdcovers", file.name[:2], file, COVER)


def groups() -> dict[Path, str]:
    """What each picture of the gallery shows."""
    folder = FOLDER / "demo"
    found = {(folder / shot.file).resolve(): shot.group or "" for shot in minibench.read_truth(folder)}
    covers = sorted(COVERS.rglob("*.jpg")) if SHARED else []
    return found | {file.resolve(): file.name[:2] for file in covers}


def render() -> None:
    """Write every query."""
    pile = minibench.render_scenes(FOLDER / "scenes", 120)
    for number, thing in enumerate(things()):
        with Image.open(thing.file) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
        part = picture.crop(_pixels(thing.part, picture.size))
        for place, (kind, shot) in enumerate(KINDS.items()):
            chance = np.random.default_rng([2, number, place])
            path = FOLDER / "queries" / thing.set / kind / f"{thing.group}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            finished(chance, shot(chance, part, pile)).save(path)


def _pixels(part: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[int, int, int, int]:
    (left, top, right, bottom), (width, height) = part, size
    return int(left * width), int(top * height), int(right * width), int(bottom * height)


def run() -> None:
    """Ask every query of every system that was not asked yet."""
    known = groups()
    file = FOLDER / "answers.json"
    answers: dict[str, dict[str, list[bool]]] = json.loads(file.read_text()) if file.exists() else {}
    sources = {(thing.set, thing.group): thing.file.resolve() for thing in things()}
    rendered = sorted((FOLDER / "queries").rglob("*.png"))
    queries = [query for query in rendered if (query.parts[-3], query.stem) in sources]
    for name, (recipe, then) in SYSTEMS.items():
        if name in answers:
            continue
        with Collection.open(FOLDER / f"{recipe}.likewise", recipe=recipe) as collection:
            collection.add(FOLDER / "demo", *([COVERS] if SHARED else []))
            for query in queries:
                set_, kind, group = query.parts[-3], query.parts[-2], query.stem
                hits = collection.search(query, k=2, then=then)
                first = next(hit for hit in hits if hit.path.resolve() != sources[set_, group])
                right = known.get(first.path.resolve()) == group
                answers.setdefault(name, {}).setdefault(f"{set_} {kind}", []).append(right)
        file.write_text(json.dumps(answers, indent=1))


def table() -> None:
    """Print the share of right first hits."""
    answers = json.loads((FOLDER / "answers.json").read_text())
    columns = sorted(next(iter(answers.values())))
    print("| " + " | ".join(["first hits", *columns, "all"]) + " |")
    print("|" + "---|" * (len(columns) + 2))
    for name in SYSTEMS:
        found = answers.get(name)
        if found is None:
            continue
        shares = [float(np.mean(found[column])) for column in columns]
        every = float(np.mean([right for rights in found.values() for right in rights]))
        print("| " + " | ".join([name, *(f"{share:.2f}" for share in shares), f"{every:.3f}"]) + " |")


if __name__ == "__main__":
    {"render": render, "run": run, "table": table}[sys.argv[1]]()
