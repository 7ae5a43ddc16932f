"""Pictures taken out of a collection, and put back as they were."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from likewise.collection.store.catalogue import Catalogue, Content
from likewise.errors import UsageError
from likewise.folders import Stamp
from likewise.pictures import Facts


@dataclass(frozen=True)
class RemovedPicture:
    """All that the catalogue knew of a picture; ``path`` is absolute."""

    id: int
    path: str
    stamp: Stamp
    content: Content
    annotations: Mapping[str, str] = field(default_factory=dict)
    added: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The same as what JSON knows; bytes in base64."""
        stamp, content = self.stamp, self.content
        return {
            "id": self.id,
            "path": _text(os.fsencode(self.path)),
            "stamp": [stamp.size, stamp.mtime_ns, stamp.ctime_ns],
            "sha256": _text(content.sha256),
            "size": [content.width, content.height],
            "codes": {str(layer): _text(code) for layer, code in content.codes.items()},
            "facts": content.facts and asdict(content.facts),
            "annotations": dict(self.annotations),
            "added": self.added,
        }

    @classmethod
    def from_json(cls, told: Any) -> RemovedPicture:
        """Read what `as_json` gave.

        Raises `UsageError` when it did not.
        """
        try:
            width, height = told["size"]
            held = (
                told["codes"] if "codes" in told else {"1": told["code"]}
            )  # of version 1 there was one layer
            codes = {int(layer): _bytes(code) for layer, code in held.items()}
            said = told.get("facts")
            facts = Facts(**{**said, "keywords": tuple(said["keywords"])}) if said else None
            content = Content(_bytes(told["sha256"]), int(width), int(height), codes, facts)
            path, own = os.fsdecode(_bytes(told["path"])), dict(told.get("annotations", {}))
            added = str(told["added"]) if told.get("added") else None
            return cls(int(told["id"]), path, Stamp(*map(int, told["stamp"])), content, own, added)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UsageError(f"this is no picture that was taken out: {error!r}") from error


def take_out(catalogue: Catalogue, pictures: Iterable[int]) -> list[RemovedPicture]:
    """Forget those of the pictures that there are; one whose row is damaged cannot be put back."""
    layers, facts = [layer.id for layer in catalogue.layers()], catalogue.facts
    entries = catalogue.entries(dict.fromkeys(pictures))
    removed = [
        RemovedPicture(
            entry.id,
            str(entry.path),
            picture.stamp,
            content,
            facts.annotations(entry.id),
            facts.added(entry.id),
        )
        for entry in entries
        if (place := catalogue.place(str(entry.path)))
        and (picture := catalogue.picture(place))
        and (content := catalogue.content(picture.sha256, layers))
    ]
    catalogue.delete([entry.id for entry in entries])
    return removed


def put_back(catalogue: Catalogue, removed: Iterable[RemovedPicture]) -> int:
    """Insert pictures again, but for those whose id or file is in the catalogue by now; give how many.

    What layers kept of them that are gone since is passed over; layers that came since describe them at the
    next indexing.
    """
    layers, count = {layer.id for layer in catalogue.layers()}, 0
    for picture in removed:
        place = catalogue.place(picture.path)
        if place and not catalogue.picture(place) and not catalogue.has(picture.id):
            catalogue.forgive(place)
            codes = {layer: code for layer, code in picture.content.codes.items() if layer in layers}
            catalogue.insert(place, picture.stamp, replace(picture.content, codes=codes), id=picture.id)
            catalogue.facts.annotate(picture.id, picture.annotations)
            catalogue.facts.arrived(picture.id, picture.added)
            count += 1
    return count


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
