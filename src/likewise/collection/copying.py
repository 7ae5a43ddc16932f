"""A collection copied to another place, whatever keeps either: a folder, or a server."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from itertools import islice

from likewise.collection.collection import Collection
from likewise.collection.moving import TOGETHER
from likewise.collection.reports import AddReport
from likewise.collection.store.catalogue import Content
from likewise.errors import CollectionDamaged
from likewise.types import ProgressCallback

SHOWN = 3
"""Paths that a message names."""


@dataclass(frozen=True)
class CopyReport:
    """Counts of a copy.

    Attributes
    ----------
    taken
        What became of each row.
    alike
        Pictures of the source that are in the target as they are, by digests of their files and of all that
        layers keep.
    digest
        SHA-256 of those digests, in the order of the source, in hexadecimal digits.
    """

    taken: AddReport
    alike: int
    digest: str


def copy(
    source: Collection,
    target: str | os.PathLike[str],
    *,
    store: str | None = None,
    progress: ProgressCallback | None = None,
) -> CopyReport:
    """Copy a collection: pictures, what layers keep of them, facts, annotations and failures; then compare.

    No picture is read. What the target has already stays: run again, or after it was killed, it goes on.
    Pictures get ids of the target's own. Raises `ManifestMismatch` when the target was made otherwise;
    `CollectionDamaged` when the target does not hold in the end what the source does: as when one of them was
    changed meanwhile; `CollectionLocked`, `StorageError` or `UsageError` as for `Collection.take_over`.

    Parameters
    ----------
    target
        A folder, which need not be there, or the address of a store.
    store
        The server that is to keep the target, followed by that folder.
    """
    manifests = [layer.manifest for layer in source.layers]
    precision = manifests[0].precision
    with Collection.open(target, recipe=source.recipe, precision=precision, store=store) as other:
        roots = [os.fspath(root) for root in source.roots()]
        taken = other.take_over(source.rows(), manifests, roots=roots, progress=progress)
        alike, digest, unlike = differing(source, other)
    if unlike:
        shown = ", ".join(unlike[:SHOWN]) + ", ..." * (len(unlike) > SHOWN)
        raise CollectionDamaged(
            f"{len(unlike)} pictures of {source.path} are not in {os.fspath(target)} as they are there "
            f"({shown}): if one of them was changed meanwhile, copy again"
        )
    return CopyReport(taken, alike, digest)


def differing(source: Collection, target: Collection) -> tuple[int, str, list[str]]:
    """Compare two collections picture by picture.

    Returns
    -------
    (alike, digest, paths)
        As of `CopyReport`, and paths of pictures that the target does not have as they are in the source.
    """
    alike, unlike, digest = 0, list[str](), hashlib.sha256()
    given = ((row.path, row.content) for row in source.rows() if isinstance(row.content, Content))
    while block := list(islice(given, TOGETHER)):
        there = target.contents([path for path, _ in block])
        for path, content in block:
            fingerprint = _fingerprint(content)
            same = path in there and _fingerprint(there[path]) == fingerprint
            alike += same
            unlike += [] if same else [path]
            digest.update(fingerprint)
    return alike, digest.hexdigest(), unlike


def _fingerprint(content: Content) -> bytes:
    """A digest of a picture's file, its size, and what each layer keeps of it."""
    digest = hashlib.sha256(content.sha256 + b"%d x %d" % (content.width, content.height))
    for place, code in sorted(content.codes.items()):
        digest.update(b" %d " % place + hashlib.sha256(code).digest())
    return digest.digest()
