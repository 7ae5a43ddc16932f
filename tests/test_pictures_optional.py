"""RAW files by their previews, JPEG XL and PSD: pixels, sizes, what is refused, packages that are missing."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from PIL import Image

from likewise.cli.indexing import index_lines
from likewise.collection import Collection
from likewise.collection.reports import AddReport
from likewise.downstream.duplicates import find_duplicates
from likewise.errors import BadPicture, LikewiseError
from likewise.pictures import Resize, load, size_of
from likewise.pictures import raw as raws
from likewise.pictures.decode import opened
from tests.fakes import RECIPE, FakeFactory, make_pictures
from tests.test_fuzz import changes, fuzzed, mutated
from tests.zoo import encode, photo

WHOLE = [Resize("longest", 512)]


def shot(width: int, height: int) -> Image.Image:
    return Image.fromarray(photo(3, width=width, height=height))


def pixels(content: bytes) -> Any:
    [shown] = load(content, WHOLE).pixels
    return shown.astype(int)


def refused(content: bytes, reason: str, text: str) -> None:
    with pytest.raises(BadPicture, match=text) as problem:
        load(content, WHOLE)
    assert problem.value.reason == reason


# --- RAW ---

SHORT, LONG, TEXT, BYTE = 3, 4, 2, 1
Tags = dict[int, tuple[int, bytes]]


def shorts(*values: int) -> tuple[int, bytes]:
    return SHORT, struct.pack(f"<{len(values)}H", *values)


def longs(*values: int) -> tuple[int, bytes]:
    return LONG, struct.pack(f"<{len(values)}I", *values)


def directory(tags: Tags, at: int) -> bytes:
    """A little-endian directory at an offset, what does not fit into it behind it."""
    head, tail = struct.pack("<H", len(tags)), b""
    behind = at + 2 + 12 * len(tags) + 4
    for tag, (kind, data) in sorted(tags.items()):
        count = len(data) // {SHORT: 2, LONG: 4}.get(kind, 1)
        value = data.ljust(4, b"\0")
        if len(data) > 4:
            value, tail = struct.pack("<I", behind + len(tail)), tail + data + bytes(len(data) % 2)
        head += struct.pack("<HHI", tag, kind, count) + value
    return head + bytes(4) + tail


def dng(
    preview: bytes, *, orientation: int = 1, sensor: int = 32803, width: int = 64, height: int = 48
) -> bytes:
    """A DNG by Adobe's specification 1.4: a preview, and in a directory within what the sensor saw."""
    data = np.random.default_rng(1).integers(0, 4000, (height, width), np.uint16).astype("<u2").tobytes()
    at, low = 8, 8 + len(preview) + len(preview) % 2
    w, h = Image.open(io.BytesIO(preview)).size if preview[:1] == b"\xff" else (24, 16)
    page: Tags = {
        254: longs(1), 256: longs(w), 257: longs(h), 258: shorts(8, 8, 8), 259: shorts(7), 262: shorts(6),
        271: (TEXT, b"Acme\0"), 272: (TEXT, b"Acme One\0"), 273: longs(at), 274: shorts(orientation),
        277: shorts(3), 278: longs(h), 279: longs(len(preview)), 306: (TEXT, b"2019:06:03 14:05:09\0"),
        330: longs(0), 50706: (BYTE, bytes([1, 4, 0, 0])), 50707: (BYTE, bytes([1, 1, 0, 0])),
        50708: (TEXT, b"Acme One\0"),
    }  # fmt: skip
    inner: Tags = {
        254: longs(0), 256: longs(width), 257: longs(height), 258: shorts(16), 259: shorts(1),
        262: shorts(32803), 273: longs(low), 277: shorts(1), 278: longs(height), 279: longs(len(data)),
        33421: shorts(2, 2), 33422: (BYTE, bytes([0, 1, 1, 2])),
    }  # fmt: skip
    first = low + len(data)
    page[330] = longs(first + len(directory(page, first)))
    top = directory(page, first)
    body = preview.ljust(low - 8, b"\0") + data + top + directory(inner, first + len(top))
    return b"II*\0" + struct.pack("<I", first) + body


