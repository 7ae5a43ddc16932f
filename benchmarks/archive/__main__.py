"""An archive from end to end: ``python -m benchmarks.archive run --files 40000``, then ``table``.

Renders an archive of photographs that nobody took: 8 % of the files are copies of every kind, 1 % are bad,
there are bursts, links, and names that no program likes. Then it is indexed, indexed again without a change,
its folder renamed, searched for duplicates, and a plan is written, checked, carried out and taken back; each
by a command of its own, whose processor time and largest resident size are told by the system.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import typer
from benchmarks.sets import RESULTS, markdown
from PIL import Image, ImageDraw, ImageEnhance

FOLDER = RESULTS / "archive"
FIGURES, PLANTED = FOLDER / "figures.json", FOLDER / "planted.json"
WIDTH, HEIGHT, SHOTS = 320, 240, 10
"""Pixels of a picture; shots of a burst."""

ODD_NAMES = (
    "a\nb.jpg",
    "über café.jpg",
    "a;b,'c\".jpg",
    "-rf.jpg",
    b"\xff\xfe.jpg",
    "x" * 240 + ".jpg",
    "🖼.jpg",
)

COPIES: dict[str, Callable[[Path, Path], object]] = {
    "same bytes": lambda one, copy: shutil.copy(one, copy),
    "recompressed": lambda one, copy: _altered(one, copy, lambda picture: picture, quality=60),
    "resized": lambda one, copy: _altered(one, copy, lambda p: p.resize((p.width // 2, p.height // 2))),
    "cropped": lambda one, copy: _altered(one, copy, lambda p: p.crop((20, 15, p.width - 10, p.height))),
    "edited": lambda one, copy: _altered(one, copy, lambda p: ImageEnhance.Brightness(p).enhance(1.3)),
    "turned": lambda one, copy: _altered(one, copy, lambda p: p.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
    "hard link": os.link,
    "symbolic link": lambda one, link: os.symlink(os.path.relpath(one, link.parent), link),
}
"""By kind how a copy is made. Links are no copies and must not be found."""

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def run(
    files: int = typer.Option(40_000, help="Files of the archive."),
    recipe: str = typer.Option("default", help="How pictures are described."),
) -> None:
    """Render the archive, and go through all of it."""
    make(files)
    index(recipe)
    act()


@app.command()
def make(files: int = typer.Option(40_000, help="Files of the archive.")) -> None:
    """Render the archive."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    planted = _make(FOLDER / "photos", files)
    PLANTED.write_text(json.dumps({"files": files, "copies": planted}), encoding="utf-8")


@app.command()
def index(recipe: str = typer.Option("default", help="How pictures are described.")) -> None:
    """Index what was rendered: what takes longest."""
    recipe = str(Path(recipe).resolve()) if Path(recipe).is_file() else recipe  # commands run in the folder
    shutil.rmtree(FOLDER / "a.likewise", ignore_errors=True)
    (FOLDER / ("archive" if (FOLDER / "archive").exists() else "photos")).rename(FOLDER / "photos")
    steps = {"index": _timed("index", "photos", "--into", "a.likewise", "--recipe", recipe)}
    steps["index again"] = _timed("index", "photos", "--into", "a.likewise")
    (FOLDER / "photos").rename(FOLDER / "archive")
    steps["index after the folder was renamed"] = _timed("index", "archive", "--into", "a.likewise")
    steps["forget what is gone"] = _timed("index", "archive", "--into", "a.likewise", "--prune")
    figures = {"recipe": recipe, "steps": _kept(steps)}
    FIGURES.write_text(json.dumps(figures, indent=1), encoding="utf-8")


