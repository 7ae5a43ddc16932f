"""Pictures to draw, and where on what was drawn a colour is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def picture(
    path: Path, colour: tuple[int, int, int] = (90, 110, 130), size: tuple[int, int] = (300, 200)
) -> Path:
    Image.new("RGB", size, colour).save(path)
    return path


def drawn(path: Path) -> np.ndarray:
    with Image.open(path) as sheet:
        return np.asarray(sheet.convert("RGB")).astype(int)


def places(sheet: np.ndarray, colour: tuple[int, int, int] | str) -> np.ndarray:
    """Positions (x, y) of the pixels of a colour."""
    rgb = tuple(bytes.fromhex(colour[1:])) if isinstance(colour, str) else colour
    return np.argwhere((np.abs(sheet - np.array(rgb)) <= 3).all(axis=2))[:, ::-1]


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size
