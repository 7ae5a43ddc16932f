"""Queries in which a known thing is small, turned, on a screen or on a shelf, among other things."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from likewise.demoset.shots import corners, homography

SIZES = ((640, 480), (800, 600), (480, 640), (720, 540))
Chance = np.random.Generator
Pile = Sequence[Path]


def small(chance: Chance, thing: Image.Image, pile: Pile) -> Image.Image:
    """4 to 8 per cent of the picture, hardly turned, among six other pictures."""
    canvas = _scattered(chance, pile, 6)
    _lay(canvas, thing, _quad(chance, thing, canvas, chance.uniform(0.04, 0.08), (0, 10)))
    return canvas


def turned(chance: Chance, thing: Image.Image, pile: Pile) -> Image.Image:
    """8 to 15 per cent of the picture, turned by 25 to 60 degrees, among five others."""
    canvas = _scattered(chance, pile, 5)
    _lay(canvas, thing, _quad(chance, thing, canvas, chance.uniform(0.08, 0.15), (25, 60)))
    return canvas


def shelf(chance: Chance, thing: Image.Image, pile: Pile) -> Image.Image:
    """One of twelve, in three rows of four."""
    canvas = _scattered(chance, pile, 0)
    place, width, height = int(chance.integers(12)), canvas.width / 4, canvas.height / 3
    for number in range(12):
        shown = thing if number == place else _any(chance, pile)
        fit = min((width - 6) / shown.width, (height - 6) / shown.height)
        corner = np.array([number % 4 * width + 3, number // 4 * height + 3])
        quad = corners((0, 0, 1, 1)) * np.array(shown.size) * fit + corner
        _lay(canvas, shown, quad + chance.uniform(-2, 2, (4, 2)))
    return canvas


def screen(chance: Chance, thing: Image.Image, pile: Pile) -> Image.Image:
    """On a screen: a part of a white page, with the beat of two rasters, from the side, before others."""
    pixels = np.asarray(thing, np.float32) * chance.uniform(0.7, 1.1, 3)
    y, x = np.mgrid[: thing.height, : thing.width]
    beat = 1 + 0.12 * np.sin(x * chance.uniform(0.8, 1.2) + y * chance.uniform(-0.3, 0.3))
    pixels = pixels * beat[:, :, None] + chance.uniform(10, 40)
    shown = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    page = Image.new("RGB", (2 * thing.width, 2 * thing.height), (235, 235, 235))
    corner = chance.uniform(0.05, 0.9, 2) * thing.size
    page.paste(shown, (int(corner[0]), int(corner[1])))
    page = ImageOps.expand(page, page.width // 40, tuple(int(v) for v in chance.integers(20, 235, 3)))
    canvas = _scattered(chance, pile, 3)
    _lay(canvas, page, _quad(chance, page, canvas, chance.uniform(0.3, 0.4), (0, 8), bent=0.08))
    return canvas


KINDS: dict[str, Callable[[Chance, Image.Image, Pile], Image.Image]] = {
    "small": small,
    "turned": turned,
    "shelf": shelf,
    "screen": screen,
}


def finished(chance: Chance, picture: Image.Image) -> Image.Image:
    """Light, noise and blur of a camera."""
    pixels = np.asarray(picture, np.float32) * chance.uniform(0.75, 1.2)
    pixels = pixels + chance.standard_normal((*pixels.shape[:2], 1)) * 4
    sharp = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return sharp.filter(ImageFilter.GaussianBlur(chance.uniform(0, 0.8)))


def _scattered(chance: Chance, pile: Pile, count: int) -> Image.Image:
    canvas = ImageOps.fit(_any(chance, pile), SIZES[int(chance.integers(len(SIZES)))])
    for _ in range(count):
        piece = _any(chance, pile)
        _lay(canvas, piece, _quad(chance, piece, canvas, 0.07, (0, 40), bent=0.08))
    return canvas


def _any(chance: Chance, pile: Pile) -> Image.Image:
    with Image.open(pile[int(chance.integers(len(pile)))]) as picture:
        return picture.convert("RGB")


def _quad(
    chance: Chance,
    thing: Image.Image,
    canvas: Image.Image,
    share: float,
    turn: tuple[float, float],
    bent: float = 0.05,
) -> np.ndarray:
    """Where a thing lies that covers a share of the canvas: four corners, all on it if it fits."""
    quad = (corners((0, 0, 1, 1)) - 0.5) * thing.size
    quad *= np.sqrt(share * canvas.width * canvas.height / (thing.width * thing.height))
    quad += chance.uniform(-bent, bent, (4, 2)) * np.ptp(quad, axis=0)
    angle = np.deg2rad(chance.uniform(*turn) * chance.choice([-1, 1]))
    quad = quad @ np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    quad *= min(1.0, float((0.96 * np.array(canvas.size) / np.ptp(quad, axis=0)).min()))
    room = np.array(canvas.size) - np.ptp(quad, axis=0)
    return np.asarray(quad - quad.min(axis=0) + chance.uniform(0, 1, 2) * room)


def _lay(canvas: Image.Image, thing: Image.Image, quad: np.ndarray) -> None:
    shrink = max(thing.size) / float(np.ptp(quad, axis=0).max())
    if shrink > 1:  # Pillow samples points
        thing = thing.resize([max(1, round(side / shrink)) for side in thing.size], Image.Resampling.LANCZOS)
    low = np.clip(np.floor(quad.min(axis=0)), 0, canvas.size).astype(int)
    high = np.clip(np.ceil(quad.max(axis=0)), 0, canvas.size).astype(int)
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    if min(size) < 1:
        return
    inverse = homography(quad - low, corners((0, 0, *thing.size))).ravel()[:8].tolist()
    how = (size, Image.Transform.PERSPECTIVE, inverse)
    mask = Image.new("L", thing.size, 255).transform(*how, Image.Resampling.BILINEAR)
    canvas.paste(thing.transform(*how, Image.Resampling.BICUBIC), (int(low[0]), int(low[1])), mask)
