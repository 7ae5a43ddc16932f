"""Labelled pictures in memory, and the random parts of them that a network is trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional

from likewise.descriptors.describing import describe_batches
from likewise.errors import BadPicture, UsageError
from likewise.learning import Chosen
from likewise.pictures import Resize, load
from likewise.types import Progress, ProgressCallback, UInt8Array

SMALLEST = 0.6
"""Side of the smallest part of a picture that is trained on, as a share of the picture's."""


@dataclass(frozen=True)
class TrainingPictures:
    """Labelled pictures in memory, all squares of one size.

    Attributes
    ----------
    pixels
        uint8 ``(n, s, s, 3)``.
    groups
        What each shows.
    failures
        Files that could not be read, and why.
    """

    about: str
    files: tuple[Path, ...]
    pixels: UInt8Array
    groups: tuple[str, ...]
    failures: Mapping[Path, BadPicture]

    @property
    def fingerprint(self) -> str:
        """Identity of pictures and groups."""
        digest = hashlib.sha256(self.pixels.data)
        digest.update("\n".join(self.groups).encode())
        return digest.hexdigest()

    def batch(self, places: Sequence[int], dice: Generator | None) -> Tensor:
        """Pictures ``(n, s, s, 3)``, whole, or with ``dice`` a random part of each at the full size."""
        pixels = torch.from_numpy(self.pixels[list(places)])
        return pixels if dice is None else _cropped(pixels, dice)


def load_pictures(chosen: Chosen, size: int, *, progress: ProgressCallback | None = None) -> TrainingPictures:
    """Decode labelled pictures as squares of ``size`` pixels; those that cannot be read are recorded.

    Raises `UsageError` when none can be read.
    """
    decoded: list[UInt8Array] = []
    groups, files, failures = list[str](), list[Path](), dict[Path, BadPicture]()
    batches = describe_batches(
        list(zip(chosen.files, chosen.groups or (), strict=True)),
        lambda labelled: load(labelled[0], [Resize("square", size)]).pixels[0],
        iter,
    )
    for number, ((file, group), pixels) in enumerate(chain.from_iterable(batches), 1):
        if isinstance(pixels, BadPicture):
            failures[file] = pixels
        else:
            decoded.append(pixels)
            groups.append(group)
            files.append(file)
        if progress:
            progress(Progress(number, len(chosen.files), len(failures), note="decoding"))
    if not decoded:
        first = next(iter(failures.values()))
        raise UsageError(f"none of {len(failures)} pictures can be read, the first: {first}")
    return TrainingPictures(chosen.about, tuple(files), np.stack(decoded), tuple(groups), failures)


def _cropped(pixels: Tensor, dice: Generator) -> Tensor:
    """A random square of each picture, `SMALLEST` to 1 of its side, enlarged to the full size."""
    count, size = len(pixels), pixels.shape[1]
    sides = SMALLEST + (1 - SMALLEST) * torch.rand(count, generator=dice)
    centres = (torch.rand(count, 2, generator=dice) * 2 - 1) * (1 - sides)[:, None]
    maps = torch.zeros(count, 2, 3)
    maps[:, 0, 0] = maps[:, 1, 1] = sides
    maps[:, :, 2] = centres
    grid = functional.affine_grid(maps, [count, 3, size, size], align_corners=False)
    x = functional.grid_sample(
        pixels.permute(0, 3, 1, 2).float(), grid, padding_mode="border", align_corners=False
    )
    return x.permute(0, 2, 3, 1)
