"""Vectors of pictures of which somebody has said what they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from likewise.collection import Collection
from likewise.descriptors import Encoder, Manifest
from likewise.errors import BadPicture, UsageError
from likewise.learning import Chosen, choose_groups, gather
from likewise.tables.labels import read_rows
from likewise.types import FloatArray, IntArray, ProgressCallback


@dataclass(frozen=True)
class LabelledVectors:
    """Vectors with labels.

    Attributes
    ----------
    vectors
        float32, shape ``(n, d)``.
    labels
        What each picture shows, ``n`` of them.
    about
        The pictures in words.
    manifest
        How the vectors were made.
    pictures
        How a file remembers the pictures; see `likewise.arrays.artifacts.Sample`. Empty for those of a
        collection.
    failures
        Pictures that have no vector, and why.
    """

    vectors: FloatArray
    labels: tuple[str, ...]
    about: str
    manifest: Manifest
    pictures: tuple[str, ...]
    failures: dict[Path, BadPicture]

    @property
    def numbered(self) -> tuple[tuple[str, ...], IntArray]:
        """The different labels, sorted, and the number of each row's."""
        return numbered(self.labels)

    @classmethod
    def of_folder(
        cls,
        folder: Path,
        encoder: Encoder,
        *,
        table: Path | None = None,
        column: str = "label",
        progress: ProgressCallback | None = None,
    ) -> LabelledVectors:
        """Describe a folder whose sub-folders say what the pictures in them show, or a table does.

        Vectors are kept in the cache by the content of the files: the next call finds them there. Raises
        `UsageError` when there are no labels, or no picture can be read.

        Parameters
        ----------
        encoder
            A `likewise.Extractor`.
        table
            CSV file with the columns ``file``, a path below the folder, and ``column``.
        """
        chosen = choose_groups(folder, table, column)
        named = Chosen(f"{folder.resolve().name}", chosen.files, chosen.groups)
        gathered = gather(encoder, named, progress=progress)
        labels = gathered.groups or ()
        return cls(
            gathered.vectors, labels, gathered.about, encoder.manifest, gathered.pictures, gathered.failures
        )

    @classmethod
    def of_collection(
        cls, collection: Collection, *, table: Path | None = None, column: str = "label"
    ) -> LabelledVectors:
        """Take the vectors of a collection; the first sub-folder says what a picture shows, or a table does.

        Raises `UsageError` when there are no labels.
        """
        pictures = collection.pictures()
        if table is None:
            parts = [Path(name).parts for name in pictures.names]
            labels = [folders[0] if len(folders) > 1 else "" for folders in parts]
        else:
            listed = {row.file: row.group for row in read_rows(table, group=column)}
            labels = [listed.get(name, "") for name in pictures.names]
        rows = [row for row, label in enumerate(labels) if label]
        if not rows:
            raise UsageError(
                f"no picture of {collection.path} has a label: index a folder whose sub-folders say what is "
                "in them, or give a table"
            )
        failures = {
            failure.path: BadPicture(failure.message, failure.reason) for failure in collection.failures()
        }
        return cls(
            pictures.vectors[rows],
            tuple(labels[row] for row in rows),
            collection.path.name,
            collection.manifest,
            (),
            failures,
        )


def numbered(labels: Sequence[str]) -> tuple[tuple[str, ...], IntArray]:
    """The different labels, sorted, and the number of each row's."""
    classes, numbers = np.unique(np.asarray(labels, dtype=object).astype(str), return_inverse=True)
    return tuple(classes.tolist()), numbers.astype(np.int64)
