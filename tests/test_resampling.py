"""Sizes that compiled loops make are those that Pillow makes, byte for byte, or Pillow makes them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from likewise.collection import indexing
from likewise.collection.collection import Collection
from likewise.files import cache_dir
from likewise.pictures import Resize, hasten, load, resampling
from likewise.pictures.resampling import resampled
from likewise.pictures.resize import Blend
from tests.zoo import encode, exif_of, photo

SIDES = st.integers(1, 150)
FILTERS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def blend() -> Iterator[Blend]:
    """The compiled loops; without them again in the end."""
    pytest.importorskip("numba")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "_compiled", None)
        hasten(cache_dir() / "compiled")
        assert resampling._compiled
        yield resampling._compiled


@pytest.fixture
def loops(blend: Blend, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many sizes they make at each call, while they are used."""
    made: list[int] = []

    def counted(image: Image.Image, end: tuple[float, float], targets: Any) -> Any:
        made.append(len(targets))
        return blend(image, end, targets)

    monkeypatch.setattr(resampling, "_compiled", counted)
    return made


@settings(max_examples=300, deadline=None)
@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from(FILTERS), st.sampled_from(["L", "RGB"]), st.integers(0, 9))
def test_every_byte_is_pillows(
    blend: Blend, width: int, height: int, wide: int, high: int, resample: Any, mode: str, seed: int
) -> None:
    shape = (height, width, 3)[: 3 if mode == "RGB" else 2]
    noise = np.random.default_rng(seed).choice(np.array([0, 1, 127, 254, 255], np.uint8), shape)
    image, end = Image.fromarray(noise), (width - seed / 10, height - seed / 20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "_compiled", blend)
        [made] = resampled(image, (0, 0, *end), [((wide, high), resample)], None)
    assert np.array_equal(np.asarray(made), np.asarray(image.resize((wide, high), resample, (0, 0, *end))))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("grey", [False, True])
def test_loading_gives_the_same_pixels(
    loops: list[int], orientation: int, grey: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image.fromarray(photo(1)).resize((333, 251))
    file = encode(image.convert("L") if grey else image, "JPEG", exif=exif_of(orientation))
    sizes = [Resize("longest", 200), Resize("longest", 140, filter="bicubic"), Resize("square", 77)]
    by_loops = load(file, sizes).pixels
    assert loops == [3]
    assert not any(one.flags.writeable or not one.flags.c_contiguous for one in by_loops)
    monkeypatch.setattr(resampling, "_compiled", None)
    assert [one.tobytes() for one in by_loops] == [one.tobytes() for one in load(file, sizes).pixels]


def test_the_rest_is_left_to_pillow(loops: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts, single pixels, what is as large, far smaller, begun with rows, or made of a large picture."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (120, 200, 3), np.uint8))
    bilinear, whole = Image.Resampling.BILINEAR, (0, 0, 200, 120)
    for part, target, gap in (
        ((0, 20, 200, 120), ((50, 50), bilinear), None),
        ((0, 0, 150, 120), ((50, 50), bilinear), None),
        (whole, ((50, 50), Image.Resampling.NEAREST), None),
        (whole, ((200, 120), bilinear), None),
        (whole, ((33, 30), bilinear), 3.0),
        (whole, ((180, 70), bilinear), None),
    ):
        [made] = resampled(image, part, [target], gap)
        assert np.array_equal(np.asarray(made), np.asarray(image.resize(*target, part, gap)))
    monkeypatch.setattr(resampling, "MOST", 200 * 120 - 1)
    resampled(image, whole, [((180, 80), bilinear)], None)
    assert loops == []
    monkeypatch.setattr(resampling, "MOST", 200 * 120)
    resampled(image, whole, [((34, 30), bilinear), ((180, 80), bilinear)], 3.0)
    assert loops == [2]


def test_loops_that_round_otherwise_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    blending = pytest.importorskip("likewise.pictures.blending")
    monkeypatch.setattr(resampling, "_compiled", None)
    monkeypatch.setattr(blending, "load", lambda folder: other)

    def other(image: Image.Image, end: tuple[float, float], targets: Any) -> Any:
        made = [np.array(image.resize(size, resample, (0, 0, *end))) for size, resample in targets]
        made[-1][0, 0, 0] ^= 1
        return made

    hasten(Path("unused"))
    assert resampling._compiled is None


def test_without_numba_pillow_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampling, "_compiled", None)
    monkeypatch.setitem(sys.modules, "likewise.pictures.blending", None)
    hasten(Path("unused"))
    assert resampling._compiled is None
    assert load(photo(2), [Resize("longest", 20)]).pixels[0].shape[1] == 20


def test_numba_that_cannot_be_loaded_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the library that it compiles by is missing, which is no ImportError."""
    blending = pytest.importorskip("likewise.pictures.blending")
    monkeypatch.setattr(resampling, "_compiled", None)

    def broken(folder: Path) -> Blend:
        raise OSError("Could not find/load shared object file: libllvmlite.so")

    monkeypatch.setattr(blending, "load", broken)
    hasten(Path("unused"))
    assert resampling._compiled is None


def test_indexing_many_files_loads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(indexing, "hasten", asked.append)
    Image.fromarray(photo(3)).save(tmp_path / "a.png")
    for many in (2, 1):
        monkeypatch.setattr(indexing, "MANY", many)
        with Collection.open(tmp_path / f"{many}.likewise", recipe="quick") as collection:
            collection.add(tmp_path / "a.png")
        assert len(asked) == 2 - many
