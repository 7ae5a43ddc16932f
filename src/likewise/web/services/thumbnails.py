"""Small versions of pictures: decoded, upright, and encoded anew, so that nothing of the metadata is left."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request, Response
from PIL import Image

from likewise.pictures import Resize, load
from likewise.types import Box
from likewise.web.services.file_cache import FileCache

SIZES = (160, 240, 320, 480, 640, 960, 1280, 1920)
"""Pixels of the longest side."""


@dataclass(frozen=True)
class Form:
    """How a thumbnail is encoded."""

    suffix: str
    kind: str


WEBP, JPEG = Form("webp", "image/webp"), Form("jpg", "image/jpeg")


class Thumbnails:
    """Makes thumbnails and keeps them on the disk."""

    def __init__(self, store: FileCache) -> None:
        self._store = store

    def get(self, source: Callable[[], Path | bytes], digest: str, size: int, form: Form) -> bytes:
        """Give an encoded thumbnail, from the disk if it is there.

        Raises `BadPicture` when the picture cannot be read.

        Parameters
        ----------
        source
            Gives the picture.
        digest
            Of the picture's content.
        size
            One of `SIZES`.
        """
        name = f"{digest[:40]}-{size}.{form.suffix}"
        held = self._store.get(name)
        if held is None:
            held = encode(source(), size, form)
            self._store.put(name, held)
        return held


def encode(source: Path | bytes, size: int, form: Form, part: Box | None = None) -> bytes:
    """Decode a picture, or a part of it, no larger than ``size``, and encode it.

    Raises `BadPicture` or `BadBox` when it cannot be read, or the part lies outside.
    """
    image = Image.fromarray(load(source, [Resize("longest", size)], box=part, crop="own").pixels[0])
    file = io.BytesIO()
    if form is WEBP:
        image.save(file, "WEBP", quality=80, method=2)
    else:
        image.save(file, "JPEG", quality=85, optimize=True)
    return file.getvalue()


def step(size: int) -> int:
    """The smallest of `SIZES` that is as large as asked for."""
    return next((known for known in SIZES if known >= size), SIZES[-1])


def form_of(request: Request) -> Form:
    """WebP for clients that say that they know it."""
    return WEBP if "image/webp" in request.headers.get("accept", "") else JPEG


def headers_of(digest: str, size: int, form: Form, part: str = "") -> dict[str, str]:
    """The headers by which browsers cache a thumbnail."""
    return {
        "etag": f'"{digest[:24]}-{size}{part and f"-{part}"}-{form.suffix}"',
        "cache-control": "private, no-cache",  # the address outlives the content: it is asked for each time
        "vary": "Accept, Cookie, Authorization",
    }


def is_known(request: Request, headers: dict[str, str]) -> Response | None:
    """The answer that nothing has changed, if the client has it already."""
    given = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    return Response(status_code=304, headers=headers) if headers["etag"] in given else None
