"""Every mode against pixels worked by hand; every bad file one error."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFile

from likewise.errors import BadPicture
from likewise.pictures import Resize, load, size_of
from likewise.pictures.tags import orientation_of
from likewise.types import UInt8Array
from tests.zoo import encode, exif_of, make_zoo, photo, without_adobe_marker

FULL = [Resize("full")]


def pixels_of(source: Any, **options: Any) -> UInt8Array:
    return load(source, FULL, **options).pixels[0]


def grey(*values: int) -> NDArray[np.uint8]:
    return np.repeat(np.array(values, np.uint8)[None, :, None], 3, axis=2)


# --- colour ---------------------------------------------------------------------------------------------


def test_grey_and_bits_become_three_equal_channels() -> None:
    assert np.array_equal(
        pixels_of(encode(Image.fromarray(np.array([[0, 7, 255]], np.uint8)), "PNG")), grey(0, 7, 255)
    )
    bits = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    assert np.array_equal(pixels_of(encode(bits, "PNG")), grey(0, 255))


@pytest.mark.parametrize(("form", "suffix"), [("PNG", "png"), ("TIFF", "tif"), ("PPM", "pgm")])
def test_sixteen_bits_are_scaled_not_clipped(form: str, suffix: str) -> None:
    # 65535 / 257 = 255; 128 / 257 rounds to 0, 129 / 257 to 1
    values = np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16)
    assert np.array_equal(pixels_of(encode(Image.fromarray(values), form)), grey(0, 0, 1, 1, 128, 255))


def test_a_dark_sixteen_bit_picture_stays_dark() -> None:
    values = np.array([[0, 200, 255]], np.uint16)
    for form in ("PNG", "TIFF", "PPM"):
        assert pixels_of(encode(Image.fromarray(values), form)).max() == 1


def test_big_endian_sixteen_bits() -> None:
    stored = np.array([[0, 257, 65535]], ">u2")
    image = Image.frombytes("I;16B", (3, 1), stored.tobytes())
    assert np.array_equal(pixels_of(image), grey(0, 1, 255))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.25, 1.0], (0, 64, 255)),  # taken for 0..1
        ([0.0, 100.4, 255.0], (0, 100, 255)),  # for 0..255
        ([0.0, 257.0, 65535.0], (0, 1, 255)),  # for 0..65535
        ([-10.0, 0.0, 10.0], (0, 128, 255)),  # stretched
        ([0.0, 50_000.0, 100_000.0], (0, 128, 255)),
        ([-3.0, -3.0, -3.0], (0, 0, 0)),
        ([np.nan, 0.5, np.inf], (128, 128, 128)),
        ([np.nan, np.nan, np.nan], (0, 0, 0)),
    ],
)
def test_floats(values: list[float], expected: tuple[int, ...]) -> None:
    file = encode(Image.fromarray(np.array([values], np.float32)), "TIFF")
    assert np.array_equal(pixels_of(file), grey(*expected))


def test_thirty_two_bit_integers() -> None:
    file = encode(Image.fromarray(np.array([[-100, 0, 100]], np.int32)), "TIFF")
    assert np.array_equal(pixels_of(file), grey(0, 128, 255))


def test_cmyk_by_hand() -> None:
    # 255 (1 - c)(1 - k): ink 128 of 255 under k = 64 of 255 leaves 191 * 127 / 255 = 95.1
    inks = [(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 255, 0), (0, 128, 0, 64), (0, 0, 0, 255)]
    image = Image.new("CMYK", (5, 1))
    image.putdata(inks)
    expected = [[[255, 255, 255], [0, 255, 255], [255, 0, 0], [191, 95, 191], [0, 0, 0]]]
    assert np.array_equal(pixels_of(encode(image, "TIFF")), expected)


@pytest.mark.parametrize("adobe", [True, False])
def test_cmyk_jpeg_with_and_without_adobe_marker(adobe: bool) -> None:
    ink = (200, 40, 0, 20)
    if adobe:
        file = encode(Image.new("CMYK", (32, 32), ink), "JPEG", quality=100)
    else:  # Pillow writes 255 - ink, as Adobe does; less the marker, the numbers stored are the ink itself
        turned = Image.new("CMYK", (32, 32), tuple(255 - part for part in ink))
        file = without_adobe_marker(encode(turned, "JPEG", quality=100))
    red, green, blue = (255 - 20) * 55 / 255, (255 - 20) * 215 / 255, 255 - 20
    assert np.abs(pixels_of(file)[16, 16] - [red, green, blue]).max() <= 3


def over_white(value: int, alpha: int) -> float:
    return (value * alpha + 255 * (255 - alpha)) / 255


def test_alpha_is_laid_over_white() -> None:
    rgba = np.array([[[10, 20, 30, 255], [10, 20, 30, 128], [10, 20, 30, 0], [0, 0, 0, 51]]], np.uint8)
    expected = [[[over_white(int(v), int(p[3])) for v in p[:3]] for p in rgba[0]]]
    for source in (rgba, Image.fromarray(rgba), encode(Image.fromarray(rgba), "PNG")):
        assert np.abs(pixels_of(source) - np.array(expected)).max() <= 0.51


def test_grey_with_alpha() -> None:
    la = Image.frombytes("LA", (3, 1), bytes([100, 255, 100, 128, 100, 0]))
    expected = grey(100, round(over_white(100, 128)), 255)
    assert np.abs(pixels_of(encode(la, "PNG")).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("mode", ["RGBa", "PA", "RGBX", "YCbCr", "HSV", "LAB"])
def test_rare_modes_agree_with_the_plain_picture(mode: str) -> None:
    plain = Image.fromarray(photo(0))
    if mode == "RGBa":
        image = plain.convert("RGBA").convert(mode)
    elif mode == "PA":
        image = plain.quantize(64).convert("RGBA").convert("PA")
    else:
        image = plain.convert(mode)
    by_pillow = np.asarray(image.convert("RGBA" if mode == "RGBa" else "RGB"))[..., :3]
    assert np.abs(pixels_of(image).astype(int) - by_pillow).max() <= 1
    assert np.abs(pixels_of(image).astype(int) - photo(0)).mean() < 8


def palette(colours: Sequence[int]) -> Image.Image:
    image = Image.frombytes("P", (3, 1), bytes([0, 1, 2]))
    image.putpalette(colours)
    return image


def test_palette_with_and_without_transparency() -> None:
    image = palette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    plain = [[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]
    assert np.array_equal(pixels_of(encode(image, "PNG")), plain)
    assert np.array_equal(pixels_of(encode(image, "GIF")), plain)
    some = pixels_of(encode(image, "PNG", transparency=bytes([255, 0, 51])))
    assert np.array_equal(some, [[[255, 0, 0], [255, 255, 255], [204, 204, 255]]])
    one = pixels_of(encode(image, "GIF", transparency=2))
    assert np.array_equal(one, [[[255, 0, 0], [0, 255, 0], [255, 255, 255]]])


def test_a_transparent_colour_shows_white() -> None:
    rgb = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    file = encode(rgb, "PNG", transparency=(1, 2, 3))
    assert np.array_equal(pixels_of(file), [[[255, 255, 255], [4, 5, 6]]])
    file = encode(np.array([[9, 8]], np.uint8), "PNG", transparency=8)
    assert np.array_equal(pixels_of(file), grey(9, 255))


@pytest.mark.parametrize(("form", "tolerance"), [("GIF", 0), ("WEBP", 0), ("PNG", 0), ("TIFF", 0)])
def test_of_an_animation_the_first_frame(form: str, tolerance: int) -> None:
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if form == "WEBP" else {}
    file = encode(frames[0], form, save_all=True, append_images=frames[1:], **options)
    assert np.array_equal(pixels_of(file), np.broadcast_to(np.array([255, 0, 0]), (10, 20, 3)))


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("PPM", {}),
        ("WEBP", {"lossless": True}),
        ("JPEG2000", {}),
    ],
)
def test_lossless_formats_are_exact(form: str, options: dict[str, Any]) -> None:
    assert np.array_equal(pixels_of(encode(photo(1), form, **options)), photo(1))


# --- EXIF -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", [*range(1, 9)])
def test_the_exif_reader_agrees_with_pillow(order: str, orientation: int) -> None:
    exif = Image.Exif()
    exif.endian = order
    exif[0x010F], exif[0x0112], exif[0x0131] = "a maker", orientation, "software"
    assert orientation_of(exif.tobytes()) == orientation
    assert orientation_of(exif.tobytes().removeprefix(b"Exif\0\0")) == orientation


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda tail: b"Exif\0\0II*\0" + tail))
def test_the_exif_reader_survives_anything(block: bytes) -> None:
    assert 1 <= orientation_of(block) <= 8


# --- bad files ------------------------------------------------------------------------------------------


def reason_of(source: Any, **options: Any) -> str:
    with pytest.raises(BadPicture) as caught:
        load(source, options.pop("resizes", FULL), **options)
    return caught.value.reason


def outcome(path: Path) -> str:
    try:
        loaded = load(path, [Resize("longest", 64)], grid=32, minimum=32)
    except BadPicture as error:
        str(error).encode()  # a message can be printed and stored, whatever the file is called
        assert repr(os.fspath(path)) in str(error)
        return error.reason
    assert (loaded.width, loaded.height) == size_of(path)
    return "indexed"


def test_the_zoo(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    zoo = make_zoo(tmp_path / "zoo")
    assert len(zoo) >= 30
    assert {path: outcome(path) for path in zoo} == zoo
    assert capfd.readouterr() == ("", "")  # nor does a C library complain on stderr
    readable = [path for path, wanted in zoo.items() if wanted == "indexed"]
    assert len({path.read_bytes() for path in readable}) == len(readable)


def test_pillows_warnings_about_files_stay_inside(tmp_path: Path) -> None:
    make_zoo(tmp_path / "zoo")
    code = (
        "import sys; from pathlib import Path\n"
        "from likewise.errors import BadPicture\n"
        "from likewise.pictures import Resize, load\n"
        "for path in Path(sys.argv[1]).iterdir():\n"
        "    try: load(path, [Resize('longest', 32)])\n"
        "    except BadPicture: pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", code, str(tmp_path / "zoo")], capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_zoo_in_threads(tmp_path: Path) -> None:
    zoo = make_zoo(tmp_path / "zoo")
    paths = list(zoo) * 2
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(outcome, paths)) == [zoo[path] for path in paths]


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("GIF", {}),
        ("BMP", {}),
        ("WEBP", {}),
        ("AVIF", {}),
        ("PPM", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
)
def test_a_file_cut_anywhere_is_called_truncated(form: str, options: dict[str, Any]) -> None:
    file = encode(photo(15, width=40, height=30), form, **options)
    for end in (16, 17, 20, 29, 40, *(int(len(file) * part) for part in (0.2, 0.5, 0.8, 0.95))):
        with pytest.raises(BadPicture) as caught:
            load(file[:end], FULL)
        assert caught.value.reason == "truncated", (end, str(caught.value))


SMALL_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"exif": exif_of(6)},
    "PNG": {"exif": exif_of(3)},
    "GIF": {},
    "BMP": {},
    "WEBP": {},
    "AVIF": {},
    "TIFF": {"compression": "tiff_lzw"},
    "PPM": {},
}
SMALL_FILES = [
    encode(photo(16, width=24, height=18), form, **options) for form, options in SMALL_OPTIONS.items()
]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_file_is_a_picture_or_one_error(data: st.DataObject) -> None:
    file = bytearray(data.draw(st.sampled_from(SMALL_FILES)))
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    try:
        pixels = load(bytes(file), [Resize("longest", 32)], max_pixels=10**6).pixels[0]
    except BadPicture as error:
        assert str(error).startswith("the picture given ")
    else:
        assert pixels.ndim == 3


@pytest.mark.parametrize("size", [b"\0\0\0\0", b"\0\0\0\1", b"\0\0\0\7", b"\xff\xff\xff\xff"])
def test_boxes_of_impossible_sizes(size: bytes) -> None:
    file = encode(photo(17), "AVIF")
    second = int.from_bytes(file[:4], "big")
    damaged = file[:second] + size + file[second + 4 : second + 8] + b"\xff" * 8 + file[second + 16 :]
    assert reason_of(damaged) in ("broken", "truncated")


def test_the_container_brand_alone_does_not_make_an_avif() -> None:
    file = bytearray(encode(photo(17), "AVIF"))
    file[8:12] = b"mif1"  # both AVIF and HEIC may call themselves so; b"avif" stays among the others
    assert pixels_of(bytes(file)).shape == (90, 120, 3)


def test_what_goes_wrong_in_reading_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: ImageFile.ImageFile) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("PIL.JpegImagePlugin.JpegImageFile.load", fail)
    with pytest.raises(BadPicture, match="Input/output error") as caught:
        load(encode(photo(17), "JPEG"), FULL)
    assert caught.value.reason == "unreadable"


def test_memory_that_runs_out_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: ImageFile.ImageFile) -> None:
        raise MemoryError

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", fail)
    with pytest.raises(BadPicture, match="MemoryError") as caught:
        load(encode(photo(17), "PNG"), FULL)
    assert caught.value.reason == "too-large"


def test_heic_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(BadPicture, match=r"likewise\[heic\]") as caught:
        load(b"\0\0\0\x18ftypheic" + bytes(100), FULL)
    assert caught.value.reason == "unreadable"


def test_heic_is_upright_and_right() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    if not pillow_heif.libheif_info()["encoders"]:
        pytest.skip("this pillow_heif cannot write")
    smooth, file = photo(18) // 2 + 60, io.BytesIO()
    pillow_heif.from_bytes("RGB", (120, 90), smooth.tobytes()).save(file, quality=100, exif=exif_of(6))
    got = load(file.getvalue(), FULL)
    upright = np.rot90(smooth, -1)
    assert (got.width, got.height) == (90, 120)
    assert np.abs(got.pixels[0].astype(int) - upright).mean() < 4
