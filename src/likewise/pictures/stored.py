"""Interface of a format: a picture as it is stored, its header read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from PIL import Image

from likewise.pictures.colour import to_eight_bits
from likewise.pictures.metadata import IPTC, Metadata
from likewise.pictures.tags import of_exif, orientation_of

Factor: TypeAlias = Literal[1, 2, 4, 8]
"""How many times smaller a picture is decoded."""


class Stored(Protocol):
    """A picture as a format stores it, its header read."""

    @property
    def format(self) -> str:
        """The format's name."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as it is stored."""

    @property
    def orientation(self) -> int:
        """EXIF orientation, 1 to 8, that turns it upright."""

    @property
    def profile(self) -> bytes:
        """Its ICC profile, empty if it has none."""

    @property
    def metadata(self) -> Metadata:
        """Its metadata of the picture."""

    def cost(self, factor: Factor) -> int:
        """Bytes of memory that `decode` takes at most."""

    def decode(self, factor: Factor) -> tuple[Image.Image, int]:
        """Decode to mode L, RGB or CMYK, up to ``factor`` times smaller; give by how much it was."""


_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
"""Bytes of a pixel in Pillow's modes, 4 in all others."""

_WITHIN = {"WEBP": 12, "AVIF": 8, "HEIF": 8, "JPEG2000": 16, "GIF": 4}
"""Bytes of a pixel that decoders hold besides the picture; measured by benchmarks/decoding."""


@dataclass(frozen=True)
class PillowPicture:
    """A picture that Pillow decodes, or one that the caller gave; see `Stored`."""

    image: Image.Image
    format: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as it is stored."""
        return self.image.size

    @property
    def orientation(self) -> int:
        """EXIF orientation, 1 to 8."""
        exif = self.image.info.get("exif")
        return orientation_of(exif) if isinstance(exif, bytes) else 1

    @property
    def metadata(self) -> Metadata:
        """EXIF, XMP and IPTC, as far as Pillow hands them out."""
        info = self.image.info
        exif, xmp, resources = info.get("exif"), info.get("xmp"), info.get("photoshop")
        iptc = resources.get(IPTC) if isinstance(resources, dict) else None
        return Metadata(
            of_exif(exif) if isinstance(exif, bytes) else None,
            xmp if isinstance(xmp, bytes) else b"",
            iptc if isinstance(iptc, bytes) else b"",
        )

    @property
    def profile(self) -> bytes:
        """The ICC profile."""
        profile = self.image.info.get("icc_profile")
        return profile if isinstance(profile, bytes) else b""

    def cost(self, factor: Factor) -> int:
        """Bytes that decoding takes."""
        del factor
        width, height = self.size
        held = _BYTES.get(self.image.mode, 4) + _WITHIN.get(self.format, 0)
        return width * height * (held + self._converted())

    def _converted(self) -> int:
        """Bytes of a pixel of the copies that other modes and colours take."""
        if self.profile:
            return 4 if self.image.mode in ("RGB", "L", "CMYK") else 8
        if self.image.mode in ("RGB", "L") and not self.image.has_transparency_data:
            return 0
        return 1 if self.image.mode[0] in "1IF" else 4

    def decode(self, factor: Factor) -> tuple[Image.Image, int]:
        """The picture in mode L, RGB or CMYK."""
        del factor
        return to_eight_bits(self.image), 1