@pytest.fixture
def rawpy() -> Any:
    return pytest.importorskip("rawpy")


@pytest.fixture
def jpeg() -> bytes:
    return encode(photo(3, width=240, height=160), "JPEG")


@pytest.mark.usefixtures("rawpy")
class TestRaw:
    def test_it_is_what_its_preview_is(self, jpeg: bytes) -> None:
        np.testing.assert_array_equal(pixels(dng(jpeg)), pixels(jpeg))
        with opened(dng(jpeg)) as picture:
            assert (picture.stored.format, picture.size) == ("RAW", (240, 160))
            assert picture.cost(8) < picture.cost(1)

    def test_what_it_says(self, jpeg: bytes) -> None:
        with opened(dng(jpeg, orientation=6)) as picture:
            facts = picture.facts
        assert (facts.camera, facts.orientation) == ("Acme One", 6)

    @pytest.mark.parametrize("orientation", [1, 3, 6, 8])
    def test_it_is_upright(self, jpeg: bytes, orientation: int) -> None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        block = exif.tobytes()
        turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(block)) + block + jpeg[2:]
        for preview in (jpeg, turned):  # the preview need not say it
            found = pixels(dng(preview, orientation=orientation))
            np.testing.assert_array_equal(found, pixels(turned))

    def test_its_limits_are_those_of_the_preview(self, jpeg: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(BadPicture, match="limit"):
            load(dng(jpeg), WHOLE, max_pixels=240 * 160 - 1)
        assert load(dng(jpeg, width=2048, height=2048), WHOLE, max_pixels=240 * 160)
        monkeypatch.setattr(raws, "_LONGEST", 1000)
        refused(dng(jpeg), "too-large", "more than a RAW file of any camera")

    def test_what_is_none(self, jpeg: bytes) -> None:
        refused(b"FUJIFILMCCD-RAW " + bytes(300), "unsupported", "RAW")
        refused(dng(b"\0" * 300), "unsupported", "preview")

    @fuzzed
    @given(edits=changes)
    def test_damaged_ones(self, edits: Any) -> None:
        content = dng(encode(photo(1, width=48, height=32), "JPEG"))
        ends = [(place % 700 + len(content) - 700, new) for place, new in edits]  # the directories
        for changed in (edits, ends):
            with suppress(LikewiseError):
                load(mutated(content, changed), WHOLE, max_pixels=10_000)


# --- JPEG XL ---


@pytest.fixture
def packed() -> Callable[..., bytes]:
    pytest.importorskip("pillow_jxl")

    def save(image: Image.Image, **options: Any) -> bytes:
        stream = io.BytesIO()
        image.save(stream, "JXL", **options)
        return stream.getvalue()

    return save


SIDES = [1, 8, 9, 248, 256, 257, 300, 511, 512, 513, 1000]


class TestJpegXl:
    @pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA"])
    def test_the_same_pixels(self, packed: Callable[..., bytes], mode: str) -> None:
        image = shot(120, 80).convert(mode)
        if mode.endswith("A"):
            image.putalpha(Image.linear_gradient("L").resize(image.size))
        np.testing.assert_array_equal(pixels(packed(image, lossless=True)), load(image, WHOLE).pixels[0])

    def test_grey_of_sixteen_bits(self, packed: Callable[..., bytes]) -> None:
        grey = np.linspace(0, 65535, 60 * 40).reshape(40, 60).astype(np.uint16)
        with opened(packed(Image.fromarray(grey), lossless=True)) as picture:
            stored, _ = picture.stored.decode(1)  # what the plug-in writes has a profile of light, linear
        np.testing.assert_array_equal(np.asarray(stored), np.rint(grey / 257))

    @pytest.mark.parametrize("width", SIDES)
    @pytest.mark.parametrize("height", SIDES)
    def test_sizes(self, packed: Callable[..., bytes], width: int, height: int) -> None:
        assert size_of(packed(Image.new("L", (width, height)), effort=1)) == (width, height)

    @pytest.mark.parametrize("shape", [(1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1), (7, 5)])
    def test_sizes_that_are_told_by_their_ratio(
        self, packed: Callable[..., bytes], shape: tuple[int, int]
    ) -> None:
        for factor in (20, 24, 37):
            size = (shape[0] * factor, shape[1] * factor)
            assert size_of(packed(Image.new("RGB", size), effort=1)) == size

    def test_what_it_says(self, packed: Callable[..., bytes]) -> None:
        exif = Image.Exif()
        exif[0x0110], exif[0x0112] = "Acme One", 6  # by which a JPEG XL is not turned
        content = packed(shot(60, 40), exif=exif.tobytes())
        with opened(content) as picture:
            assert (picture.facts.camera, size_of(content)) == ("Acme One", (60, 40))

    def test_a_large_one_is_refused_before_it_is_decoded(
        self, packed: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import pillow_jxl

        content = packed(Image.new("RGB", (3000, 2000)), effort=1)
        monkeypatch.setattr(pillow_jxl, "Decoder", None)
        with pytest.raises(BadPicture, match="over the limit of 1000000"):
            load(content, WHOLE, max_pixels=1_000_000)
        monkeypatch.setenv("LIKEWISE_MAX_MEMORY", str(64 << 20))
        refused(content, "too-large", "MiB to decode")

    def test_bytes_that_are_none(self, packed: Callable[..., bytes]) -> None:
        content = packed(shot(60, 40))
        refused(b"\xff\n", "truncated", "ends in its header")
        refused(content[: len(content) // 2], "broken", "damaged")

    @fuzzed
    @given(edits=changes)
    def test_damaged_ones(self, packed: Callable[..., bytes], edits: Any) -> None:
        content = packed(shot(24, 18), effort=1)
        with suppress(LikewiseError):
            load(mutated(content, edits), WHOLE, max_pixels=10_000)


# --- PSD ---


def psd(
    planes: Any, mode: int, *, bits: int = 8, resources: dict[int, bytes] | None = None, version: int = 1
) -> bytes:
    """A PSD without layers, by Adobe's specification: planes ``(c, h, w)``, not compressed."""
    count, height, width = planes.shape
    width *= 8 if bits == 1 else 1
    palette = bytes(range(256)) * 3 if mode == 2 else b""
    held = b"".join(
        b"8BIM" + struct.pack(">HHI", kind, 0, len(data)) + data + bytes(len(data) % 2)
        for kind, data in (resources or {}).items()
    )
    head: bytes = b"8BPS" + struct.pack(">H6xHIIHH", version, count, height, width, bits, mode)
    parts = b"".join(struct.pack(">I", len(part)) + part for part in (palette, held, b""))
    return head + parts + bytes(2) + bytes(planes.tobytes())


@pytest.fixture
def colours() -> Any:
    return np.asarray(shot(60, 40)).transpose(2, 0, 1)


class TestPsd:
    def test_rgb(self, colours: Any) -> None:
        np.testing.assert_array_equal(pixels(psd(colours, 3)), colours.transpose(1, 2, 0))

    def test_a_fourth_channel_is_not_seen(self, colours: Any) -> None:
        four = np.concatenate([colours, np.arange(2400, dtype=np.uint8).reshape(1, 40, 60)])
        np.testing.assert_array_equal(pixels(psd(four, 3)), colours.transpose(1, 2, 0))

    def test_grey_palette_and_bitmap(self, colours: Any) -> None:
        grey = np.repeat(colours[0][..., None], 3, axis=2)
        np.testing.assert_array_equal(pixels(psd(colours[:1], 1)), grey)
        np.testing.assert_array_equal(pixels(psd(colours[:1], 2)), grey)
        black = np.array([[[0b10000000]]], np.uint8)
        np.testing.assert_array_equal(pixels(psd(black, 0, bits=1))[0, :, 0], [0, *7 * [255]])

    def test_cmyk_is_stored_as_what_is_left_of_the_paper(self) -> None:
        ink = np.array([0, 64, 255, 128], np.uint8)
        left = np.broadcast_to((255 - ink)[:, None, None], (4, 2, 2)).copy()
        wanted = [round((255 - int(c)) * (255 - 128) / 255) for c in ink[:3]]
        assert np.abs(pixels(psd(left, 4)) - wanted).max() <= 1

    def test_what_it_says(self, colours: Any) -> None:
        exif = Image.Exif()
        exif[0x0110] = "Acme One"
        said = {1058: exif.tobytes(), 1028: b"\x1c\x02\x19\x00\x04lake", 1057: bytes([0, 0, 0, 1, 1])}
        with opened(psd(colours, 3, resources=said)) as picture:
            facts = picture.facts
        assert (facts.camera, facts.keywords) == ("Acme One", ("lake",))

    def test_what_is_not_read(self, colours: Any) -> None:
        refused(psd(colours, 3, version=2), "unsupported", "PSB")
        refused(psd(colours, 9), "unsupported", "colour mode 9")
        refused(psd(colours, 7), "unsupported", "colour mode 7")
        refused(psd(colours, 3, bits=16), "unsupported", "16 bits")
        bare = psd(colours, 3, resources={1057: bytes([0, 0, 0, 1, 0])})
        refused(bare, "unsupported", "without the picture of all layers")
        refused(psd(colours, 3)[:3000], "truncated", "cut short")

    @fuzzed
    @given(edits=changes)
    def test_damaged_ones(self, edits: Any) -> None:
        content = psd(np.zeros((3, 9, 12), np.uint8), 3, resources={1057: bytes([0, 0, 0, 1, 1]), 1039: b"x"})
        with suppress(LikewiseError):
            load(mutated(content, edits), WHOLE, max_pixels=10_000)

    @pytest.mark.tools
    @pytest.mark.parametrize("how", [[], ["-colorspace", "Gray"], ["-compress", "RLE"], ["-monochrome"]])
    def test_against_imagemagick(self, tmp_path: Path, how: list[str]) -> None:
        shot(60, 40).save(tmp_path / "a.png")
        for line in (["a.png", *how, "a.psd"], ["a.psd[0]", "b.png"]):
            subprocess.run(["convert", *line], cwd=tmp_path, check=True)
        theirs = np.asarray(Image.open(tmp_path / "b.png").convert("RGB"), int)
        np.testing.assert_array_equal(pixels((tmp_path / "a.psd").read_bytes()), theirs)


# --- where a package is missing ---


@pytest.mark.parametrize(
    ("module", "content", "extra"),
    [("rawpy", b"IIRO" + bytes(99), "raw"), ("pillow_jxl", b"\xff\n" + bytes(99), "jxl")],
)
def test_without_the_package(
    monkeypatch: pytest.MonkeyPatch, module: str, content: bytes, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    refused(content, "unreadable", rf"pip install 'likewise\[{extra}\]'")


@pytest.mark.usefixtures("rawpy")
@pytest.mark.parametrize("name", ["a.jpg", "other.jpg", "other.dng"])
def test_of_a_raw_file_nothing_is_a_copy_but_its_bytes(tmp_path: Path, jpeg: bytes, name: str) -> None:
    make_pictures(tmp_path / "p", 8)
    (tmp_path / "p" / name).write_bytes(jpeg if name.endswith("jpg") else dng(jpeg, width=32))
    (tmp_path / "p" / "a.dng").write_bytes(dng(jpeg))
    with Collection.open(tmp_path / "c", recipe=RECIPE, extractor_factory=FakeFactory()) as collection:
        assert collection.add(tmp_path / "p").added == 10
        groups = find_duplicates(collection, threshold=0.999).groups
    [group] = [one for one in groups if one.members[0].file.path.name == "a.dng"]  # the heavier one
    assert [(one.file.path.name, one.kind) for one in group.members] == [("a.dng", None), (name, "companion")]
    assert not any(one.surplus for one in group.members)


def test_indexing_says_how_to_read_what_it_passed_over() -> None:
    report = AddReport(passed_over={".cr2": 212, ".xcf": 1, ".jxl": 3})
    assert index_lines(report, Path("c"), 0)[-3:] == [
        "not read: 212 .cr2, 1 .xcf, 3 .jxl",
        "to read .cr2: pip install 'likewise[raw]'",
        "to read .jxl: pip install 'likewise[jxl]'",
    ]
