"""A site to look at: the demo set in folders, collections of it, a folder to add from, and two runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageDraw

from likewise.collection import Collection
from likewise.demoset import rendering
from likewise.descriptors.parts import Part
from likewise.descriptors.recipe import VectorRecipe
from likewise.recipes.recipe import Recipe, load_recipe

REPOSITORY = Path(__file__).parents[2]
SUBJECTS = ("pagoda", "dahlia", "cat", "rocket", "horse", "coffee", "front wheel", "lamp", "flag", "logo")
LATER = ("astronaut", "skyline")
ASKED = ("pagoda", "cat", "lamp", "horse", "logo")

# one scale and the plain mean: quick, and a choice beside the default
PLAIN = replace(
    VectorRecipe.load("default"), name="plain", about="", scales=(1.0,), parts=(Part("head", "mean"),)
)


def make_site(folder: Path, recipe: Recipe | VectorRecipe | None = None) -> None:
    """Render, lay out and index all of it, the photographs by a recipe or by one vector."""
    rendering.render(folder / "demo")
    truth = rendering.read_truth(folder / "demo")
    shown = [shot.file for shot in truth if shot.group in SUBJECTS]
    later = [shot.file for shot in truth if shot.group in LATER]
    rest = [shot.file for shot in truth if shot.group is None]
    half = len(shown) // 2
    for part, files in (
        ("photos/2019", shown[:half]),
        ("photos/2023", shown[half:]),
        ("inbox/june", later),
        ("inbox/scans", rest),
        ("queries", later[:3]),
    ):
        _copy(folder, files, folder / part)
    for year, camera in ((2019, "Canon EOS 5D"), (2023, "Leica M9")):
        for file in sorted((folder / "photos" / str(year)).iterdir()):
            _say(file, f"{year}:06:03 10:00:00", camera)
    cut = folder / "demo" / shown[0]
    (folder / "photos" / "2019" / "cut off.jpg").write_bytes(cut.read_bytes()[:4000])
    for subject in ASKED:
        _copy(folder, [shot.file for shot in truth if shot.group == subject][:4], folder / "groups" / subject)
    for name, chosen in (("photos", recipe or VectorRecipe.load("default")), ("photos-plain", PLAIN)):
        with Collection.open(folder / f"{name}.likewise", recipe=chosen) as collection:
            collection.add(folder / "photos")
    for name, layered in (("both", "default"), ("words", "sift")):
        with Collection.open(folder / f"{name}.likewise", recipe=load_recipe(layered)) as collection:
            collection.add(folder / "photos" / "2023")
    _odd(folder / "demo" / shown[3], folder / "odd")
    with Collection.open(folder / "odd.likewise", recipe=PLAIN) as collection:
        collection.add(folder / "odd")
    _copies(folder, truth, folder / "copies")
    with Collection.open(folder / "copies.likewise", recipe=PLAIN) as collection:
        collection.add(folder / "copies")
    shutil.copytree(folder / "photos.likewise", folder / "album.likewise")
    (folder / "plain.toml").write_text(PLAIN.to_toml())
    for words in (("quick",), ("plain.toml",)):
        _likewise(folder, "evaluate", "folder", "--data", "groups", "--runs", "runs", "--recipe", *words)


def _copies(folder: Path, truth: list[rendering.ShotLabel], to: Path) -> None:
    """Five different photographs of one thing, which are alike, and one of another thing twice."""
    of = {subject: [shot.file for shot in truth if shot.group == subject] for subject in ("pagoda", "cat")}
    _copy(folder, of["pagoda"][:5], to)
    for name in ("cat.jpg", "cat again.jpg"):
        shutil.copy2(folder / "demo" / of["cat"][0], to / name)


def _odd(picture: Path, to: Path) -> None:
    """One photograph in the shapes, sizes and under the names that break layouts."""
    to.mkdir()
    named = "a name of two hundred letters " * 7
    for name, size in (
        ("panorama", (2400, 360)),
        ("strip", (200, 1800)),
        ("icon", (24, 16)),
        (named[:196], (400, 300)),
        ("without-a-place-to-break-" + 170 * "x", (300, 400)),
    ):
        with Image.open(picture) as whole:
            whole.convert("RGB").resize(size).save(to / f"{name}.png")
    ring = Image.new("RGBA", (400, 300))
    ImageDraw.Draw(ring).ellipse((120, 70, 280, 230), fill="black")
    ring.save(to / "transparent.png")
    (to / f"cut off {named[:180]}.png").write_bytes((to / "icon.png").read_bytes()[:200])


def _copy(folder: Path, files: list[str], to: Path) -> None:
    to.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy2(folder / "demo" / file, to)


def _say(file: Path, taken: str, camera: str) -> None:
    """Write into a JPEG file when and with what it was taken; its pixels stay."""
    block = Image.Exif()
    block[0x0110] = camera
    block.get_ifd(0x8769)[0x9003] = taken
    said, data = block.tobytes(), file.read_bytes()
    file.write_bytes(data[:2] + b"\xff\xe1" + (len(said) + 2).to_bytes(2, "big") + said + data[2:])


def _likewise(folder: Path, *words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "likewise", *words],
        cwd=folder,
        env=_environment(),
        check=True,
        capture_output=True,
    )


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(REPOSITORY / "src")}


@contextmanager
def served(folder: Path, *words: str) -> Iterator[str]:
    """`likewise serve` as a process of its own, and the address that it prints."""
    line = [sys.executable, "-m", "likewise", "serve", *words, "--port", "0", "--runs", "runs"]
    env = _environment() | {"XDG_DATA_HOME": str(folder / "data")}  # of the trash
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, cwd=folder, env=env) as process:
        assert process.stdout
        try:
            found = re.match(r"(http://\S+?/)(#\S+)?\s", process.stdout.readline())
            assert found, "the server printed no address"
            _answers(found[1])
            yield found[1] + (found[2] or "")
        finally:
            process.terminate()


def _answers(address: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(f"{address}api/v1/health", timeout=5).close()
        except OSError:
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.1)
        else:
            return
