"""The demo set: a small retrieval benchmark, rendered on the spot from photographs that packages carry.

Every subject is seen in six shots of different kinds; scenes without a subject are the distractors. The same
seed gives the same bytes. ``truth.json`` beside the pictures says what each of them shows and where.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from likewise.demoset.shots import Chance, Points, Shot, ShotLayout, cluttered, in_place, lit, pasted, scene
from likewise.demoset.subjects import SUBJECTS, Album, Subject
from likewise.errors import StorageError, UsageError
from likewise.files import replacing
from likewise.types import Progress, ProgressCallback

VERSION = 1
TRUTH = "truth.json"
KINDS = ("view", "zoom", "light", "turn", "clutter", "occluded")
DISTRACTORS = 33
_HARSHNESS = {"view": 0.25, "zoom": 0.4, "light": 1.0, "turn": 0.35, "clutter": 0.4, "occluded": 0.5}
_QUALITY = {"view": (80, 94), "zoom": (55, 90), "light": (14, 35)}
_LAID = {
    "turn": ShotLayout(share=(0.4, 0.6), turn=45),
    "clutter": ShotLayout(share=(0.22, 0.35), turn=15, under=4),
    "occluded": ShotLayout(share=(0.4, 0.6), turn=15, under=1, over=2),
}
_TURNED_ONE_IN = 12


@dataclass(frozen=True)
class ShotLabel:
    """The label of a picture of the demo set.

    Attributes
    ----------
    file
        File name in the demo set's folder.
    group
        The subject; None for a distractor.
    kind
        How it was shot: one of `KINDS`, or ``distractor``.
    box
        The subject's bounding box in pixels of the upright picture, ``(x1, y1, x2, y2)``, clipped to it; what
        is hidden behind something else counts as seen.
    """

    file: str
    group: str | None
    kind: str
    box: tuple[int, int, int, int] | None


def render(folder: Path, *, seed: int = 0, progress: ProgressCallback | None = None) -> list[Path]:
    """Write the demo set, unless it is there already.

    Returns the pictures, in the order of `read_truth`. Raises `MissingExtra` when the packages that carry the
    photographs are not installed; `UsageError` when the folder holds other files, or the demo set of another
    seed or version; `StorageError` when the folder cannot be written.

    Parameters
    ----------
    folder
        Made if missing.
    seed
        Another seed gives other shots of the same subjects.
    """
    if not _present(folder, seed):
        try:
            _write(folder, seed, progress)
        except OSError as error:
            why = error.strerror or error
            raise StorageError(
                f"the demo set cannot be written to {folder}: {why}; name another folder"
            ) from error
    return [folder / shot.file for shot in read_truth(folder)]


def render_scenes(folder: Path, count: int, *, progress: ProgressCallback | None = None) -> list[Path]:
    """Write pictures of cluttered scenes without any of the demo set's subjects; those there are kept.

    Raises `MissingExtra` when the packages that carry the photographs are not installed; `StorageError` when
    the folder cannot be written.
    """
    album, files = Album(), [folder / f"{number:04}.jpg" for number in range(count)]
    for number, file in enumerate(files):
        if not file.exists():
            chance = np.random.default_rng([VERSION, number])
            shot = cluttered(chance, album, pieces=int(chance.integers(3, 9)))
            with replacing(file) as draft:
                lit(chance, shot.picture, chance.uniform(0, 0.6)).save(draft, "JPEG", quality=88)
        if progress:
            progress(Progress(number + 1, count, note="rendering scenes to learn words from"))
    return files


def read_truth(folder: Path) -> list[ShotLabel]:
    """Labels of a rendered demo set's pictures, in the order of its ``truth.json``.

    Raises `UsageError` when the folder holds no demo set, or one that cannot be read.
    """
    return [
        ShotLabel(**{**shot, "box": tuple(shot["box"]) if shot["box"] else None})
        for shot in _described(folder)["pictures"]
    ]


def seed_of(folder: Path) -> int:
    """The seed by which a demo set was rendered.

    Raises `UsageError` when the folder holds no demo set, or one that cannot be read.
    """
    return int(_described(folder)["seed"])


def _described(folder: Path) -> dict[str, Any]:
    """The truth file as it was written."""
    try:
        described = json.loads((folder / TRUTH).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{folder} holds no demo set: there is no {TRUTH}") from None
    except ValueError as error:
        raise UsageError(f"{folder / TRUTH} cannot be read ({error}); remove the folder") from None
    if not isinstance(described, dict) or described.get("version") != VERSION:
        raise UsageError(f"{folder / TRUTH} was made by another version; remove the folder")
    return described


def _present(folder: Path, seed: int) -> bool:
    """Whether the demo set of this seed lies there whole."""
    if not (folder / TRUTH).exists():
        return False
    existing = _described(folder)["seed"]
    if existing != seed:
        raise UsageError(f"{folder} holds the demo set of seed {existing}, not {seed}; name another folder")
    return all((folder / shot.file).is_file() for shot in read_truth(folder))


def _write(folder: Path, seed: int, progress: ProgressCallback | None) -> None:
    """Render every picture, and the truth last: a folder with a draft of it is not finished."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{TRUTH}.part"
    if not draft.exists() and not (folder / TRUTH).exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} holds other files, maybe of the same names: name a new folder")
    album, truth, tasks = Album(), [], _tasks(seed)
    draft.touch()
    for number, (name, subject, kind) in enumerate(tasks):
        chance = np.random.default_rng([VERSION, seed, number])
        shot = _shoot(chance, album, subject, kind)
        truth.append(_save(chance, folder / name, shot, subject, kind))
        if progress:
            progress(Progress(number + 1, len(tasks), note="rendering the demo set"))
    described = {"version": VERSION, "seed": seed, "pictures": [asdict(shot) for shot in truth]}
    draft.write_text(json.dumps(described, indent=1), encoding="utf-8")
    draft.replace(folder / TRUTH)


