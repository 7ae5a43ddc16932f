"""From numbers of any depth to the 256 steps of a picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.types import UInt8Array


@dataclass(frozen=True)
class Range:
    """The numbers that stand for black and for white.

    What is not finite counts as ``low`` or ``high``, the least and the greatest finite number.
    """

    black: float
    white: float
    low: float = 0.0
    high: float = 0.0

    @classmethod
    def of(cls, parts: Iterable[NDArray[Any]], *, whole: bool = False) -> Range:
        """The range of a picture's numbers where no depth says it.

        The first of 0..1 (not of whole numbers), 0..255, 0..65535 that holds them all is taken, for unsigned
        whole numbers (``whole``) also 0..2^32-1; when none does, they are stretched from their least to
        their greatest.
        """
        least, most = np.inf, -np.inf
        for part in parts:
            values = part if whole else part[np.isfinite(part)]
            if values.size:
                least, most = min(least, float(values.min())), max(most, float(values.max()))
        if least > most:
            return cls(0.0, 1.0)
        if least >= 0:
            tops = (255.0, 65535.0, 4294967295.0) if whole else (1.0, 255.0, 65535.0)
            for top in tops:
                if most <= top:
                    return cls(0.0, top, least, most)
        return cls(least, most, least, most)


def eight_bits(values: NDArray[Any], how: Range) -> UInt8Array:
    """Numbers of any shape as 0..255, a half rounded up: 16 bits are divided by 257."""
    if values.dtype == np.uint8 and how.white == 255:
        return values
    if values.dtype.kind == "u" and values.dtype.itemsize < 4:
        steps = np.arange(int(how.white) + 1, dtype=np.uint32) * 510 + int(how.white)
        shades: UInt8Array = (steps // (2 * int(how.white))).astype(np.uint8)[values]
        return shades
    exact = values.astype(np.float64)
    exact = np.nan_to_num(exact, nan=how.low, posinf=how.high, neginf=how.low)
    scaled = (exact - how.black) * 255 / (how.white - how.black or 1.0)
    rounded: UInt8Array = np.clip(np.floor(scaled + 0.5), 0, 255).astype(np.uint8)
    return rounded


def over_white(
    colours: UInt8Array, alpha: UInt8Array, *, premultiplied: bool = False, white: int = 255
) -> UInt8Array:
    """Colours of shape ``(..., c)`` laid over white by their opacity ``(..., 1)``.

    ``white`` is 0 where the numbers are ink.
    """
    opaque = alpha.astype(np.uint32)
    seen = colours.astype(np.uint32) * (255 if premultiplied else opaque) + white * (255 - opaque)
    shown: UInt8Array = np.minimum((seen + 127) // 255, 255).astype(np.uint8)
    return shown