@app.command()
def act() -> None:
    """Find the duplicates of the archive that is indexed, and act on them, as often as you like."""
    figures, planted = (json.loads(path.read_text(encoding="utf-8")) for path in (FIGURES, PLANTED))
    steps = {"duplicates, with a plan": _timed("duplicates", "--plan", "plan.csv", "--json")}
    steps["duplicates again"] = _timed("duplicates", "--json")
    before = _tree()
    steps["apply, dry"] = _timed("duplicates", "apply", "plan.csv", "--move", "out")
    steps["apply"] = _timed("duplicates", "apply", "plan.csv", "--move", "out", "--yes")
    moved = len(before) - len(_tree())
    steps["undo"] = _timed("duplicates", "undo", "plan.csv")
    figures["steps"] |= _kept(steps)
    figures |= {"files": planted["files"], "moved": moved, "came_back": _tree() == before}
    figures |= _counted(json.loads(steps["duplicates, with a plan"]["out"]), planted["copies"])
    FIGURES.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def _kept(steps: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Of each step what the table tells."""
    return {name: {"processor": one["processor"], "peak": one["peak"]} for name, one in steps.items()}


def _make(folder: Path, files: int) -> dict[str, list[tuple[str, str]]]:
    """Write the files; give by kind the names of originals and copies."""
    folder.mkdir()
    random = np.random.default_rng(0)
    copies, bad, bursts = files * 8 // 100, files // 100, max(1, files // 1000)
    originals = files - copies - bad - bursts * SHOTS
    paths = []
    for number in range(originals):
        year = folder / f"{2000 + number % 20}"
        year.mkdir(exist_ok=True)
        name = ODD_NAMES[number] if number < len(ODD_NAMES) else f"IMG_{7 * number:06}.jpg"
        path = year / (os.fsdecode(name) if isinstance(name, bytes) else name)
        _scene(random).save(path, quality=90)
        paths.append(path)
    for number in range(bursts):
        _burst(folder / f"burst{number}", random)
    for number in range(bad):
        _bad(folder / f"bad{number:04}.jpg", paths[number], number)
    return _copied(folder / "copies", paths, copies)


def _copied(folder: Path, paths: list[Path], count: int) -> dict[str, list[tuple[str, str]]]:
    folder.mkdir()
    planted: dict[str, list[tuple[str, str]]] = {kind: [] for kind in COPIES}
    for number in range(count):
        kind = list(COPIES)[number % len(COPIES)]
        one, copy = paths[number * len(paths) // count], folder / f"copy {7 * number:06}.jpg"
        COPIES[kind](one, copy)
        planted[kind].append((os.fsencode(one.name).decode("utf-8", "backslashreplace"), copy.name))
    return planted


def _scene(random: np.random.Generator) -> Image.Image:
    """Coarse and fine noise in colours, with a few things drawn on it."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for cells, weight in ((3, 0.8), (9, 0.6), (40, 0.5)):
        coarse = random.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        grown = Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        pixels += (np.asarray(grown, np.float32) - 128) * weight
    picture = Image.fromarray(np.clip(pixels + 128, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for _ in range(int(random.integers(3, 9))):
        x, y, w, h = random.integers(10, 200, 4).tolist()
        shape = draw.ellipse if random.random() < 0.5 else draw.rectangle
        shape((x, y, x + w, y + h), fill=tuple(random.integers(0, 256, 3).tolist()))
    return picture


def _burst(folder: Path, random: np.random.Generator) -> None:
    """Shots of one scene, in which something goes by."""
    folder.mkdir()
    scene = _scene(random)
    for shot in range(SHOTS):
        one = scene.copy()
        ImageDraw.Draw(one).rectangle((25 * shot, 60, 25 * shot + 60, 200), fill=(30, 20, 60))
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9003] = f"2024:05:01 10:00:{shot:02}"
        one.save(folder / f"DSC_{shot:04}.jpg", quality=90, exif=exif)


def _bad(path: Path, source: Path, number: int) -> None:
    """A file that is empty, cut, or no picture."""
    data = source.read_bytes()
    path.write_bytes((b"", data[: len(data) // 3], b"this is no picture")[number % 3])


def _altered(
    one: Path, copy: Path, alter: Callable[[Image.Image], Image.Image], *, quality: int = 92
) -> None:
    with Image.open(one) as picture:
        alter(picture).save(copy, quality=quality)


def _tree() -> dict[str, tuple[int, int]]:
    """What lies in the archive: size and time by path."""
    paths = (path for path in (FOLDER / "archive").rglob("*") if not path.is_dir())
    return {os.fspath(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in paths}


def _timed(*arguments: str) -> dict[str, Any]:
    """Run a command in the folder; give its processor seconds, largest resident size and output."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "likewise", *arguments]
    with open(FOLDER / "out.txt", "w+b") as out, open(FOLDER / "err.txt", "wb") as err:
        process = subprocess.Popen(command, cwd=FOLDER, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode("utf-8", "backslashreplace")
    if process.returncode not in (0, 1):
        raise SystemExit(
            f"likewise {' '.join(arguments)} ended with {process.returncode}: see {FOLDER / 'err.txt'}"
        )
    unit = 1 if sys.platform == "darwin" else 1024
    print(" ".join(arguments), f"{time.perf_counter() - begun:.0f} s", flush=True)
    return {"processor": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss * unit, "out": text}


def _counted(found: dict[str, Any], planted: dict[str, list[tuple[str, str]]]) -> dict[str, Any]:
    """Found by kind, and what was grouped and is no copy."""
    groups = [
        {os.fsencode(os.path.basename(path)).decode("utf-8", "backslashreplace") for path in group["paths"]}
        for group in found["groups"]
    ]
    together = {frozenset(pair) for group in groups for pair in combinations(sorted(group), 2)}
    kinds = {
        kind: [sum(frozenset(pair) in together for pair in pairs), len(pairs)]
        for kind, pairs in planted.items()
    }
    right = {frozenset(pair) for pairs in planted.values() for pair in pairs}
    with open(FOLDER / "plan.csv", encoding="utf-8", errors="surrogateescape", newline="") as file:
        going = [row["file"] for row in csv.DictReader(file) if row["action"] == "go"]
    return {
        "kinds": kinds,
        "false": [sorted(pair) for pair in together - right],
        "bursts": sorted(len(group["ids"]) for group in found["bursts"]),
        "surplus": len(going),
        "surplus_originals": sum("copy " not in os.path.basename(file) for file in going),
        "looked_at": found["looked_at"],
    }


@app.command()
def table() -> None:
    """Print the tables."""
    measured = json.loads(FIGURES.read_text(encoding="utf-8"))
    rows = [
        [name, f"{one['processor']:.1f}", f"{one['peak'] / 2**20:.0f}"]
        for name, one in measured["steps"].items()
    ]
    print(f"{measured['files']} files, recipe {measured['recipe']}:\n")
    print(markdown(["step", "s of processor", "peak MiB"], rows))
    print()
    print(
        markdown(["kind", "found", "of"], [[kind, *map(str, one)] for kind, one in measured["kinds"].items()])
    )
    print(f"\nFalse pairs: {len(measured['false'])}. Bursts: {measured['bursts']}. ", end="")
    print(
        f"{measured['surplus']} could go, {measured['surplus_originals']} of them no planted copy. ", end=""
    )
    print(
        f"{measured['moved']} moved; all came back as it was: {'yes' if measured['came_back'] else 'no'}. ",
        end="",
    )
    print(f"Pairs whose pixels were compared: {measured['looked_at']}.")


if __name__ == "__main__":
    app()
