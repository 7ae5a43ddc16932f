"""PSD files, by the picture of all layers together that Photoshop keeps in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, cast

from PIL import Image, ImageChops, PsdImagePlugin

from likewise.pictures.metadata import IPTC, Metadata
from likewise.pictures.stored import Factor, PillowPicture
from likewise.pictures.stream import Stream
from likewise.pictures.tags import of_exif
from likewise.pictures.tiff import Unsupported

_MODES = {0: 1, 1: 8, 2: 8, 3: 8, 4: 8}
"""Colour modes that are read and bits of a channel: bitmap, grey, palette, RGB and CMYK."""

VERSION, EXIF, XMP = 1057, 1058, 1060
"""Image resources."""


@dataclass(frozen=True)
class PsdPicture(PillowPicture):
    """A PSD file; see `likewise.pictures.stored.Stored`."""

    @property
    def metadata(self) -> Metadata:
        """EXIF, XMP and IPTC, each in a resource of its own."""
        exif = _resource(self._file, EXIF)
        return Metadata(
            of_exif(exif) if exif else None, _resource(self._file, XMP), _resource(self._file, IPTC)
        )

    def decode(self, factor: Factor) -> tuple[Image.Image, int]:
        """The picture in mode L, RGB or CMYK.

        Where it is transparent it is mixed with white already, and a fourth channel need not be opacity.
        """
        self.image.load()
        shown = self.image
        if shown.mode == "RGBA":
            shown = shown.convert("RGB")
        elif shown.mode == "1":  # of which a set bit is black, and Pillow shows it white
            shown = ImageChops.invert(shown)
        return PillowPicture(shown, self.format).decode(factor)

    @property
    def _file(self) -> PsdImagePlugin.PsdImageFile:
        return cast(PsdImagePlugin.PsdImageFile, self.image)


def psd(stream: Stream) -> PsdPicture:
    """Read the header.

    Raises `Unsupported` when it is of a kind that is not read.
    """
    head = stream.at(0, 26)
    version, bits, mode = (int.from_bytes(head[at : at + 2], "big") for at in (4, 22, 24))
    if version != 1:
        raise Unsupported("a large document (PSB)")
    if bits != _MODES.get(mode, bits + 1):
        raise Unsupported(f"a PSD of colour mode {mode} and {bits} bits a channel")
    stream.seek(0)
    image = PsdImagePlugin.PsdImageFile(cast(IO[bytes], stream))
    resource = _resource(image, VERSION)
    if len(resource) >= 5 and not resource[4]:
        raise Unsupported("a PSD that was saved without the picture of all layers together")
    return PsdPicture(image, "PSD")


def _resource(image: PsdImagePlugin.PsdImageFile, kind: int) -> bytes:
    return next((data for number, _, data in image.resources if number == kind), b"")
