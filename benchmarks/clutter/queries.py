"""Known things laid into other scenes, and the gallery in which they are looked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.clutter.scenes import KINDS, finished
from PIL import Image, ImageOps

from likewise.demoset import rendering

FOLDER = Path("benchmarks/results/clutter")
SHARED = os.environ.get("LIKEWISE_SHARED", "")
COVERS = Path(SHARED) / "data" / "cdcovers"
SCENES, PHOTOGRAPHS = "queries", "photographs"
"""What queries have behind the thing: scenes, as the gallery has, or photographs of which it has none."""
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
    rendering.render(folder)
    for shot in rendering.read_truth(folder):
        if shot.kind == "view" and shot.group:
            yield Thing("demo", shot.group, folder / shot.file)
    for file in sorted(COVERS.rglob("*_2.jpg")) if SHARED else ():
        yield Thing("cdcovers", file.name[:2], file, COVER)


def groups() -> dict[Path, str]:
    """What each picture of the gallery shows."""
    folder = FOLDER / "demo"
    found = {(folder / shot.file).resolve(): shot.group or "" for shot in rendering.read_truth(folder)}
    covers = sorted(COVERS.rglob("*.jpg")) if SHARED else []
    return found | {file.resolve(): file.name[:2] for file in covers}


def render(behind: str = SCENES) -> None:
    """Write every query that is not there."""
    pile = _pile(behind)
    for number, thing in enumerate(things()):
        with Image.open(thing.file) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
        part = picture.crop(_pixels(thing.part, picture.size))
        for place, (kind, shot) in enumerate(KINDS.items()):
            chance = np.random.default_rng([2, number, place])
            path = FOLDER / behind / thing.set / kind / f"{thing.group}.png"
            if path.exists():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            finished(chance, shot(chance, part, pile)).save(path)


def _pile(behind: str) -> list[Path]:
    """What lies around a thing: scenes of the photographs that the demo set is made of too, or others."""
    if behind == SCENES:
        return rendering.render_scenes(FOLDER / "scenes", 120)
    return sorted((Path(SHARED) / "data" / "training_photos").glob("*.jpg"))[1::2]


def _pixels(part: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[int, int, int, int]:
    (left, top, right, bottom), (width, height) = part, size
    return int(left * width), int(top * height), int(right * width), int(bottom * height)


def queries(behind: str = SCENES) -> dict[Path, Thing]:
    """The rendered ones, and the thing in each."""
    known = {(thing.set, thing.group): thing for thing in things()}
    rendered = sorted((FOLDER / behind).rglob("*.png"))
    named = {query: (query.parts[-3], query.stem) for query in rendered}
    return {query: known[name] for query, name in named.items() if name in known}
