"""Kinds of copies: the same bytes, a smaller size, a crop, the next shot; and why."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np

from likewise.downstream.duplicates import pixels
from likewise.downstream.duplicates.links import DuplicateFile
from likewise.downstream.duplicates.pixels import Overlay, PictureKeypoints, Small, overlay
from likewise.errors import BadPicture
from likewise.pictures import Source, opened
from likewise.pictures.signatures import OPTIONAL
from likewise.registry import lookup
from likewise.types import UInt8Array

Kind: TypeAlias = Literal[
    "same bytes",
    "same pixels",
    "recompressed",
    "resized",
    "cropped",
    "edited",
    "turned",
    "companion",
    "burst",
    "alike",
]
"""``turned``: also mirrored. ``companion``: a RAW, HEIC or TIFF file beside its JPEG, or the JPEG beside it;
and a RAW file anywhere, of which only the preview was compared.
``burst``: photographs taken one after the other. ``alike``: linked by a similarity that was given, though the
pixels differ."""

DISPENSABLE: frozenset[Kind] = frozenset({"same bytes", "same pixels", "recompressed", "resized"})
"""Kinds that hold nothing which the kept one lacks; the others are shown, and stay unless they are named."""

KINDS: tuple[Kind, ...] = get_args(Kind)

BURST = 5.0
"""Seconds between two photographs of a burst, by the clock of the camera."""

NUMBERS = 3
"""How far the numbers in two names may be apart, where there is no clock."""

SMALL, POINTS = 384, 4096
"""Small pictures that are kept in memory, about half a MiB each, and keypoints of others, some 50 kB each."""

FINE_BYTES = 64 << 20
"""Of pictures in which single places are compared, that are kept: each of many copies is with all others."""

_BY_NAME: dict[str, Kind] = {kind: kind for kind in KINDS}
_JPEG = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})
_RAW = OPTIONAL["raw"][1]
_MASTERS = _RAW | {".raw", ".heic", ".heif", ".hif", ".tif", ".tiff", ".psd", ".jxl"}


@dataclass(frozen=True)
class Link:
    """The kind of copy that a picture is, and why, in a few words; ``larger`` where it shows more."""

    kind: Kind
    why: str
    larger: bool = False

    @property
    def copies(self) -> bool:
        """Whether both are one picture, rather than two that look alike."""
        return self.kind not in ("burst", "alike")


@dataclass(frozen=True)
class DecodedFile:
    """A file that could be decoded: its small version, and when it was taken."""

    file: DuplicateFile
    small: Small

    @cached_property
    def taken(self) -> float | None:
        """When the camera says that it was taken, as seconds; None where it does not say."""
        try:
            return taken(self.file.read())
        except BadPicture:
            return None


class Shots:
    """Files as they look, each decoded once while it is needed; ``unreadable`` are those that fail."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Path, DecodedFile] = OrderedDict()
        self._keypoints: OrderedDict[Path, PictureKeypoints] = OrderedDict()
        self._fine: OrderedDict[Path, UInt8Array] = OrderedDict()
        self.unreadable: set[Path] = set()

    def get(self, file: DuplicateFile) -> DecodedFile | None:
        """A file as it looks; None when it cannot be decoded."""
        if file.path in self.unreadable:
            return None
        shot = self._kept.pop(file.path, None)
        if shot is None:
            try:
                small = Small.read(file.read())
            except BadPicture:
                self.unreadable.add(file.path)
                return None
            shot = DecodedFile(file, replace(small, known=self._keypoints.pop(file.path, None)))
        self._kept[file.path] = shot
        if len(self._kept) > SMALL:
            self._put_away(*self._kept.popitem(last=False))
        return shot

    def fine(self, file: DuplicateFile) -> UInt8Array:
        """A file in which single places are compared; raises `BadPicture`, for more of it is decoded here."""
        fine = self._fine.pop(file.path, None)
        self._fine[file.path] = fine = pixels.fine(file.read()) if fine is None else fine
        while len(self._fine) > 1 and sum(array.nbytes for array in self._fine.values()) > FINE_BYTES:
            self._fine.popitem(last=False)
        return fine

    def _put_away(self, path: Path, shot: DecodedFile) -> None:
        """Keep of a picture what was dear to find."""
        if shot.small.has_keypoints:
            self._keypoints[path] = shot.small.keypoints
        if len(self._keypoints) > POINTS:
            self._keypoints.popitem(last=False)


def parse_kinds(text: str) -> frozenset[Kind]:
    """Kinds with commas between them; none where the text is empty.

    Raises `UnknownName` when there is no such kind.
    """
    named = [part.strip() for part in text.split(",") if part.strip()]
    return frozenset(lookup("kind of copy", name, _BY_NAME) for name in named)


def link(a: DuplicateFile, b: DuplicateFile, shots: Shots, *, near: bool = True) -> Link | None:
    """The second picture's link to the first; None where they are two pictures.

    ``near``: whether their vectors are so close that one may be a crop of the other, or both of one burst;
    else only another size of the whole is looked for.
    """
    if a.sha256 == b.sha256:
        return Link("same bytes", "the same bytes")
    first, second = shots.get(a), shots.get(b)
    if first is None or second is None:
        return None
    overlaid = overlay(first.small, second.small, cut=near)
    is_whole = overlaid is not None and overlaid.whole and not overlaid.orientation
    if is_whole and (raw := [file.path for file in (b, a) if file.path.suffix.lower() in _RAW]):
        return Link("companion", _beside(a.path, b.path) or f"{raw[0].name} is RAW: its preview is the same")
    if np.array_equal(first.small.pixels, second.small.pixels) and _same(a, b):
        return Link("same pixels", "the same pixels in other bytes")
    if overlaid is None or _two_shots(first, second):
        return _burst(_apart(first, second)) if near else None
    if is_whole and (beside := _beside(a.path, b.path)):
        return Link("companion", beside)
    return _copy(overlaid, a, b, shots)


