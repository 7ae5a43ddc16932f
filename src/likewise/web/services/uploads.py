"""Pictures that clients sent to search with, by a name that their content gives them."""

from __future__ import annotations

import hashlib
import re

from likewise.errors import BadPicture
from likewise.pictures import size_of
from likewise.web.problems import Problem, not_found
from likewise.web.schemas import Upload
from likewise.web.services.file_cache import FileCache
from likewise.web.settings import Limits

_ID = re.compile(r"u[0-9a-f]{24}")


class Uploads:
    """Keeps what was sent, so that an address that names it can be opened again."""

    def __init__(self, store: FileCache, limits: Limits) -> None:
        self._store, self._limits = store, limits

    def keep(self, content: bytes, name: str | None) -> Upload:
        """Check a picture and keep it.

        Raises `BadPicture` when it is none, or has too many pixels; `StorageError` when it cannot be written.
        """
        upload = self._upload(content, _id_of(content), name)
        self._store.put(upload.id, content)
        return upload

    def read(self, upload: str) -> bytes:
        """Give what was sent.

        Raises `Problem` 404, when it is unknown, or was too long ago.
        """
        content = self._store.get(upload) if _ID.fullmatch(upload) else None
        if content is None:
            raise not_found("upload of that id any more: send the picture again")
        return content

    def holds(self, content: bytes) -> bool:
        """Whether a picture is kept already."""
        return self._store.path(_id_of(content)).exists()

    def drop(self, upload: Upload) -> None:
        """Keep it no longer."""
        self._store.remove(upload.id)

    def get(self, upload: str) -> Upload:
        """Tell about an upload."""
        return self._upload(self.read(upload), upload, None)

    def _upload(self, content: bytes, id: str, name: str | None) -> Upload:
        if len(content) > self._limits.upload_bytes:
            raise Problem(413, "too-large", f"a picture may have {self._limits.upload_bytes} bytes at most")
        width, height = size_of(content)
        if width * height > self._limits.upload_pixels:
            raise BadPicture(
                f"a picture may have {self._limits.upload_pixels} pixels, not {width} x {height}", "too-large"
            )
        return Upload(id=id, width=width, height=height, name=name)


def _id_of(content: bytes) -> str:
    return "u" + hashlib.sha256(content).hexdigest()[:24]
