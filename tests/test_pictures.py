"""Sizes, crops, orientations and drafts, by hand and against numpy; the limit on pixels."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, ImageOps

from likewise.errors import BadBox, BadPicture, UnknownName, UsageError
from likewise.pictures import Loaded, Resize, load, size_of
from likewise.pictures.decode import Opened, opened
from likewise.pictures.resize import reduction
from likewise.pictures.signatures import SUFFIXES
from likewise.types import Box, UInt8Array
from tests.zoo import bomb_png, encode, exif_of, photo

FULL = [Resize("full")]
SIDES = st.integers(1, 6000)
POLICIES = st.sampled_from(["longest", "shortest", "area"])


def pixels_of(source: Any, **options: Any) -> UInt8Array:
    return load(source, FULL, **options).pixels[0]


# --- orientation ----------------------------------------------------------------------------------------

UPRIGHT: dict[int, Callable[[UInt8Array], UInt8Array]] = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).transpose(1, 0, 2),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
def test_orientations_against_numpy(orientation: int, form: str) -> None:
    stored = photo(2)
    options: dict[str, Any] = {"exif": exif_of(orientation)}
    if form == "TIFF":
        options = {"tiffinfo": {274: orientation}}
    if form == "WEBP":
        options["lossless"] = True
    file = encode(stored, form, **options)
    upright = UPRIGHT[orientation](stored)
    assert np.array_equal(pixels_of(file), upright)
    assert size_of(file) == (upright.shape[1], upright.shape[0])
    loaded = load(file, FULL)
    assert (loaded.width, loaded.height) == size_of(file)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_is_in_upright_pixels(orientation: int) -> None:
    file = encode(photo(3), "PNG", exif=exif_of(orientation))
    upright = UPRIGHT[orientation](photo(3))
    assert np.array_equal(pixels_of(file, box=Box(5, 11, 60, 47)), upright[11:47, 5:60])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_box_and_draft_together(orientation: int) -> None:
    stored = np.asarray(Image.fromarray(photo(4)).resize((1203, 901), Image.Resampling.BICUBIC))
    file = encode(stored, "JPEG", quality=95, exif=exif_of(orientation))
    upright = UPRIGHT[orientation](stored)
    box = Box(100, 130, 830, 890)
    got = load(file, [Resize("longest", 90)], box=box, crop="own").pixels[0]
    crop = Image.fromarray(np.ascontiguousarray(upright[130:890, 100:830]))
    expected = np.asarray(crop.resize((got.shape[1], got.shape[0]), Image.Resampling.BILINEAR))
    assert max(got.shape) == 90
    assert np.abs(got.astype(int) - expected).mean() < 1.5


def test_a_pillow_picture_is_turned_by_its_own_exif_once() -> None:
    file = encode(photo(5), "JPEG", exif=exif_of(6))
    image = Image.open(io.BytesIO(file))
    assert np.array_equal(pixels_of(image), pixels_of(file))
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(file)))
    assert np.array_equal(pixels_of(turned), pixels_of(file))


# --- sizes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resize", "expected"),
    [
        (Resize("square", 224), (224, 224)),
        (Resize("longest", 500), (500, 250)),
        (Resize("shortest", 100), (200, 100)),
        (Resize("area", 80_000), (400, 200)),
        (Resize("full"), (1000, 500)),
        (Resize("longest", 2000), (1000, 500)),
        (Resize("longest", 2000, enlarge=True), (2000, 1000)),
        (Resize("full").scaled(0.5), (500, 250)),
        (Resize("longest", 500).scaled(0.5), (250, 125)),
        (Resize("area", 80_000).scaled(0.5), (200, 100)),
        (Resize("square", 224).scaled(0.5), (112, 112)),
        (Resize("shortest", 400).scaled(2), (1000, 500)),
    ],
)
def test_targets_by_hand(resize: Resize, expected: tuple[int, int]) -> None:
    assert resize.target(1000, 500) == pytest.approx(expected)


@given(POLICIES, st.integers(1, 3000), SIDES, SIDES, st.floats(0.1, 10))
def test_never_enlarged_unless_asked(policy: Any, size: int, width: int, height: int, scale: float) -> None:
    got = Resize(policy, size).scaled(scale).target(width, height)
    assert got[0] <= width and got[1] <= height
    assert got[0] * height == pytest.approx(got[1] * width)


@given(POLICIES, st.integers(1, 3000), SIDES, SIDES)
def test_enlarged_when_asked_meets_the_policy(policy: Any, size: int, width: int, height: int) -> None:
    got = Resize(policy, size, enlarge=True).target(width, height)
    measure = {"longest": max(got), "shortest": min(got), "area": got[0] * got[1]}[policy]
    assert measure == pytest.approx(size)


@settings(max_examples=40, deadline=None)
@given(
    POLICIES,
    st.integers(1, 200),
    st.integers(1, 90),
    st.integers(1, 90),
    st.sampled_from([1, 8, 32]),
    st.integers(1, 70),
)
def test_loaded_sizes_keep_their_promises(
    policy: Any, size: int, width: int, height: int, grid: int, minimum: int
) -> None:
    resize = Resize(policy, size)
    pixels = load(photo(0, width=width, height=height), [resize], grid=grid, minimum=minimum).pixels[0]
    for side, wanted, own in zip(
        pixels.shape[1::-1], resize.target(width, height), (width, height), strict=True
    ):
        assert side % grid == 0 and side >= minimum
        least = -(-minimum // grid) * grid
        assert side == least or abs(side - wanted) <= grid / 2 + 1e-6
        assert side <= max(least, own + grid / 2)


def test_grid_and_minimum_by_hand() -> None:
    def shape(width: int, height: int, **options: Any) -> tuple[int, ...]:
        pixels = load(photo(0, width=width, height=height), FULL, **options).pixels[0]
        return (pixels.shape[1], pixels.shape[0])

    assert shape(447, 336, grid=32) == (448, 352)  # 336 / 32 = 10.5: a half goes up
    assert shape(47, 49, grid=32) == (32, 64)
    assert shape(5, 100, grid=32) == (32, 96)
    assert shape(5, 100, minimum=40) == (40, 100)
    assert shape(5, 100, grid=32, minimum=40) == (64, 96)  # the least multiple that is not below 40


def test_several_sizes_from_one_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    factors = spy_on_decoding(monkeypatch)
    file = encode(photo(6, width=800, height=600), "JPEG")
    resizes = [Resize("longest", 400).scaled(scale) for scale in (0.5, 1.0)]
    shapes = [pixels.shape for pixels in load(file, resizes).pixels]
    assert shapes == [(150, 200, 3), (300, 400, 3)]
    assert factors == [2]
    assert load(file, []).pixels == ()


# --- crops ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resize", "crop", "expected"),
    [
        (
            Resize("longest", 500),
            "whole",
            (200, 100),
        ),  # the whole picture shrinks by 0.5, and so does the part
        (Resize("longest", 500), "own", (400, 200)),  # the part alone is under 500 already
        (Resize("longest", 100), "whole", (40, 20)),
        (Resize("longest", 100), "own", (100, 50)),
        (Resize("shortest", 250), "whole", (200, 100)),
        (Resize("shortest", 100), "own", (200, 100)),
        (Resize("area", 125_000), "whole", (200, 100)),
        (Resize("area", 20_000), "own", (200, 100)),
        (Resize("longest", 2000), "whole", (400, 200)),
        (Resize("longest", 2000, enlarge=True), "whole", (800, 400)),
        (Resize("longest", 2000, enlarge=True), "own", (2000, 1000)),
        (Resize("full"), "whole", (400, 200)),
        (Resize("square", 64), "whole", (64, 64)),
        (Resize("square", 64), "own", (64, 64)),
    ],
)
def test_crop_scales_by_hand(resize: Resize, crop: Any, expected: tuple[int, int]) -> None:
    picture = photo(7, width=1000, height=500)
    loaded = load(picture, [resize], box=Box(200, 100, 600, 300), crop=crop)
    assert loaded.pixels[0].shape[1::-1] == expected
    assert (loaded.width, loaded.height) == (1000, 500)


def test_a_crop_holds_what_is_in_the_box() -> None:
    picture = np.zeros((100, 200, 3), np.uint8)
    picture[20:60, 40:120] = 250
    inside = load(picture, [Resize("longest", 20)], box=Box(50, 30, 110, 50), crop="own").pixels[0]
    assert inside.shape == (7, 20, 3) and inside.min() == 250


def test_a_box_is_clipped_and_refused() -> None:
    picture = photo(8)
    assert np.array_equal(pixels_of(picture, box=Box(-50, -50, 20, 10)), picture[:10, :20])
    with pytest.raises(BadBox, match="120 x 90"):
        load(picture, FULL, box=Box(500, 500, 600, 600))


def test_wrong_words_are_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean 'own'"):
        load(photo(0), FULL, crop="ownn")  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="bilinear"):
        load(photo(0), FULL, interpolation="bilinaer")  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="longest"):
        Resize("longer", 5)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="at least 1"):
        Resize("longest", 0)
    with pytest.raises(UsageError, match="above 0"):
        Resize("longest", 10).scaled(-1)


# --- draft ----------------------------------------------------------------------------------------------


def spy_on_decoding(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    factors: list[int] = []
    decode = Opened.decode

    def spy(picture: Opened, factor: Any = 1) -> tuple[Image.Image, int]:
        image, factor = decode(picture, factor)
        factors.append(factor)
        return image, factor

    monkeypatch.setattr(Opened, "decode", spy)
    return factors


@pytest.mark.parametrize(
    ("resize", "options", "factor"),
    [
        (Resize("longest", 100), {}, 8),
        (Resize("longest", 101), {}, 4),
        (Resize("longest", 88), {}, 8),
        (Resize("longest", 400), {}, 2),
        (Resize("longest", 401), {}, 1),
        (Resize("square", 75), {}, 8),
        (Resize("longest", 100), {"box": Box(0, 0, 400, 300), "crop": "own"}, 4),
        (Resize("longest", 100), {"box": Box(0, 0, 400, 300), "crop": "whole"}, 8),
        (Resize("longest", 100), {"minimum": 300}, 2),
        (Resize("square", 75, exact=True), {}, 1),
    ],
)
def test_a_jpeg_is_decoded_no_larger_than_needed(
    monkeypatch: pytest.MonkeyPatch, resize: Resize, options: dict[str, Any], factor: int
) -> None:
    factors = spy_on_decoding(monkeypatch)
    load(encode(photo(9, width=800, height=600), "JPEG"), [resize], **options)
    assert factors == [factor]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from([1, 2, 4, 8]))
def test_a_smaller_decoding_has_its_sides_rounded_up(width: int, height: int, factor: Any) -> None:
    with opened(encode(photo(0, width=width, height=height), "JPEG")) as picture:
        image, got = picture.decode(factor)
    if min(width, height) >= factor:
        assert got == factor
    assert image.size == (-(-width // got), -(-height // got))


@given(SIDES, SIDES, st.integers(1, 1000))
def test_a_smaller_decoding_is_large_enough_and_no_larger_than_need_be(
    width: int, height: int, size: int
) -> None:
    wanted = [max(1, round(side)) for side in Resize("longest", size).target(width, height)]
    factor = reduction((width, height), wanted)

    def suffices(step: int) -> bool:
        return -(-width // step) >= wanted[0] and -(-height // step) >= wanted[1]

    assert suffices(factor)
    assert factor == 8 or not suffices(2 * factor)


def test_the_smaller_decoding_looks_the_same() -> None:
    large = Image.fromarray(photo(10)).resize((1601, 1203), Image.Resampling.BICUBIC)
    file = encode(large, "JPEG", quality=95)
    for size in (199, 200, 300, 600):
        got = load(file, [Resize("longest", size)]).pixels[0]
        full = Image.open(io.BytesIO(file)).resize(got.shape[1::-1], Image.Resampling.BILINEAR)
        assert np.abs(got.astype(int) - np.asarray(full)).mean() < 1


def test_an_exact_size_is_what_pillow_makes_of_every_pixel() -> None:
    file = encode(photo(10, width=1601, height=1203), "JPEG", quality=95)
    got = load(file, [Resize("square", 224, exact=True)]).pixels[0]
    whole = Image.open(io.BytesIO(file)).resize((224, 224), Image.Resampling.BILINEAR)
    assert np.array_equal(got, np.asarray(whole))


def test_shrinking_does_not_alias() -> None:
    stripes = np.zeros((64, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    for form in ("PNG", "JPEG"):
        small = load(encode(stripes, form), [Resize("longest", 100)]).pixels[0]
        assert np.abs(small.astype(int) - 127.5).max() < 16


def test_the_callers_picture_is_left_alone() -> None:
    image = Image.open(io.BytesIO(encode(photo(11, width=800, height=600), "JPEG")))
    before = dict(image.info)
    assert load(image, [Resize("longest", 50)]).pixels[0].shape == (38, 50, 3)
    assert image.size == (800, 600) and image.mode == "RGB" and image.info == before


# --- sources and results --------------------------------------------------------------------------------


def test_every_source_gives_the_same_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode(photo(12), "PNG"))
    wanted = load(photo(12), [Resize("longest", 60)]).pixels[0]
    for source in (path, str(path), path.read_bytes(), Image.open(path), Image.fromarray(photo(12))):
        assert np.array_equal(load(source, [Resize("longest", 60)]).pixels[0], wanted)
        assert size_of(source) == (120, 90)


def test_pixels_are_contiguous_read_only_rgb() -> None:
    for source in (photo(13), photo(13)[..., 0], encode(photo(13), "JPEG", exif=exif_of(6))):
        pixels = load(source, [Resize("longest", 40)]).pixels[0]
        assert pixels.dtype == np.uint8 and pixels.shape[2] == 3
        assert pixels.flags.c_contiguous and not pixels.flags.writeable


def test_an_array_that_is_no_slab_of_memory() -> None:
    assert np.array_equal(pixels_of(photo(14)[::-2, ::3]), photo(14)[::-2, ::3])


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((4, 4, 2), np.uint8), "not-a-picture"),
        (np.zeros((1, 4, 4, 3), np.uint8), "not-a-picture"),
        (np.zeros(4, np.uint8), "not-a-picture"),
        (np.zeros((4, 4, 3), np.float32), "not-a-picture"),
        (np.zeros((0, 4, 3), np.uint8), "empty"),
    ],
)
def test_arrays_that_are_no_pictures(array: Any, reason: str) -> None:
    with pytest.raises(BadPicture, match="array") as caught:
        load(array, FULL)
    assert caught.value.reason == reason


def test_suffixes_are_lower_case_with_a_dot() -> None:
    assert {".jpg", ".jpeg", ".png", ".webp", ".tif", ".gif", ".bmp", ".avif", ".heic"} <= SUFFIXES
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in SUFFIXES)


# --- the limit ------------------------------------------------------------------------------------------


def reason_of(source: Any, **options: Any) -> str:
    with pytest.raises(BadPicture) as caught:
        load(source, options.pop("resizes", FULL), **options)
    return caught.value.reason


def test_the_limit_is_ours_and_can_be_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    file = encode(photo(19), "PNG")  # 120 x 90 = 10800 pixels
    assert reason_of(file, max_pixels=10_799) == "too-large"
    assert isinstance(load(file, FULL, max_pixels=10_800), Loaded)
    monkeypatch.setenv("LIKEWISE_MAX_PIXELS", "10_000")
    assert reason_of(file) == "too-large"
    assert isinstance(load(file, FULL, max_pixels=20_000), Loaded)
    monkeypatch.setenv("LIKEWISE_MAX_PIXELS", "plenty")
    with pytest.raises(UsageError, match="plenty"):
        load(file, FULL)


def test_a_bomb_is_refused_by_its_header() -> None:
    assert reason_of(bomb_png()) == "too-large"
    assert size_of(bomb_png()) == (60_000, 60_000)


def test_enlarging_beyond_the_limit_is_refused() -> None:
    thin = photo(20, width=1, height=2000)
    resizes = [Resize("shortest", 500, enlarge=True)]
    assert reason_of(thin, resizes=resizes) == "too-large"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "GIF", "WEBP", "BMP"])
def test_pillows_own_limit_neither_counts_nor_changes(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 6000)  # 10800 pixels would warn
    assert load(encode(photo(21), form), FULL, box=Box(0, 0, 100, 90)).pixels[0].shape == (90, 100, 3)
    assert Image.MAX_IMAGE_PIXELS == 6000
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_a_picture_without_pixels_is_empty() -> None:
    assert reason_of(Image.new("RGB", (0, 0))) == "empty"
    assert reason_of(Image.new("L", (5, 0)), resizes=[Resize("longest", 8)]) == "empty"


@pytest.mark.parametrize("limit", [0, -1])
def test_the_limit_is_above_0(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="max_pixels"):
        load(photo(1), FULL, max_pixels=limit)
    monkeypatch.setenv("LIKEWISE_MAX_PIXELS", str(limit))
    with pytest.raises(UsageError, match=f"LIKEWISE_MAX_PIXELS is '{limit}'"):
        load(photo(1), FULL)


def test_a_picture_over_the_limit_says_what_to_do() -> None:
    with pytest.raises(BadPicture, match=r"--max-pixels .*--retry"):
        load(photo(1), FULL, max_pixels=1)


@pytest.mark.parametrize("address", ["https://example.org/a.jpg", "https:/example.org/a.jpg", "s3://b/a.jpg"])
def test_an_address_is_said_to_be_one(address: str) -> None:
    with pytest.raises(BadPicture, match="it is an address, and only files are read"):
        load(address, [Resize("longest", 64)])
