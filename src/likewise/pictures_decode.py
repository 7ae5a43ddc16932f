"""From a file, bytes, a Pillow picture or an array to decoded pixels, or to one `BadPicture`.

Decoders are chosen by signature from a short list of picture formats, never by file name, and Pillow's
process-wide switches (its bomb limit, its tolerance of cut files, Python's warning filters inside threads)
stay as they are, so any number of threads may decode at once.
"""

from __future__ import annotations

import io
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageChops,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from likewise.errors import BadPicture, LikewiseError

Source: TypeAlias = str | os.PathLike[str] | bytes | Image.Image | NDArray[np.uint8]
"""A path, an encoded file, a Pillow picture or an array of pixels."""

# Damaged tags in a file are that file's matter, not the program's. A filter set once is safe where
# `catch_warnings`, which swaps the filters of all threads, is not.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.\w+ImagePlugin")

GIVEN = "the picture given"
_BYTE_ORDERS: dict[bytes, Literal["little", "big"]] = {b"II*\0": "little", b"MM\0*": "big"}
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


class _Jpeg(JpegImagePlugin.JpegImageFile):
    """A JPEG whose EXIF block is kept but not parsed.

    Pillow looks into it for the resolution, and warns when the block is broken.
    """

    def _read_dpi_from_exif(self) -> None:
        return


class _Tiff(TiffImagePlugin.TiffImageFile):
    """A TIFF without Pillow's own bomb check, which knows nothing of a limit that the user raised."""

    def load_prepare(self) -> None:
        if self._im is None:
            self.im = Image.new(self.mode, self._tile_size, None).im
        super().load_prepare()


# Formats whose signature leaves no doubt; the first picture of a JPEG with several (MPO) is the JPEG itself.
_DECODERS: dict[str, type[ImageFile.ImageFile]] = {
    "JPEG": _Jpeg,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "TIFF": _Tiff,
    "BMP": BmpImagePlugin.BmpImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "JPEG2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
}


