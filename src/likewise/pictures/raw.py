"""RAW files of cameras, by the finished picture that the camera put into them.

What the sensor saw is not developed: it would look otherwise in every program, and otherwise than the JPEG
beside it. LibRaw finds that picture; it is decoded as any other JPEG.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from likewise.errors import BadPicture
from likewise.pictures.metadata import Metadata
from likewise.pictures.stored import Factor, PillowPicture, Stored
from likewise.pictures.stream import Stream
from likewise.pictures.tags import Read, first, pages
from likewise.pictures.tiff import PHOTOMETRIC, Unsupported

SUFFIXES = frozenset(
    ".dng .cr2 .cr3 .crw .nef .nrw .arw .sr2 .srf .orf .raf .rw2 .pef .srw .rwl .3fr .iiq .x3f .mrw".split()
)
"""Lower-case endings of RAW files."""

SENSOR = frozenset({32803, 34892})
"""Photometric interpretations of pages that hold what a sensor saw: colour filter array and linear RAW."""

MARKS = (
    (0, b"IIRO"), (0, b"IIRS"), (0, b"MMOR"), (0, b"IIU\0"), (0, b"FUJIFILMCCD-RAW"), (0, b"FOVb"),
    (0, b"\0MRM"), (4, b"ftypcrx "), (6, b"HEAPCCDR"), (8, b"CR\x02"),
)  # fmt: skip
"""First bytes of RAW files that are no TIFF, or one in which a preview stands for the picture, and where."""

_LONGEST = 1 << 29
"""Bytes of a RAW file that is read; the largest of cameras have a quarter of that."""

_FLIPS = {3: 3, 5: 8, 6: 6}
"""Orientations by LibRaw's number."""


@dataclass(frozen=True)
class RawPicture:
    """The preview of a RAW file; see `likewise.pictures.stored.Stored`.

    Attributes
    ----------
    preview
        A JPEG, or what an old camera wrote for one.
    orientation
        What the file says; LibRaw tells the preview the same.
    told
        What the file says, where it is built like a TIFF.
    """

    preview: Stored
    orientation: int
    told: Metadata

    format = "RAW"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the preview."""
        return self.preview.size

    @property
    def profile(self) -> bytes:
        """The ICC profile of the preview."""
        return self.preview.profile

    @property
    def metadata(self) -> Metadata:
        """Metadata of the file, or else the preview."""
        return self.told if self.told.exif else self.preview.metadata

    def cost(self, factor: Factor) -> int:
        """Bytes that decoding the preview takes."""
        return self.preview.cost(factor)

    def decode(self, factor: Factor) -> tuple[Image.Image, int]:
        """The preview."""
        return self.preview.decode(factor)


def holds_sensor(read: Read) -> bool:
    """Whether a page of a TIFF file holds what a sensor saw."""
    return any(page.number(PHOTOMETRIC, 0) in SENSOR for page in pages(read))


def raw(stream: Stream, name: str, identify: Callable[[Stream, str], Stored]) -> RawPicture:
    """Find the preview, and have its header read.

    Raises `BadPicture` when the optional package is missing, or the file is larger than any of a camera;
    `Unsupported` when there is no preview, or LibRaw does not know the camera.
    """
    try:
        import rawpy  # the extra "raw"
    except ImportError:
        message = f"{name} is RAW, which needs an optional package: pip install 'likewise[raw]'"
        raise BadPicture(message, "unreadable") from None
    if stream.length > _LONGEST:
        raise BadPicture(f"{name} has {stream.length} bytes, more than a RAW file of any camera", "too-large")
    try:
        with rawpy.imread(io.BytesIO(stream.at(0, stream.length))) as file:
            thumb, flip = file.extract_thumb(), file.sizes.flip
    except (
        rawpy.LibRawNoThumbnailError,
        rawpy.LibRawUnsupportedThumbnailError,
        rawpy.LibRawFileUnsupportedError,
    ) as error:
        raise Unsupported(f"RAW without a preview that LibRaw can read ({error})") from error
    if isinstance(thumb.data, bytes):
        preview = identify(Stream(io.BytesIO(thumb.data)), f"the preview of {name}")
    else:
        preview = PillowPicture(Image.fromarray(thumb.data))
    return RawPicture(preview, _FLIPS.get(flip, 1), Metadata(first(stream.at)))
