"""How pictures are turned upright, by the eight orientations of EXIF."""

from __future__ import annotations

from PIL import Image

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def as_stored(
    region: tuple[int, int, int, int], size: tuple[int, int], orientation: int
) -> tuple[int, int, int, int]:
    """Where a region of the upright picture, whose size is given, lies in the picture as it is stored."""
    x1, y1, x2, y2 = region
    width, height = size
    if orientation in (2, 3, 6, 7):
        x1, x2 = width - x2, width - x1
    if orientation in (3, 4, 7, 8):
        y1, y2 = height - y2, height - y1
    return (x1, y1, x2, y2) if orientation < 5 else (y1, x1, y2, x2)
