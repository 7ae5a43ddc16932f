"""Draw the pictures of docs/how-to/inspect.md: `python docs/gallery.py`. The scene is drawn here too."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

import likewise as lw
from likewise.descriptors.extractor import Extractor
from likewise.drawing.sheets import explanation_sheet, field_sheet, map_sheet
from likewise.explaining import explain

FOLDER = Path(__file__).parent / "how-to" / "pictures"
SIZE = (640, 480)


def scene(seed: int, *, left: int, light: float) -> Image.Image:
    """A house under a sky, with a tree, a fence and a sun; ``left`` moves the house, ``light`` the hour."""
    chance = np.random.default_rng(seed)
    width, height = SIZE
    sky = np.linspace(0, 1, height)[:, None, None] * np.array([90, 60, 10]) + np.array([120, 165, 225])
    picture = Image.fromarray(np.broadcast_to(sky, (height, width, 3)).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((width - 130, 40, width - 60, 110), fill="#fff3b0")
    draw.polygon(
        [(0, 330), (160, 230), (330, 320), (520, 210), (640, 300), (640, 480), (0, 480)], fill="#5d8a4a"
    )
    draw.rectangle((0, 370, width, height), fill="#7aa955")
    house(draw, left)
    tree(draw, (left + 420) % 560 + 30)
    for x in range(0, width, 26):
        draw.rectangle((x, 410, x + 8, 470), fill="#e8ddc8", outline="#8d7c5d")
    draw.rectangle((0, 425, width, 433), fill="#e8ddc8", outline="#8d7c5d")
    pixels = np.asarray(picture.filter(ImageFilter.GaussianBlur(0.8)), np.float64) * light
    return Image.fromarray(np.clip(pixels + chance.normal(0, 6, pixels.shape), 0, 255).astype(np.uint8))


def house(draw: ImageDraw.ImageDraw, left: int) -> None:
    """Brick walls, a red roof, a door and windows."""
    draw.rectangle((left, 220, left + 240, 410), fill="#b5654a")
    for row, y in enumerate(range(220, 410, 12)):
        draw.line((left, y, left + 240, y), fill="#d8b8a0")
        for x in range(left + (row % 2) * 12, left + 240, 24):
            draw.line((x, y, x, y + 12), fill="#d8b8a0")
    draw.polygon([(left - 24, 220), (left + 120, 120), (left + 264, 220)], fill="#8c2f2a")
    draw.rectangle((left + 170, 120, left + 200, 180), fill="#7a4a3a")
    draw.rectangle((left + 98, 310, left + 142, 410), fill="#4a3526")
    for x in (left + 28, left + 168):
        draw.rectangle((x, 260, x + 46, 310), fill="#cfe6f5", outline="#ffffff", width=4)
        draw.line((x + 23, 260, x + 23, 310), fill="#ffffff", width=3)


def tree(draw: ImageDraw.ImageDraw, x: int) -> None:
    """A trunk and a crown of circles."""
    draw.rectangle((x - 9, 300, x + 9, 412), fill="#5a3d28")
    for dx, dy in ((-34, 0), (34, 0), (0, -36), (-18, -22), (18, -22), (0, 6)):
        draw.ellipse((x + dx - 36, 262 + dy - 34, x + dx + 36, 262 + dy + 34), fill="#2f6b3a")


def main() -> None:
    """Write every picture, small enough for a page."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    first, second = scene(1, left=120, light=1.0), scene(2, left=260, light=0.75)
    found = lw.inspect("efficientnet-lite0", first)
    stem, answer = found.view("stem"), found.view("probabilities")
    map_sheet(found, stem, FOLDER / "stem.webp")
    map_sheet(found, stem, FOLDER / "stem-map.webp", scale="map")
    map_sheet(found, answer, FOLDER / "probabilities.webp")
    for tap, top in (("block4", 24), ("head", 48)):
        strongest = lw.inspect("efficientnet-lite0", first, [tap], top=top)
        map_sheet(strongest, strongest.view(tap), FOLDER / f"{tap}.webp")
    field_sheet(found, found.view("block4").tap, (15, 14), FOLDER / "cell.webp")
    with TemporaryDirectory() as folder:
        paths = Path(folder) / "morning.png", Path(folder) / "evening.png"
        for path, picture in zip(paths, (first, second), strict=True):
            picture.save(path)
        explanation_sheet(*paths, explain(Extractor("default"), *paths), FOLDER / "explain.webp")


if __name__ == "__main__":
    main()
