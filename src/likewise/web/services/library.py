"""The collections that a server serves, by name, and their pictures as clients know them."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from likewise.collection import Collection
from likewise.collection.layers import EncoderFactory, Shards
from likewise.collection.store import Entry, FailedFile
from likewise.errors import CollectionNotFound
from likewise.files.paths import within
from likewise.files.reading import as_indexed
from likewise.web import schemas
from likewise.web.problems import not_found
from likewise.web.settings import Settings, named

_DIGEST = re.compile(r"-[0-9a-f]{12}(?=\.\w+$)")  # what was sent is kept under its name and content
SUFFIX = ".likewise"


@dataclass
class Served:
    """One collection of the server.

    Attributes
    ----------
    room
        Where the server keeps what belongs to it: its jobs, and what was removed.
    roots
        Real folders that may be indexed.
    most_pixels
        Of a picture that is sent to be added.
    turn
        Held by the job of this process that adds to it, or tries to.
    """

    name: str
    collection: Collection
    room: Path
    factory: EncoderFactory | None = None
    engine: str = "openvino"
    device: str = "cpu"
    roots: tuple[str, ...] = ()
    most_pixels: int | None = None
    turn: Lock = field(default_factory=Lock)
    _lock: Lock = field(default_factory=Lock)
    _folders: tuple[tuple[int, int], dict[str, tuple[Path, int]]] = ((-1, -1), {})

    def source(self, entry: Entry) -> bytes | Path:
        """Content of a picture's file, or its path where that is very large.

        Raises `BadPicture` when it is not what was indexed, cannot be read, or lies neither below an indexed
        folder nor below a root of the server.
        """
        indexed = (os.path.realpath(root) for root in self.collection.roots())
        inside = (*indexed, *self.roots, str(self.collection.uploads))
        content = as_indexed(str(entry.path), bytes.fromhex(entry.sha256), inside)
        return Path(content) if isinstance(content, str) else content

    def may_index(self, path: str) -> bool:
        """Whether a file lies where the server may index: below one of its roots, or among what was sent."""
        real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        return any(within(real, folder) for folder in (*self.roots, str(self.collection.uploads)))

    def indexed(self) -> tuple[str, ...]:
        """The folders that may be indexed: indexed ones below a root, and roots that lie in one."""
        known = {os.path.realpath(root) for root in self.collection.roots()}
        allowed = (*self.roots, str(self.collection.uploads))
        below = {root for root in known if any(within(root, folder) for folder in allowed)}
        above = {folder for folder in allowed if any(within(folder, root) for root in known)}
        return tuple(sorted(below | above))

    def another(self) -> Collection:
        """The same collection opened once more, for a job that writes."""
        return Collection.open(
            self.collection.path,
            engine=self.engine,
            device=self.device,
            extractor_factory=self.factory,
        )

    @property
    def exists(self) -> bool:
        """Whether it is made by now, also by another process."""
        return self.generation > 0

    @property
    def generation(self) -> int:
        """How often it was changed; 0 before it is made."""
        return self.moment[1]

    @property
    def moment(self) -> tuple[int, int]:
        """Identity of the collection's state; see `OpenedCollection.moment`."""
        try:
            return self.collection.moment
        except CollectionNotFound:
            return 0, 0

    # --- paths as clients see them: the name of an indexed folder, then the way below it ---

    def labels(self) -> dict[str, Path]:
        """The indexed folders by their names."""
        return named(self.collection.roots())

    def shown(self, path: Path, labels: dict[str, Path] | None = None) -> str:
        """An absolute path as clients see it."""
        for name, root in (self.labels() if labels is None else labels).items():
            if path.is_relative_to(root):
                return _text(os.path.join(name, path.relative_to(root))).rstrip("/.")
        return _text(path.name)

    def folder(self, shown: str) -> Path:
        """The folder with pictures that clients see as ``shown``; nothing is opened to find it.

        Raises `Problem` 404, when no picture lies there.
        """
        known = self.folders()
        if shown not in known:
            raise not_found("picture in a folder of that name")
        return known[shown][0]

    def at(self, shown: str) -> list[Entry]:
        """The picture that clients see as ``shown``, if there is one; nothing is opened to find it."""
        name, _, below = shown.partition("/")
        root = self.labels().get(name)
        return self.collection.at(root / below) if root and below else []

    def folders(self) -> dict[str, tuple[Path, int]]:
        """All folders with pictures, as clients see them, and how many lie in each and below it."""
        with self._lock:
            moment = self.moment
            if self._folders[0] != moment:
                self._folders = (moment, dict(sorted(self._count().items())) if moment[1] else {})
            return self._folders[1]

    def _count(self) -> dict[str, tuple[Path, int]]:
        labels = self.labels()
        counts: dict[str, tuple[Path, int]] = {}
        for folder, pictures in Counter(path.parent for _, path in self.collection.paths()).items():
            for place in (folder, *folder.parents):
                shown = self.shown(place, labels)
                counts[shown] = (place, counts.get(shown, (place, 0))[1] + pictures)
                if place in labels.values():
                    break
        return counts

    def picture(self, entry: Entry, labels: dict[str, Path]) -> schemas.Picture:
        """A picture as clients see it."""
        path = self.shown(entry.path, labels)
        name = path.rpartition("/")[2]
        return schemas.Picture(
            id=entry.id,
            path=path,
            name=_DIGEST.sub("", name) if entry.path.parent == self.collection.uploads else name,
            folder=path.rpartition("/")[0],
            width=entry.width,
            height=entry.height,
            bytes=entry.bytes,
            modified=entry.modified,
        )

    def pictures(self, entries: Sequence[Entry]) -> list[schemas.Picture]:
        """Pictures as clients see them."""
        labels = self.labels()
        return [self.picture(entry, labels) for entry in entries]

    def entry(self, picture: int) -> Entry:
        """The entry of a picture.

        Raises `Problem` 404.
        """
        entries = self.collection.entries([picture]) if self.exists else []
        if not entries:
            raise not_found(f"picture {picture} in {self.name}")
        return entries[0]

    def failure(self, failure: FailedFile, labels: dict[str, Path]) -> schemas.Failure:
        """A failure as clients see it; its message names the file as they know it."""
        shown = self.shown(failure.path, labels)
        message = failure.message.replace(str(failure.path), shown)
        for root in labels.values():
            message = message.replace(str(root), "")
        return schemas.Failure(
            path=shown,
            reason=failure.reason,
            message=message,
            at=failure.at,
            key=key_of(failure.path),
        )