@dataclass(frozen=True)
class Opened:
    """A picture whose header has been read.

    Attributes
    ----------
    name
        What messages call it.
    image
        Not decoded yet when it comes from a file.
    orientation
        EXIF orientation, 1 to 8, that turns ``image`` upright.
    size
        Width and height of the upright original.
    stream
        The file it comes from; None for a picture object of the caller, which must not be changed.
    """

    name: str
    image: Image.Image
    orientation: int
    size: tuple[int, int]
    stream: _Stream | None

    def decode(self, factor: Literal[1, 2, 4, 8] = 1) -> tuple[Image.Image, int]:
        """Decode to mode L or RGB, not turned yet.

        Parameters
        ----------
        factor
            How many times smaller than the original the result may be.

        Returns
        -------
        picture, factor
            A JPEG that was opened here is decoded smaller (by a smaller DCT), its sides rounded up; anything
            else whole, by factor 1. A point at ``x`` of the original lies at ``x / factor``.
        """
        with _reported(self.name, self.stream):
            if factor == 1 or not isinstance(self.image, _Jpeg):
                return to_rgb_or_grey(self.image), 1
            width, height = self.image.size
            drafted = self.image.draft(None, (max(1, width // factor), max(1, height // factor)))
            chosen = round(width / drafted[1][2]) if drafted else 1  # less, when a side is under ``factor``
            return to_rgb_or_grey(self.image), chosen


@contextmanager
def opened(source: Source) -> Iterator[Opened]:
    """Read the header of a picture, and close its file in the end.

    Raises
    ------
    BadPicture
        When there is no picture; `Opened.decode` raises it too.
    """
    if isinstance(source, np.ndarray):
        source = _from_array(source)
    if isinstance(source, Image.Image):
        yield _describe(GIVEN, source, None)
        return
    name = GIVEN if isinstance(source, bytes) else repr(os.fspath(source))
    with io.BytesIO(source) if isinstance(source, bytes) else _open_file(source, name) as file:
        stream = _Stream(file)
        with _reported(name, stream):
            image = _identify(stream, name)
        yield _describe(name, image, stream)


class _Stream:
    """A binary file that remembers whether more was asked of it than it holds."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.ran_out = False

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        # Decoders ask for large blocks, of which the last is short in an intact file too.
        if (size > 0 and not data) or len(data) < size < ImageFile.MAXBLOCK:
            self.ran_out = True
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def is_cut(self) -> bool:
        """Whether the file ends before its decoder or its container says it does."""
        length = self._file.seek(0, io.SEEK_END)
        self._file.seek(0)
        head = self._file.read(12)
        if head[:4] == b"RIFF":
            return int.from_bytes(head[4:8], "little") + 8 > length
        if head[4:8] == b"ftyp":
            return self._ends_of_boxes(length) > length
        return self.ran_out

    def _ends_of_boxes(self, length: int) -> int:
        """Where the last top-level box of an ISO base media file (AVIF, HEIC) should end."""
        at = 0
        while at < length:
            self._file.seek(at)
            head = self._file.read(16)
            size = int.from_bytes(head[:4], "big")
            if size == 1:
                size = int.from_bytes(head[8:16], "big")
            if size < 8:  # 0: to the end of the file; else not a box at all
                return length
            at += size
        return at


def _open_file(path: str | os.PathLike[str], name: str) -> IO[bytes]:
    """Open a regular file; a pipe or a device is refused without waiting for it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        raise BadPicture(f"{name} is not there", "vanished") from None
    except (OSError, ValueError) as error:
        raise BadPicture(f"{name} cannot be opened: {_text(error)}", "unreadable") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise BadPicture(f"{name} is a folder, a pipe or a device, not a file", "unreadable")
    return os.fdopen(handle, "rb")


def _identify(stream: _Stream, name: str) -> Image.Image:
    """Find the decoder for a file by its first bytes, and let it read the header."""
    head = stream.read(64)
    if not head:
        raise BadPicture(f"{name} is empty", "empty")
    stream.seek(0)
    stream.ran_out = False
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS and b"avif" not in head:
        return _heif(stream, name)
    for form, decoder in _DECODERS.items():
        accepts = Image.OPEN[form][1]
        accepted = accepts is not None and accepts(head)
        if isinstance(accepted, str):
            raise BadPicture(f"{name} is {form}, which this build of Pillow cannot read", "unreadable")
        if accepted:
            return decoder(cast(IO[bytes], stream))
    raise BadPicture(f"{name} is no picture of a known format", "not-a-picture")


def _heif(stream: _Stream, name: str) -> Image.Image:
    try:
        from pillow_heif import HeifImageFile  # the extra "heic"
    except ImportError:
        message = f"{name} is HEIC, which needs an optional package: pip install 'likewise[heic]'"
        raise BadPicture(message, "unreadable") from None
    return cast(Image.Image, HeifImageFile(stream))


def _from_array(array: NDArray[Any]) -> Image.Image:
    """A Pillow picture of a uint8 array."""
    shape = array.shape
    if array.dtype != np.uint8 or not (len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4))):
        raise BadPicture(
            f"an array of {array.dtype} and shape {shape} is no picture: give uint8 of shape "
            "(height, width), (height, width, 3) in RGB or (height, width, 4) in RGBA",
            "not-a-picture",
        )
    if array.size == 0:
        raise BadPicture(f"an array of shape {shape} holds no pixels", "empty")
    return Image.fromarray(np.ascontiguousarray(array))


@contextmanager
def _reported(name: str, stream: _Stream | None) -> Iterator[None]:
    """Turn what decoders raise into a `BadPicture`.

    Fed with damaged bytes they raise almost anything, so this one place catches every `Exception`.
    """
    try:
        yield
    except LikewiseError:
        raise
    except (MemoryError, Image.DecompressionBombError) as error:
        raise BadPicture(f"{name} is too large to decode: {_text(error)}", "too-large") from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise BadPicture(f"{name} cannot be read: {_text(error)}", "unreadable") from error
        if stream is not None and stream.is_cut():
            raise BadPicture(f"{name} is cut short: {_text(error)}", "truncated") from error
        raise BadPicture(f"{name} is damaged: {_text(error)}", "broken") from error


def _text(error: BaseException) -> str:
    """What an error says, without the file name that `OSError` repeats."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _describe(name: str, image: Image.Image, stream: _Stream | None) -> Opened:
    exif = image.info.get("exif")
    orientation = orientation_of(exif) if isinstance(exif, bytes) else 1
    width, height = image.size
    return Opened(name, image, orientation, (width, height) if orientation < 5 else (height, width), stream)


def orientation_of(exif: bytes) -> int:
    """Read the orientation tag (0x0112) of an EXIF block.

    Returns
    -------
    int
        1 to 8; 1 as well when the block is damaged or says nothing: a picture is worth more than its tags.
    """
    data = exif
    while data.startswith(b"Exif\0\0"):
        data = data[6:]
    order = _BYTE_ORDERS.get(data[:4])
    if order is None:
        return 1

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], order)

    first = number(4, 4) + 2  # the directory begins with the count of its entries of 12 bytes
    for at in range(first, min(first + 12 * number(first - 2, 2), len(data) - 11), 12):
        if number(at, 2) == 0x0112:
            value = number(at + 8, {1: 1, 4: 4}.get(number(at + 2, 2), 2))  # BYTE, LONG, else SHORT
            return value if 1 <= value <= 8 else 1
    return 1


def to_rgb_or_grey(image: Image.Image) -> Image.Image:
    """Bring any mode to L or RGB of 8 bits; what is transparent shows white.

    Colour profiles are not applied. CMYK becomes ``255 (1-c)(1-k)`` a channel.
    """
    image.load()
    if image.mode.startswith("I") or image.mode == "F":
        return _to_eight_bits(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(rgba, mask=rgba)
        return white
    if image.mode in ("RGB", "L"):
        return image
    if image.mode == "CMYK" and isinstance(image, _Jpeg) and "adobe" not in image.info:
        image = ImageChops.invert(image)  # Pillow takes every JPEG for Adobe's, which store 255 - ink
    return image.convert("L" if image.mode == "1" else "RGB")


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit, 32-bit and float grey to 0..255.

    16 bits are divided by 257. Other numbers have no agreed range: the first of 0..1, 0..255, 0..65535 that
    holds them all is taken for it, and when none does (or some are negative) they are stretched from their
    least to their greatest. What is not finite counts as the least or greatest number.
    """
    values = np.asarray(image).astype(np.float32)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PPM", "PNG")):
        start, top = 0.0, 65535.0
    elif low >= 0 and high <= 65535:
        start, top = 0.0, 1.0 if high <= 1 else 255.0 if high <= 255 else 65535.0
    else:
        start, top = low, high
    values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    scaled = (values - start) * (255 / (top - start or 1.0))
    return Image.fromarray(np.floor(scaled + 0.5).astype(np.uint8))