def _copy(overlaid: Overlay, a: DuplicateFile, b: DuplicateFile, shots: Shots) -> Link:
    """The kind of a copy, from how it lies over the first."""
    if overlaid.orientation or abs(overlaid.turned) > 45:
        turned = pixels.ORIENTATIONS[overlaid.orientation] or f"turned by {abs(overlaid.turned):.0f} degrees"
        return Link("turned", turned)
    if not overlaid.whole:
        shares = overlaid.covered
        if shares[0] <= shares[1]:
            return Link("cropped", f"shows {100 * shares[0]:.0f} % of it{_retouched(overlaid)}")
        why = f"shows it and more: it is {100 * shares[1]:.0f} % of this{_retouched(overlaid)}"
        return Link("cropped", why, larger=True)
    if overlaid.turned or overlaid.stretched or not overlaid.same_tones or overlaid.agreed < 1:
        return Link("edited", _edit(overlaid))
    return _stored(a, b, shots)


def _stored(a: DuplicateFile, b: DuplicateFile, shots: Shots) -> Link:
    """The kind of a copy whose every part looks the same."""
    try:
        altered = pixels.largest_difference(shots.fine(a), shots.fine(b)) > pixels.ALTERED
    except BadPicture:  # more of it is decoded here for the first time
        altered = True
    if altered:
        return Link("edited", "the same but for some small place")
    if (a.width, a.height) == (b.width, b.height):
        return Link("recompressed", f"stored again, {b.bytes} bytes instead of {a.bytes}")
    return Link("resized", f"{b.width} x {b.height} instead of {a.width} x {a.height}")


def _two_shots(a: DecodedFile, b: DecodedFile) -> bool:
    """Whether the camera says that these are two photographs, however much they look alike."""
    if a.taken is None or b.taken is None:
        return False
    return a.taken != b.taken or _numbered(a.file.path, b.file.path)


def _same(a: DuplicateFile, b: DuplicateFile) -> bool:
    """Whether both hold the same pixels, whatever else: also empty pages, and one whose clock was set."""
    if (a.width, a.height) != (b.width, b.height):
        return False
    try:
        return pixels.same_pixels(a.read(), b.read())
    except BadPicture:  # the whole is decoded here for the first time
        return False


def _edit(overlaid: Overlay) -> str:
    if overlaid.stretched:
        return "of another shape: stretched"
    if overlaid.agreed < 0.98:
        return f"{100 * (1 - overlaid.agreed):.0f} % of it differs"
    if abs(overlaid.colour) > pixels.TONE:
        return "with less colour" if overlaid.colour > 0 else "with more colour"
    if overlaid.tone > pixels.TONE:
        return "lighter or darker"
    return f"turned by {abs(overlaid.turned):.1f} degrees" if abs(overlaid.turned) >= 0.1 else "retouched"


def _retouched(overlaid: Overlay) -> str:
    return "" if overlaid.same_tones else ", with other tones"


def _burst(apart: float | None) -> Link | None:
    if apart is None or apart > BURST:
        return None
    return Link("burst", f"taken {apart:.1f} s apart" if apart else "taken one after the other")


def _apart(a: DecodedFile, b: DecodedFile) -> float | None:
    """Seconds between two shots by the camera's clock, 0 for neighbours by name, None where nothing is known.

    Files that were copied onto a disk are all of one minute, so their own times count only where they are
    numbered one after the other, and no camera tells.
    """
    if a.taken is not None and b.taken is not None:
        return abs(a.taken - b.taken)
    if a.taken is None and b.taken is None and _numbered(a.file.path, b.file.path):
        return 0.0 if abs(a.file.modified - b.file.modified) <= BURST else None
    return None


def _numbered(a: Path, b: Path) -> bool:
    """Whether two names in one folder differ by their last number only, and that by little."""
    parts = [re.fullmatch(r"(.*?)(\d+)(\D*)", path.name) for path in (a, b)]
    if a.parent != b.parent or parts[0] is None or parts[1] is None:
        return False
    first, second = parts[0].groups(), parts[1].groups()
    return (first[0], first[2]) == (second[0], second[2]) and abs(int(first[1]) - int(second[1])) <= NUMBERS


def _beside(a: Path, b: Path) -> str:
    """The relation of a JPEG to the master of the same name in its folder, in words; empty for others."""
    ends = {path.suffix.lower() for path in (a, b)}
    if a.parent == b.parent and a.stem == b.stem and ends & _JPEG and ends & _MASTERS:
        return f"a {b.suffix[1:].upper()} beside {a.name}"
    return ""


def taken(source: Source) -> float | None:
    """When a photograph was taken by its EXIF block, as seconds of its own clock; None where none is told."""
    try:
        with opened(source) as picture:
            return picture.moment
    except BadPicture:
        return None
