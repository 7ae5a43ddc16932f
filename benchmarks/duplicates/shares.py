"""What is found, and what falsely, by kind and by the share of copies: ``run``, then ``table``.

``python -m benchmarks.duplicates.shares run`` takes photographs from ``data`` in the folder that
LIKEWISE_SHARED names (training_photos, ukbench96, oxford5k_allsouls100), alters some of them, describes all
once, and makes of them collections in which 1 to 90 % are copies, one with a burst of forty shots, one of 300
photographs and 30 copies, and one of four photographs each of 24 things, which are no copies at all.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import typer
from benchmarks.sets import RESULTS, markdown
from PIL import Image, ImageDraw, ImageEnhance

from likewise.collection import Collection
from likewise.downstream.duplicates import Duplicates, find_duplicates

FOLDER = RESULTS / "duplicates-shares"
FIGURES = FOLDER / "figures.json"
PHOTOS, DEEP, WIDE, SHOTS = 300, 10, 50, 40
"""Photographs; those of which every kind of copy is made; those of which one is; shots of the burst."""


def _jpeg(picture: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def _inner(picture: Image.Image, share: float) -> Image.Image:
    x, y = int(picture.width * share), int(picture.height * share)
    return picture.crop((x, y, picture.width - x, picture.height - y))


def _captioned(picture: Image.Image) -> Image.Image:
    captioned = picture.copy()
    ImageDraw.Draw(captioned).text((8, captioned.height - 20), "COPY 2026-11-27", fill="white")
    return captioned


KINDS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "recompressed, quality 75": lambda one: _jpeg(one, 75),
    "recompressed, quality 30": lambda one: _jpeg(one, 30),
    "half the size": lambda one: one.resize((one.width // 2, one.height // 2)),
    "a third of the size": lambda one: one.resize((one.width // 3, one.height // 3)),
    "cropped by 10 % a side": lambda one: _inner(one, 0.1),
    "its left three quarters": lambda one: one.crop((0, 0, 3 * one.width // 4, one.height)),
    "30 % brighter": lambda one: ImageEnhance.Brightness(one).enhance(1.3),
    "a word written in": _captioned,
    "mirrored": lambda one: one.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
}

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def run() -> None:
    """Make the pictures, describe them, and look for duplicates in each collection."""
    shared, files = Path(os.environ["LIKEWISE_SHARED"]) / "data", FOLDER / "files"
    if not files.exists():
        _make(shared, files)
    with Collection.open(FOLDER / "all.likewise") as collection:
        collection.add(files)
    FIGURES.write_text(json.dumps([_measured(*one) for one in _archives()], indent=1), encoding="utf-8")


def _make(shared: Path, files: Path) -> None:
    files.mkdir(parents=True)
    photos = sorted((shared / "training_photos").glob("*.jpg"))
    order = np.random.default_rng(0).permutation(len(photos))[:PHOTOS]
    for number, place in enumerate(order.tolist()):
        shutil.copy(photos[place], files / f"p{number:03}.jpg")
        picture = Image.open(photos[place]).convert("RGB")
        for kind, (name, alter) in enumerate(KINDS.items()):
            if number < DEEP or (number < WIDE and kind == number % len(KINDS)):
                quality = 75 if name.endswith("75") else 30 if name.endswith("30") else 92
                alter(picture).save(files / f"p{number:03}-k{kind}.jpg", quality=quality)
    for path in (shared / "ukbench96" / "full").rglob("*.jpg"):
        shutil.copy(path, files / f"u{path.name}")
    scenes = sorted((shared / "oxford5k_allsouls100" / "images").glob("*.jpg"))
    _burst(Image.open(scenes[0]).convert("RGB"), files)


def _burst(scene: Image.Image, files: Path) -> None:
    """Shots of one scene by hand: a little shifted and lighter, noisy, with something that goes by."""
    random = np.random.default_rng(0)
    for shot in range(SHOTS):
        x, y = random.integers(0, 12, 2).tolist()
        one = scene.crop((x, y, x + scene.width - 12, y + scene.height - 12))
        one = ImageEnhance.Brightness(one).enhance(float(random.uniform(0.97, 1.03)))
        ImageDraw.Draw(one).ellipse((16 * shot, 300, 16 * shot + 90, 520), fill=(40, 30, 60))
        noisy = np.asarray(one, np.float32) + random.normal(0, 4, (one.height, one.width, 1))
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9003] = f"2024:05:01 10:00:{shot // 4:02}"
        exif.get_ifd(0x8769)[0x9291] = str(25 * (shot % 4)).zfill(2)
        shown = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
        shown.save(files / f"b{shot:02}.jpg", quality=92, exif=exif)


def _archives() -> list[tuple[str, list[str]]]:
    """By name the stems of the pictures of each collection."""
    made = [f"p{n:03}-k{kind}" for n in range(DEEP) for kind in range(len(KINDS))]
    single = [f"p{n:03}-k{n % len(KINDS)}" for n in range(WIDE)]
    photos = [f"p{n:03}" for n in range(PHOTOS)]
    shots = [f"b{shot:02}" for shot in range(SHOTS)]
    kept = [path.stem for path in (FOLDER / "files").glob("u*.jpg")]
    few = [(f"{share} % of 100", photos[: 100 - share] + single[:share]) for share in (1, 10, 25, 50)]
    return [
        *few,
        ("90 % of 100", photos[:DEEP] + made),
        ("20 of 100, and a burst of 40", photos[:100] + single[:20] + shots),
        ("30 of 330", photos + single[:30]),
        ("none: 4 photographs each of 24 things", kept),
    ]


def _measured(name: str, stems: Iterable[str]) -> dict[str, Any]:
    wanted = set(stems)
    place = FOLDER / "part.likewise"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(FOLDER / "all.likewise", place)
    with Collection.open(place) as part:
        others = [number for number, path in part.paths() if path.stem not in wanted]
        part.take_out(*others)
        begun = time.process_time()
        found = find_duplicates(part)
        seconds = time.process_time() - begun
    shutil.rmtree(place)
    print(name, len(found.groups), f"{seconds:.1f} s", flush=True)
    return {"name": name, "pictures": len(wanted), "seconds": seconds, **_counted(found, wanted)}


def _counted(found: Duplicates, stems: set[str]) -> dict[str, Any]:
    """Copies that are grouped with their original by kind, and pairs of groups that are none."""
    groups = [{path.stem for path in group.paths} for group in found.groups]
    kinds: dict[str, list[int]] = {}
    for stem in (stem for stem in stems if "-k" in stem):
        original, kind = stem.split("-k")
        counts = kinds.setdefault(list(KINDS)[int(kind)], [0, 0])
        counts[0] += any({original, stem} <= group for group in groups)
        counts[1] += 1
    pairs = [pair for group in groups for pair in combinations(group, 2)]
    false = [pair for pair in pairs if pair[0].split("-")[0] != pair[1].split("-")[0]]
    gone = {m.file.path.stem for group in found.groups for m in group.members if m.surplus}
    return {
        "kinds": kinds,
        "false": false,
        "surplus": len(gone),
        "surplus_originals": sorted(stem for stem in gone if "-k" not in stem),
        "bursts": [len(group.ids) for group in found.bursts],
        "looked_at": found.looked_at,
        "threshold": found.threshold,
        "by_chance": found.by_chance,
    }


@app.command()
def table() -> None:
    """Print the tables."""
    measured = json.loads(FIGURES.read_text(encoding="utf-8"))
    head = ["copies", "found", "false pairs", "could go", "originals among them", "in bursts"]
    head += ["pixels compared", "threshold", "expected by chance", "s of processor"]
    rows = []
    for one in measured:
        counts = np.array(list(one["kinds"].values())).sum(axis=0).tolist() if one["kinds"] else [0, 0]
        cells = [one["name"], f"{counts[0]} of {counts[1]}", len(one["false"]), one["surplus"]]
        cells += [len(one["surplus_originals"]), sum(one["bursts"]), one["looked_at"]]
        chance = "-" if one["by_chance"] is None else f"{one['by_chance']:.2g}"
        rows.append([*map(str, cells), f"{one['threshold']:.3f}", chance, f"{one['seconds']:.0f}"])
    print(markdown(head, rows))
    print()
    total = []
    for kind in KINDS:
        counts = np.array([one["kinds"].get(kind, [0, 0]) for one in measured]).sum(axis=0).tolist()
        total.append([kind, *map(str, counts)])
    print(markdown(["kind", "found", "of"], total))


if __name__ == "__main__":
    app()
