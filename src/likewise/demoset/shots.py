"""Render one shot of a subject: geometry by homographies, then light, blur and noise.

A quad is four corners in order left top, right top, right bottom, left bottom; float64, shape ``(4, 2)``,
x before y. All chance comes from the generator that is handed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from likewise.demoset.subjects import SCENES, Album, Rectangle, SubjectView

Points: TypeAlias = NDArray[np.float64]
Quad: TypeAlias = NDArray[np.float64]
Chance: TypeAlias = np.random.Generator
Cut: TypeAlias = Literal["box", "ellipse"]

_ASPECTS = (4 / 3, 4 / 3, 3 / 4, 3 / 2, 2 / 3, 16 / 9, 1.0)
_LONG_SIDES = (400, 480, 560, 640, 720)


@dataclass(frozen=True)
class Shot:
    """A picture and the outline of its subject in it, shape ``(n, 2)``; None for a scene without one."""

    picture: Image.Image
    outline: Points | None = None


@dataclass(frozen=True)
class ShotLayout:
    """How a subject is laid into a scene.

    Attributes
    ----------
    share
        Part of the canvas that it covers, from and to.
    turn
        Largest rotation either way, in degrees.
    under, over
        How many fragments of other scenes lie around it, and how many hide parts of it.
    """

    share: tuple[float, float]
    turn: float
    under: int = 0
    over: int = 0


def outline(rectangle: Rectangle, *, round: bool) -> Points:
    """The corners of a rectangle, or points along the ellipse in it."""
    quad = corners(rectangle)
    if not round:
        return quad
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    unit = np.column_stack([np.cos(angles), np.sin(angles)])
    return np.asarray(quad.mean(axis=0) + unit * np.ptp(quad, axis=0) / 2)


def corners(rectangle: Rectangle) -> Quad:
    """The quad of a rectangle."""
    x1, y1, x2, y2 = rectangle
    return np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], dtype=np.float64)


def homography(source: Quad, target: Quad) -> NDArray[np.float64]:
    """The 3 x 3 matrix that takes the corners of ``source`` to those of ``target``, its last entry 1.

    Hartley and Zisserman, Multiple View Geometry (2nd ed.), section 4.1, with the last entry fixed.
    """
    rows = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows.append((x, y, 1, 0, 0, 0, -u * x, -u * y))
        rows.append((0, 0, 0, x, y, 1, -v * x, -v * y))
    return np.append(np.linalg.solve(np.array(rows), target.ravel()), 1.0).reshape(3, 3)


def project(matrix: NDArray[np.float64], points: Points) -> Points:
    """Points taken through a homography."""
    moved = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return np.asarray(moved[:, :2] / moved[:, 2:])


def in_place(chance: Chance, album: Album, view: SubjectView, *, close: bool, round: bool) -> Shot:
    """The subject where it was photographed, from another standpoint; ``close`` shows only a part of it."""
    low, high = (0.5, 0.7) if close else (0.85, 1.45)
    window = _window(chance, view, chance.uniform(low, high, 2))
    width, height = np.ptp(window, axis=0)
    side = min(int(chance.choice(_LONG_SIDES)), 3.2 * max(width, height))
    width, height = np.array([width, height]) * chance.uniform(0.85, 1.15, 2)
    shrunk = side / max(width, height)
    canvas = Image.new("RGB", (max(64, int(width * shrunk)), max(64, int(height * shrunk))))
    target = corners((0, 0, *canvas.size))
    _warp(canvas, album[view.photo], window, target)
    return Shot(canvas, project(homography(window, target), outline(view.box, round=round)))


def pasted(chance: Chance, album: Album, view: SubjectView, layout: ShotLayout, *, round: bool) -> Shot:
    """The subject laid into a scene, cut out as an ellipse if it is ``round``."""
    canvas = scene(chance, album).picture
    share = chance.uniform(*layout.share)
    quad = _tilted(chance, view.box, canvas.size, share, layout.turn)
    for _ in range(layout.under):
        _fragment(chance, album, canvas, chance.uniform((0, 0), canvas.size), 0.1)
    _warp(canvas, album[view.photo], corners(view.box), quad, cut="ellipse" if round else "box")
    for corner in chance.permutation(4)[: layout.over]:
        middle = quad[corner] + 0.22 * (quad.mean(axis=0) - quad[corner])
        _fragment(chance, album, canvas, middle, share * 0.24)
    return Shot(canvas, project(homography(corners(view.box), quad), outline(view.box, round=round)))


def scene(chance: Chance, album: Album) -> Shot:
    """A part of a scene, in colours of its own."""
    aspect, side = chance.choice(_ASPECTS), int(chance.choice(_LONG_SIDES))
    size = (side, round(side / aspect)) if aspect >= 1 else (round(side * aspect), side)
    canvas = Image.new("RGB", size)
    _warp(canvas, *_scenery(chance, album, aspect), corners((0, 0, *size)))
    return Shot(_tinted(canvas, chance.uniform(0.75, 1.1, 3), 1.0))


def cluttered(chance: Chance, album: Album, pieces: int) -> Shot:
    """A scene with so many pieces of others on it."""
    shot = scene(chance, album)
    for _ in range(pieces):
        middle = chance.uniform((0, 0), shot.picture.size)
        _fragment(chance, album, shot.picture, middle, float(chance.uniform(0.05, 0.3)))
    return shot


def altered(chance: Chance, picture: Image.Image, behind: Image.Image) -> Image.Image:
    """A view of the middle of a picture, tilted, laid on another picture and lit anew."""
    canvas = behind.copy()
    width, height = picture.size
    inset = 0.5 * (1 - chance.uniform(0.6, 0.9, 2)) * (width, height)
    source = (int(inset[0]), int(inset[1]), int(width - inset[0]), int(height - inset[1]))
    quad = _tilted(chance, source, canvas.size, float(chance.uniform(0.2, 0.5)), 15)
    _warp(canvas, picture, corners(source), quad, cut="box")
    return lit(chance, canvas, 0.5)


def lit(chance: Chance, picture: Image.Image, harsh: float) -> Image.Image:
    """Exposure, colour cast, a shadow across, blur and noise; ``harsh`` in 0..1 is how much of them."""
    cast = 1 + harsh * chance.uniform(-0.3, 0.3, 3)
    picture = _tinted(picture, cast, float(np.exp(harsh * chance.uniform(-0.8, 0.8))))
    radius = harsh * chance.uniform(0.3, 2.2) * max(picture.size) / 640
    picture = picture.filter(ImageFilter.GaussianBlur(radius))
    width, height = picture.size
    slope = chance.uniform(-0.55, 0.55, 2) * harsh
    across = (
        1 + slope[0] * np.linspace(-1, 1, width)[None, :] + slope[1] * np.linspace(-1, 1, height)[:, None]
    )
    pixels = np.asarray(picture) * across.astype(np.float32)[..., None]
    pixels += chance.standard_normal((height, width, 1), dtype=np.float32) * (2 + 6 * harsh)
    return Image.fromarray(np.clip(pixels, 0, 255, out=pixels).astype(np.uint8))


def _window(chance: Chance, view: SubjectView, shares: NDArray[np.float64]) -> Quad:
    """A quad inside the view's frame, about the subject, with sides of ``shares`` of the subject's."""
    box, frame = corners(view.box), corners(view.frame)
    sides = np.ptp(box, axis=0) * shares
    middle = box.mean(axis=0) + chance.uniform(-0.5, 0.5, 2) * np.abs(np.ptp(box, axis=0) - sides)
    quad = middle + (corners((0, 0, 1, 1)) - 0.5) * sides
    quad += chance.uniform(-0.11, 0.11, (4, 2)) * sides
    return np.asarray(np.clip(quad, frame[0], frame[2]))


def _tilted(chance: Chance, box: Rectangle, size: tuple[int, int], share: float, turn: float) -> Quad:
    """Where a pasted subject lies: rotated, in perspective, wholly on the canvas if it fits at all."""
    quad = corners(box) - corners(box).mean(axis=0)
    width, height = np.ptp(quad, axis=0)
    quad *= np.sqrt(share * size[0] * size[1] / (width * height))
    quad += chance.uniform(-0.1, 0.1, (4, 2)) * np.ptp(quad, axis=0)
    angle = np.deg2rad(chance.uniform(-turn, turn))
    quad @= np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    quad *= min(1.0, float((0.96 * np.array(size) / np.ptp(quad, axis=0)).min()))
    room = np.array(size) - np.ptp(quad, axis=0)
    return np.asarray(quad - quad.min(axis=0) + chance.uniform(0, 1, 2) * room)


def _fragment(
    chance: Chance, album: Album, canvas: Image.Image, middle: NDArray[np.float64], share: float
) -> None:
    """A tilted piece of a scene laid on the canvas."""
    aspect = float(chance.uniform(0.6, 1.6))
    photo, source = _scenery(chance, album, aspect, largest=0.6)
    quad = _tilted(chance, (0, 0, round(100 * aspect), 100), canvas.size, share, 45)
    _warp(canvas, photo, source, quad - quad.mean(axis=0) + middle, cut="box")


def _scenery(chance: Chance, album: Album, aspect: float, largest: float = 1.0) -> tuple[Image.Image, Quad]:
    """A photograph and a quad in it that shows only scene, of about the wanted aspect."""
    photo, frame = SCENES[chance.integers(len(SCENES))]
    area = corners(frame)
    width, height = np.ptp(area, axis=0)
    sides = (
        np.array([min(width, height * aspect), min(height, width / aspect)])
        * chance.uniform(0.5, 1)
        * largest
    )
    corner = area[0] + chance.uniform(0, 1, 2) * (area[2] - area[0] - sides)
    quad = corner + corners((0, 0, 1, 1)) * sides
    return album[photo], quad[[1, 0, 3, 2]] if chance.random() < 0.5 else quad


def _tinted(picture: Image.Image, cast: NDArray[np.float64], gamma: float) -> Image.Image:
    """Each channel scaled by ``cast`` after ``gamma``."""
    levels = 255 * (np.arange(256) / 255) ** gamma
    table = np.clip(levels[None, :] * cast[:, None], 0, 255).round().astype(int)
    return picture.point(table.ravel().tolist())


def _warp(
    canvas: Image.Image, photo: Image.Image, source: Quad, target: Quad, *, cut: Cut | None = None
) -> None:
    """Draw the ``source`` quad of a photograph into the ``target`` quad of the canvas.

    With ``cut`` nothing outside the quad, or outside the ellipse in it, is drawn. Pillow samples points, so a
    photograph that shrinks is made smaller first.
    """
    shrink = float(np.sqrt(_area(source) / _area(target)))
    if shrink > 1:
        width, height = (max(1, round(side / shrink)) for side in photo.size)
        source = source * np.array([width / photo.width, height / photo.height])
        photo = photo.resize((width, height), Image.Resampling.LANCZOS)
    low = np.clip(np.floor(target.min(axis=0)), 0, canvas.size).astype(int)
    high = np.clip(np.ceil(target.max(axis=0)), 0, canvas.size).astype(int)
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    if min(size) == 0:
        return
    inverse = homography(target - low, source).ravel()[:8].tolist()
    how = (size, Image.Transform.PERSPECTIVE, inverse)
    mask = _mask(photo.size, source, cut).transform(*how, Image.Resampling.BILINEAR) if cut else None
    canvas.paste(photo.transform(*how, Image.Resampling.BICUBIC), (int(low[0]), int(low[1])), mask)


def _mask(size: tuple[int, int], quad: Quad, cut: Cut) -> Image.Image:
    """White inside the rectangle round ``quad``, or the ellipse in it, and black outside."""
    mask = Image.new("L", size)
    bounds = (*quad.min(axis=0), *(quad.max(axis=0) - 1))
    draw = ImageDraw.Draw(mask)
    (draw.ellipse if cut == "ellipse" else draw.rectangle)(bounds, fill=255)
    return mask


def _area(quad: Quad) -> float:
    """Area of a quad by the shoelace formula."""
    (x, y), (u, v) = quad.T, np.roll(quad, -1, axis=0).T
    return float(abs((x * v - u * y).sum()) / 2)
