"""From a file, bytes, a Pillow picture or an array to decoded pixels, or to one `BadPicture`.

Decoders are chosen by signature from a short list of picture formats, never by file name, and Pillow's
process-wide switches (its bomb limit, its tolerance of cut files, Python's warning filters inside threads)
stay as they are, so any number of threads may decode at once.
"""

from __future__ import annotations

import io
import os
import re
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from likewise.errors import BadPicture, LikewiseError
from likewise.files.system import NO_WAIT, descriptor_of
from likewise.pictures.colour import to_srgb
from likewise.pictures.facts import Facts, facts_of, moment_of
from likewise.pictures.signatures import identify
from likewise.pictures.stored import Factor, PillowPicture, Stored
from likewise.pictures.stream import Stream
from likewise.pictures.tiff import Unsupported

# Damaged tags in a file are that file's matter, not the program's. A filter set once is safe where
# `catch_warnings`, which swaps the filters of all threads, is not.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.\w+ImagePlugin")


@dataclass(frozen=True)
class Opened:
    """A picture whose header has been read.

    Attributes
    ----------
    name
        What messages call it.
    stored
        The picture as it is stored, not decoded yet when it comes from a file.
    orientation
        EXIF orientation, 1 to 8, that turns it upright.
    size
        Width and height of the upright original.
    stream
        The file it comes from; None for a picture object of the caller, which must not be changed.
    """

    name: str
    stored: Stored
    orientation: int
    size: tuple[int, int]
    stream: Stream | None
    _decoded: dict[int, tuple[Image.Image, int]] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, name: str, stored: Stored, stream: Stream | None) -> Opened:
        """Ask a picture how it lies."""
        size, orientation = stored.size, stored.orientation
        return cls(name, stored, orientation, size if orientation < 5 else size[::-1], stream)

    @property
    def facts(self) -> Facts:
        """Facts of the picture from the file; none, where those are damaged."""
        with suppress(Exception):  # a picture is worth more than what is said about it
            return facts_of(self.stored.metadata, self.orientation)
        return Facts(orientation=self.orientation)

    @property
    def moment(self) -> float | None:
        """See `likewise.pictures.facts.moment_of`."""
        return moment_of(self.stored.metadata)

    def cost(self, factor: Factor = 1) -> int:
        """Bytes of memory that `decode` takes at most."""
        with reported(self.name, self.stream):
            return self.stored.cost(factor)

    def decode(self, factor: Factor = 1) -> tuple[Image.Image, int]:
        """Decode to mode L or RGB, in sRGB, not turned yet.

        Parameters
        ----------
        factor
            How many times smaller than the original the result may be.

        Returns
        -------
        picture, factor
            A JPEG that was opened here is decoded smaller (by a smaller DCT), its sides rounded up; anything
            else whole, by factor 1. A point at ``x`` of the original lies at ``x / factor``. Who asks again
            gets the same: what would be decoded alike is decoded once.
        """
        if factor not in self._decoded:
            never = next((entry for wanted, entry in self._decoded.items() if wanted > entry[1] == 1), None)
            self._decoded[factor] = never or self._decode(factor)
        return self._decoded[factor]

    def _decode(self, factor: Factor) -> tuple[Image.Image, int]:
        with reported(self.name, self.stream):
            stored = self.stored
            if self._decoded and self.stream:  # which is used up
                self.stream.seek(0)
                stored = identify(self.stream, self.name)
            width, height = self.size if self.orientation < 5 else self.size[::-1]
            image, chosen = stored.decode(factor)
            if image.size != (-(-width // chosen), -(-height // chosen)):
                raise ValueError(
                    f"its header says {width} x {height}, its pixels {image.width} x {image.height}"
                )
            return to_srgb(image, stored.profile), chosen


Source: TypeAlias = str | os.PathLike[str] | bytes | Image.Image | NDArray[np.uint8] | Opened
"""A path, an encoded file, a Pillow picture, an array of pixels, or what one of them was opened as."""


@contextmanager
def opened(source: Source, name: str = "the picture given") -> Iterator[Opened]:
    """Read the header of a picture, and close its file in the end.

    ``name``: what errors call it, if it is no file. Raises `BadPicture` when there is no picture;
    `Opened.decode` raises it too.
    """
    if isinstance(source, Opened):  # whoever opened it closes it
        yield source
        return
    if isinstance(source, np.ndarray):
        source = _from_array(source)
    if isinstance(source, Image.Image):
        yield Opened.of(name, PillowPicture(source), None)
        return
    if not isinstance(source, bytes):
        name = repr(os.fspath(source))
    with io.BytesIO(source) if isinstance(source, bytes) else _open_file(source, name) as file:
        stream = Stream(file)
        with reported(name, stream):
            picture = Opened.of(name, identify(stream, name), stream)
        yield picture


def _open_file(path: str | os.PathLike[str], name: str) -> IO[bytes]:
    """Open a regular file; a pipe or a device is refused without waiting for it."""
    try:
        handle = descriptor_of(path, os.O_RDONLY | NO_WAIT)
    except (FileNotFoundError, NotADirectoryError):
        remedy = ": it is an address, and only files are read" if _ADDRESS.match(os.fspath(path)) else ""
        raise BadPicture(f"{name} is not there{remedy}", "vanished") from None
    except (OSError, ValueError) as error:
        raise BadPicture(f"{name} cannot be opened: {_text(error)}", "unreadable") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise BadPicture(f"{name} is a folder, a pipe or a device, not a file", "unreadable")
    return os.fdopen(handle, "rb")


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
def reported(name: str, stream: Stream | None) -> Iterator[None]:
    """Turn what decoders raise into a `BadPicture`.

    Fed with damaged bytes they raise almost anything, so this one place catches every `Exception`.
    """
    try:
        yield
    except LikewiseError:
        raise
    except (MemoryError, Image.DecompressionBombError) as error:
        raise BadPicture(f"{name} is too large to decode: {_text(error)}", "too-large") from error
    except Unsupported as error:
        raise BadPicture(f"{name} is of a kind that is not read: {error}", "unsupported") from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise BadPicture(f"{name} cannot be read: {_text(error)}", "unreadable") from error
        if isinstance(error, EOFError) or (stream is not None and stream.is_cut()):
            raise BadPicture(f"{name} is cut short: {_text(error)}", "truncated") from error
        if _LACKING.search(_text(error)):
            raise BadPicture(
                f"{name} is of a kind that is not read: {_text(error)}", "unsupported"
            ) from error
        raise BadPicture(f"{name} is damaged: {_text(error)}", "broken") from error


_ADDRESS = re.compile("[a-z][a-z0-9+.-]+:/")
_LACKING = re.compile("[Uu]nsupported|cannot handle|unknown (pixel )?mode")
"""Messages of Pillow on intact files that it does not read."""


def _text(error: BaseException) -> str:
    """The text of an error, without the file name that `OSError` repeats."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
