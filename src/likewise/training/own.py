"""A user's own labelled pictures: which are trained on, and which are held out to measure with."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from likewise.errors import UsageError
from likewise.files import replacing

LEAST = 2
"""Pictures that a group needs on either side of a split."""


@dataclass(frozen=True)
class Split:
    """Labelled pictures in two parts.

    ``train``, ``held``: places of the pictures that are trained on, and of those that are only measured with.
    """

    train: tuple[int, ...]
    held: tuple[int, ...]


def split(groups: Sequence[str], share: float, *, whole: bool = False, seed: int = 0) -> Split:
    """Hold out a share of the pictures of each group, or a share of the groups.

    A group that cannot leave two pictures on either side is trained on whole. Raises `UsageError` when fewer
    than two groups of two pictures are left to train on.

    Parameters
    ----------
    share
        Of the pictures, or of the groups; 0 holds nothing out.
    whole
        Hold out whole groups: measures what becomes of things that were never trained on.
    """
    dice = np.random.default_rng(seed)
    members: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    names = sorted(members)
    held: list[int] = []
    if whole:
        for name in dice.permutation(names)[: round(share * len(names))].tolist():
            held += members[name]
    else:
        for name in names:
            count = max(LEAST, round(share * len(members[name]))) if share else 0
            if len(members[name]) >= count + LEAST:
                held += dice.permutation(members[name])[:count].tolist()
    out = set(held)
    train = tuple(place for place in range(len(groups)) if place not in out)
    usable = [name for name in names if sum(place not in out for place in members[name]) >= LEAST]
    if len(usable) < 2:
        raise UsageError(
            f"training needs two groups with two pictures each, and {len(usable)} of {len(names)} have so "
            "many to train on: give sub-folders with more pictures, or hold out fewer"
        )
    return Split(train, tuple(sorted(held)))


def write_held(held: Sequence[tuple[Path, str]], root: Path, path: Path) -> None:
    """List pictures as `likewise evaluate csv` reads them: ``file`` below ``root``, and ``group``.

    Raises `StorageError` when the list cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("file", "group"))
    writer.writerows((file.relative_to(root).as_posix(), group) for file, group in held)
    with replacing(path) as part:
        part.write_text(text.getvalue(), "utf-8")