def _shards(count: int) -> Shards | None:
    if not count:
        return None
    from likewise.scale.actors import RayShards  # an extra

    return RayShards(count)


class Library:
    """The collections of a server."""

    def __init__(self, settings: Settings, factory: EncoderFactory | None = None) -> None:
        self._served: dict[str, Served] = {}
        for name, path in named(settings.collections, suffix=SUFFIX).items():
            collection = Collection.open(
                path,
                engine=settings.engine,
                device=settings.device,
                extractor_factory=factory,
                shards=_shards(settings.shards),
            )
            room = settings.room(path)
            room.mkdir(parents=True, exist_ok=True)
            self._served[name] = Served(
                name,
                collection,
                room,
                factory=factory,
                engine=settings.engine,
                device=settings.device,
                roots=tuple(os.path.realpath(root) for root in settings.roots),
                most_pixels=settings.limits.upload_pixels,
            )

    def __iter__(self) -> Iterator[Served]:
        return iter(self._served.values())

    def __len__(self) -> int:
        return len(self._served)

    def __getitem__(self, name: str) -> Served:
        """A collection by its name.

        Raises `Problem` 404.
        """
        if name not in self._served:
            raise not_found("collection of that name")
        return self._served[name]

    def close(self) -> None:
        """Let go of all of them."""
        for served in self:
            served.collection.close()


def key_of(path: Path) -> str:
    """A name for a file that tells nothing about where it lies."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def _text(path: str) -> str:
    """A path that JSON can hold, whatever bytes are in it."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")
