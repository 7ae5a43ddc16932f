"""The formats that are read, by the first bytes of a file, and those of them that Pillow decodes."""

from __future__ import annotations

from importlib.util import find_spec
from typing import IO, cast

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from likewise.errors import BadPicture
from likewise.pictures import jxl as jpeg_xl
from likewise.pictures import raw as raws
from likewise.pictures.jpeg import JpegFile, JpegPicture, check_frame
from likewise.pictures.netpbm import MARK, netpbm
from likewise.pictures.photoshop import psd
from likewise.pictures.png import png
from likewise.pictures.stored import PillowPicture, Stored
from likewise.pictures.stream import Stream
from likewise.pictures.tiff import Unsupported, tiff

OPTIONAL = {
    "raw": ("rawpy", raws.SUFFIXES),
    "jxl": ("pillow_jxl", frozenset({".jxl"})),
}
"""By extra the module that decodes some files, and their endings; without it a walk passes them over."""

SUFFIXES: frozenset[str] = frozenset(
    ".jpg .jpeg .jpe .jfif .mpo .png .apng .gif .webp .avif .heic .heif .hif .tif .tiff .bmp .dib "
    ".jp2 .j2k .jpx .jpf .ppm .pgm .pbm .pnm .pfm .psd".split()
).union(*(suffixes for module, suffixes in OPTIONAL.values() if find_spec(module)))
"""Lower-case endings by which a folder walk takes a file for a picture; its first bytes decide what it is."""

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


# Formats whose signature leaves no doubt; the first picture of a JPEG with several (MPO) is the JPEG itself.
_DECODERS: dict[str, type[ImageFile.ImageFile]] = {
    "JPEG": JpegFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "JPEG2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
}


def identify(stream: Stream, name: str) -> Stored:
    """Find the decoder for a file by its first bytes, and let it read the header.

    Raises `BadPicture` when the file is of no known format; decoders raise what they like.
    """
    head = stream.at(0, 64)
    if not head:
        raise BadPicture(f"{name} is empty", "empty")
    stream.seek(0)
    if own := _own(head, stream, name):
        return own
    for form, decoder in _DECODERS.items():
        accepts = Image.OPEN[form][1]
        accepted = accepts is not None and accepts(head)
        if isinstance(accepted, str):
            raise BadPicture(f"{name} is {form}, which this build of Pillow cannot read", "unsupported")
        if accepted:
            return _stored(form, decoder, stream, name)
    raise BadPicture(f"{name} is no picture of a known format", "not-a-picture")


def _own(head: bytes, stream: Stream, name: str) -> Stored | None:
    """One of the formats of which more than Pillow's decoder is needed."""
    if any(head[at : at + len(mark)] == mark for at, mark in raws.MARKS):
        return raws.raw(stream, name, identify)
    if head.startswith(_TIFF_MARKS):
        return _tiff(stream, name)
    if head.startswith((jpeg_xl.BARE, jpeg_xl.BOXED)):
        return jpeg_xl.jxl(stream, name)
    if head.startswith(b"8BPS"):
        return psd(stream)
    if MARK.match(head):
        return netpbm(stream.at)
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS and b"avif" not in head:
        return PillowPicture(_heif(stream, name), "HEIF")
    return None


def _tiff(stream: Stream, name: str) -> Stored:
    try:
        return tiff(stream.expect, stream.length)
    except Unsupported as why:
        if not raws.holds_sensor(stream.at):
            raise
        try:
            return raws.raw(stream, name, identify)
        except Unsupported as error:  # it is of no camera that LibRaw knows, say
            raise Unsupported(f"{why}; {error}") from error


def _stored(form: str, decoder: type[ImageFile.ImageFile], stream: Stream, name: str) -> Stored:
    if form == "JPEG":
        check_frame(stream)
        stream.seek(0)
    image = decoder(cast(IO[bytes], stream))
    if isinstance(image, JpegFile):
        return JpegPicture(image, form, name=name, stream=stream)
    if isinstance(image, PngImagePlugin.PngImageFile):
        return png(image)
    return PillowPicture(image, form)


def _heif(stream: Stream, name: str) -> Image.Image:
    try:
        from pillow_heif import HeifImageFile  # the extra "heic"
    except ImportError:
        message = f"{name} is HEIC, which needs an optional package: pip install 'likewise[heic]'"
        raise BadPicture(message, "unreadable") from None
    return cast(Image.Image, HeifImageFile(stream))