def _tasks(seed: int) -> list[tuple[str, Subject | None, str]]:
    """File name, subject and kind of every picture, in an order that does not give the groups away."""
    wanted: list[tuple[Subject | None, str]] = [(subject, kind) for subject in SUBJECTS for kind in KINDS]
    wanted += [(None, "distractor")] * DISTRACTORS
    chance = np.random.default_rng([VERSION, seed])
    shuffled = [wanted[place] for place in chance.permutation(len(wanted))]
    return [(_name(chance, number), *task) for number, task in enumerate(shuffled)]


def _name(chance: Chance, number: int) -> str:
    """A file name as one of four cameras would give it."""
    second = 37 * number
    clock = f"{9 + second // 3600:02}.{second // 60 % 60:02}.{second % 60:02}"
    return str(
        chance.choice(
            [
                f"IMG_{2041 + number}.JPG",
                f"DSC{4107 + 2 * number:05}.jpg",
                f"P10{30211 + number}.JPG",
                f"2019-06-23 {clock}.jpg",
            ]
        )
    )


def _shoot(chance: Chance, album: Album, subject: Subject | None, kind: str) -> Shot:
    """Render one shot before its light."""
    if subject is None:
        return scene(chance, album)
    view = subject.views[chance.integers(len(subject.views))]
    if kind in _LAID:
        return pasted(chance, album, view, _LAID[kind], round=subject.round)
    return in_place(chance, album, view, close=kind == "zoom", round=subject.round)


def _save(chance: Chance, path: Path, shot: Shot, subject: Subject | None, kind: str) -> ShotLabel:
    """Light a shot, write it, some lying on their side with an EXIF orientation, and say what it shows."""
    picture = lit(chance, shot.picture, _HARSHNESS.get(kind, chance.uniform(0.2, 0.8)))
    exif = Image.Exif()
    size = picture.size
    if chance.integers(_TURNED_ONE_IN) == 0:
        picture = picture.transpose(Image.Transpose.ROTATE_90)
        exif[ExifTags.Base.Orientation] = 6
    quality = int(chance.integers(*_QUALITY.get(kind, (45, 90))))
    picture.save(path, "JPEG", quality=quality, exif=exif)
    group = subject.name if subject else None
    return ShotLabel(path.name, group, kind, None if shot.outline is None else _bounds(shot.outline, size))


def _bounds(outline: Points, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The bounding box of an outline, clipped to the picture, in whole pixels."""
    low = np.clip(np.floor(outline.min(axis=0)), 0, size).astype(int)
    high = np.clip(np.ceil(outline.max(axis=0)), 0, size).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])
