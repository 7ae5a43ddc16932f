"""Pairs that a person said are no duplicates, remembered by digests, wherever the files lie.

A digit that flips in the file would make a pair a duplicate again without a word: a checksum finds it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from likewise.errors import CollectionDamaged
from likewise.files import one_writer, replacing

NAME = "dismissed.json"
"""In the folder of the collection."""

LOCK = "dismissed.lock"


@dataclass(frozen=True)
class Dismissed:
    """Pairs of contents, each as two SHA-256 in hexadecimal digits, the lower one first."""

    pairs: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, folder: Path) -> Dismissed:
        """Read those of a collection; none where nothing was ever dismissed.

        Raises `CollectionDamaged` when the file is not as it was written.
        """
        path = folder / NAME
        try:
            document = json.loads(path.read_text("utf-8"))
            pairs = frozenset(_pair(first, second) for first, second in document["pairs"])
            checksum = _checksum(pairs)
        except FileNotFoundError:
            return cls(frozenset())
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise CollectionDamaged(f"{path} cannot be read ({error}): mend or remove it") from error
        if document.get("checksum", checksum) != checksum:  # older files have none
            raise CollectionDamaged(
                f"{path} is not what was written: restore it from a copy, or remove it; to keep what it says "
                f"now, write {checksum} as its checksum"
            )
        return cls(pairs)

    def __contains__(self, contents: tuple[str, str]) -> bool:
        """Whether two contents were said to be no duplicates of each other."""
        return _pair(*contents) in self.pairs

    @classmethod
    def add(cls, folder: Path, contents: Iterable[str], *, forget: bool = False) -> int:
        """Remember that pictures with these contents are no duplicates of each other.

        Raises `CollectionLocked` or `StorageError` when somebody else writes it just now, or it cannot be
        written. Returns how many pairs were added, or taken back.

        Parameters
        ----------
        folder
            Of the collection.
        contents
            Their SHA-256; all pairs of them are meant.
        forget
            Take it back.
        """
        meant = frozenset(_pair(*pair) for pair in combinations(sorted(set(contents)), 2))
        with one_writer(folder / LOCK):
            known = cls.of(folder).pairs
            wanted = known - meant if forget else known | meant
            if wanted != known:
                with replacing(folder / NAME) as part:
                    document = {"checksum": _checksum(wanted), "pairs": sorted(wanted)}
                    part.write_text(json.dumps(document, indent=0), encoding="utf-8")
        return len(wanted ^ known)


def _checksum(pairs: Iterable[tuple[str, str]]) -> int:
    return zlib.crc32(json.dumps(sorted(pairs)).encode())


def _pair(first: str, second: str) -> tuple[str, str]:
    return (first, second) if first <= second else (second, first)
