"""The blocks in which a file says more about its picture than pixels: EXIF, XMP and IPTC."""

from __future__ import annotations

from dataclasses import dataclass

from likewise.pictures.tags import Directory

IPTC = 0x0404
"""The image resource of Photoshop that holds it."""


@dataclass(frozen=True)
class Metadata:
    """Blocks that there are.

    Attributes
    ----------
    exif
        The first directory; that of a TIFF file is the page itself.
    xmp
        A packet of RDF.
    iptc
        Data sets of IPTC-IIM 4.
    """

    exif: Directory | None = None
    xmp: bytes = b""
    iptc: bytes = b""


def iptc_of_resources(data: bytes) -> bytes:
    """The IPTC block among the image resources that Photoshop writes; empty when there is none."""
    at = 0
    while data[at : at + 4] == b"8BIM" and at + 12 <= len(data):
        kind, name = int.from_bytes(data[at + 4 : at + 6], "big"), data[at + 6]
        start = at + 6 + (name + 2) // 2 * 2  # its length and it are padded to an even number of bytes
        size = int.from_bytes(data[start : start + 4], "big")
        if kind == IPTC:
            return data[start + 4 : start + 4 + size]
        at = start + 4 + (size + 1) // 2 * 2
    return b""
