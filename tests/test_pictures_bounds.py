"""What a file may cost, and what lies when it is decoded: bytes, scans, pieces, sizes."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from likewise.errors import BadPicture, UsageError
from likewise.pictures import Resize, load
from likewise.pictures.budget import _ROOM, check_scans
from likewise.pictures.signatures import identify
from likewise.pictures.stream import Stream
from likewise.types import UInt8Array
from tests.zoo import encode, photo

FULL = [Resize("full")]


def pixels_of(source: Any) -> UInt8Array:
    return load(source, FULL).pixels[0]


def reason_of(source: Any) -> str:
    with pytest.raises(BadPicture) as caught:
        load(source, FULL)
    return caught.value.reason


# --- opacity, ends, sizes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["RGBA", "LA", "RGBa", "PA"])
def test_opacity_that_is_nought_everywhere_means_nothing(mode: str) -> None:
    rgba = Image.fromarray(photo(1)).convert("RGBA")
    rgba.putalpha(0)
    image = rgba
    if mode == "LA":
        image = rgba.convert("LA")
    elif mode == "RGBa":
        image = Image.frombytes("RGBa", rgba.size, rgba.tobytes())
    elif mode == "PA":
        image = Image.fromarray(photo(1)).quantize(64).convert("PA")
        image.putalpha(0)
    plain = image.convert("LA" if mode == "LA" else "RGBA").convert("L" if mode == "LA" else "RGB")
    assert np.array_equal(pixels_of(image), np.asarray(plain.convert("RGB")))
    assert pixels_of(image).std() > 10


def test_opacity_of_a_bitmap_from_the_clipboard() -> None:
    pixels = photo(2)
    height, width = pixels.shape[:2]
    data = np.dstack([pixels, np.zeros((height, width), np.uint8)])[::-1, :, [2, 1, 0, 3]].tobytes()
    head = struct.pack("<IiiHHIIiiII", 124, width, height, 1, 32, 3, len(data), 2835, 2835, 0, 0)
    head = (head + struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)).ljust(124, b"\0")
    file = b"BM" + struct.pack("<IHHI", 138 + len(data), 0, 0, 138) + head + data
    assert np.array_equal(pixels_of(file), pixels)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("size", [Resize("full"), Resize("longest", 30)])
def test_a_jpeg_that_lacks_only_its_last_marker_is_whole(options: dict[str, Any], size: Resize) -> None:
    file = encode(photo(3), "JPEG", **options)
    whole = load(file, [size]).pixels[0]
    for missing in (1, 2):
        if not options.get("restart_marker_rows") or missing == 2:
            assert np.array_equal(load(file[:-missing], [size]).pixels[0], whole)
    for missing in (40, 200, len(file) // 2):
        assert reason_of(file[:-missing]) == "truncated"
        assert reason_of(file[:-missing] + bytes(missing)) == "truncated"  # a card that lost what was there


def test_a_progressive_jpeg_without_its_last_scans_is_cut() -> None:
    file = encode(photo(4), "JPEG", progressive=True)
    scans = [at for at in range(len(file)) if file[at : at + 2] == b"\xff\xda"]
    tables = file.rfind(b"\xff\xc4", 0, scans[-1])  # the Huffman table of the last scan stands before it
    assert reason_of(file[: tables if tables > scans[-2] else scans[-1]]) == "truncated"


def test_a_decoder_that_gives_another_size_than_the_header_is_one_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def load_less(self: Image.Image) -> None:
        self.im = Image.new("RGB", (48, 64)).im
        self._size = (48, 64)

    monkeypatch.setattr("PIL.AvifImagePlugin.AvifImageFile.load", load_less)
    assert reason_of(encode(photo(5), "AVIF")) == "broken"


@pytest.mark.parametrize("error", [ValueError, RuntimeError, RecursionError, ZeroDivisionError])
def test_whatever_resizing_raises_is_one_failure(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error("no")

    monkeypatch.setattr("PIL.Image.Image.resize", fail)
    with pytest.raises(BadPicture, match="damaged: no"):
        load(encode(photo(6), "PNG"), [Resize("longest", 20)])


# --- plain Netpbm -------------------------------------------------------------------------------------------


def test_plain_netpbm_with_comments() -> None:
    text = b"P3\n# a comment\n2 2 # width, height\n15\n0 15 5  1 2 3\n# between\n15 15 15 # end\n 7 8 9\n"
    wanted = [[[0, 255, 85], [17, 34, 51]], [[255, 255, 255], [119, 136, 153]]]
    assert np.array_equal(pixels_of(text), wanted)
    assert np.array_equal(pixels_of(b"P1 3 2\n010\n1 0 1")[..., 0], [[255, 0, 255], [0, 255, 0]])
    assert np.array_equal(pixels_of(b"P2 2 1 65535\n0 65535")[..., 0], [[0, 255]])
    assert np.array_equal(pixels_of(b"P4 3 1\n" + bytes([0b01000000]))[..., 0], [[255, 0, 255]])
    assert np.array_equal(pixels_of(b"P5 2 1 15\n" + bytes([0, 3]))[..., 0], [[0, 51]])
    assert np.array_equal(pixels_of(b"P5 1 1 4095\n" + bytes([8, 0]))[..., 0], [[128]])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"P3 2 2 255 1 2 3", "truncated"),
        (b"P3 2 2", "truncated"),
        (b"P2 2 1 255 1 x", "broken"),
        (b"P2 2 1 255 1 99999999999", "broken"),
        (b"P1 2 1 0 2", "broken"),
        (b"P2 2 1 70000 1 1", "broken"),
        (b"P5 2 2 255 abc", "truncated"),
        (b"P6 99999999 99999999 255\n", "too-large"),
    ],
)
def test_bad_netpbm(text: bytes, reason: str) -> None:
    assert reason_of(text) == reason


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["f", "F"])
def test_floats_of_netpbm(order: str, kind: str) -> None:
    values = photo(7) if kind == "F" else photo(7)[..., :1]
    scale = b"-1.0" if order == "<" else b"1.0"
    data = (values[::-1] / 255).astype(f"{order}f4").tobytes()  # from the bottom up
    file = b"P%s\n120 90\n%s\n" % (kind.encode(), scale) + data
    exact = values.max() == 255
    assert not exact or np.array_equal(pixels_of(file)[..., : values.shape[2]], values)
    assert np.abs(pixels_of(file).astype(int) - values).max() <= 1


# --- budgets ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "file",
    [
        lambda: deep_png(7000, 7000, 16, 0),
        lambda: deep_png(7000, 7000, 16, 2),
        lambda: deep_png(7000, 7000, 8, 6),
    ],
)
def test_what_takes_more_bytes_than_there_are_is_refused_by_its_header(
    monkeypatch: pytest.MonkeyPatch, file: Any
) -> None:
    monkeypatch.setenv("LIKEWISE_MAX_MEMORY", str(64 << 20))
    with pytest.raises(BadPicture, match=r"MiB to decode, over the limit of 64 MiB; .*MAX_MEMORY=.*--retry"):
        load(file(), [Resize("longest", 100)])
    monkeypatch.setenv("LIKEWISE_MAX_MEMORY", "plenty")
    with pytest.raises(UsageError, match="LIKEWISE_MAX_MEMORY is 'plenty'"):
        load(photo(8), FULL)


def deep_png(width: int, height: int, bits: int, kind: int) -> bytes:
    """A PNG whose header is all there is to it."""
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b"")]
    made = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + made


def test_pictures_wait_for_room_in_the_order_they_came() -> None:
    order: list[str] = []
    with _ROOM.of(60, 100):
        threads = []
        for name, count in (("large", 90), ("small", 10)):
            thread = threading.Thread(target=lambda n=name, c=count: held(order, n, c))
            thread.start()
            threads.append(thread)
            while len(_ROOM._waiting) < len(threads):
                pass
        assert order == []  # the small one would fit, but does not pass by the large one
    for thread in threads:
        thread.join()
    assert sorted(order) == ["large", "small"] and _ROOM._taken == 0


def held(order: list[str], name: str, count: int) -> None:
    with _ROOM.of(count, 100):
        order.append(name)


def test_scans_of_a_jpeg_are_bounded() -> None:
    check_scans("it", 200_000_000, 10)
    check_scans("it", 1_000_000, 900)
    for pixels, scans in ((48_000_000, 100), (1, 1001)):
        with pytest.raises(BadPicture, match=f"{scans} times"):
            check_scans("it", pixels, scans)
    file = encode(photo(9), "JPEG", progressive=True)
    last = file.rfind(b"\xff\xda")
    assert reason_of(file[:-2] + file[last:-2] * 1000 + file[-2:]) == "too-large"
    at_once = encode(photo(9), "JPEG")  # decoders stop after a scan of all components
    many = at_once + b"\xff\xda" * 1001
    assert np.array_equal(pixels_of(many), pixels_of(at_once))
    scan = at_once.rfind(b"\xff\xda")
    assert reason_of(many[: scan + 4] + b"\x01" + many[scan + 5 :]) == "too-large"


def test_a_file_in_millions_of_pieces_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("likewise.pictures.stream.MOST_READS", 10_000)
    jpeg = encode(photo(10), "JPEG")
    assert reason_of(jpeg[:2] + b"\xff\xe5\0\2" * 20_000 + jpeg[2:]) == "broken"
    assert reason_of(jpeg[:2] + b"\xff" * 200_000 + jpeg[2:]) == "broken"
    png = encode(photo(10), "PNG")
    empty = b"\0\0\0\0tEXt" + struct.pack(">I", zlib.crc32(b"tEXt"))
    assert reason_of(png[:33] + empty * 20_000 + png[33:]) == "broken"


def test_boxes_without_end() -> None:
    file = encode(photo(11), "AVIF")
    first = int.from_bytes(file[:4], "big")
    boxes = file[:first] + b"\0\0\0\x08free" * 200_000
    stream = Stream(io.BytesIO(boxes))
    assert stream.is_cut() is False
    assert reason_of(boxes) in ("broken", "truncated")


# --- colour profiles ----------------------------------------------------------------------------------------


def profile(gamma: float, primaries: tuple[float, ...]) -> bytes:
    """An ICC profile (version 2) of three primaries in XYZ (D50), each under one gamma."""
    tags = {b"wtpt": xyz(0.9642, 1.0, 0.8249)}
    for name, at in ((b"rXYZ", 0), (b"gXYZ", 3), (b"bXYZ", 6)):
        tags[name] = xyz(*primaries[at : at + 3])
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    tags[b"desc"] = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)
    tags[b"cprt"] = b"text" + bytes(4) + b"none\0"
    body, table = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head = head.ljust(36, b"\0") + b"acsp"
    head = head.ljust(68, b"\0") + struct.pack(">iii", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">iii", *(round(value * 65536) for value in values))


SRGB = (0.4361, 0.2225, 0.0139, 0.3851, 0.7169, 0.0971, 0.1431, 0.0606, 0.7141)
PROPHOTO = (0.7977, 0.2880, 0.0, 0.1352, 0.7119, 0.0, 0.0313, 0.0001, 0.8249)


@pytest.mark.parametrize(("form", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})])
def test_colours_of_another_space_are_brought_to_srgb(form: str, options: dict[str, Any]) -> None:
    stored = np.array([[[128, 128, 128], [255, 255, 255], [0, 0, 0], [140, 100, 60]]], np.uint8)
    got = pixels_of(encode(stored, form, icc_profile=profile(1.8, PROPHOTO), **options))[0].astype(int)
    linear = (stored[0] / 255) ** 1.8 @ np.array(PROPHOTO).reshape(3, 3)
    rgb = linear @ np.linalg.inv(np.array(SRGB).reshape(3, 3))
    rgb = np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * np.clip(rgb, 0, None) ** (1 / 2.4) - 0.055)
    assert np.abs(got - np.clip(rgb, 0, 1) * 255).max() <= 2  # IEC 61966-2-1


def test_nothing_moves_that_is_srgb_or_has_a_profile_of_no_use() -> None:
    stored = photo(12)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for useless in (srgb, b"", b"noise" * 100, srgb[:200], profile(2.2, SRGB)[:60]):
        assert np.array_equal(pixels_of(encode(stored, "PNG", icc_profile=useless)), stored)
    grey = stored[..., 0]  # a profile of three colours says nothing about grey
    assert np.array_equal(pixels_of(encode(grey, "PNG", icc_profile=profile(1.8, PROPHOTO)))[..., 0], grey)


def test_every_format_says_what_it_costs() -> None:
    for form in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "AVIF", "TIFF", "PPM", "JPEG2000"):
        stored = identify(Stream(io.BytesIO(encode(photo(13), form))), "it")
        assert stored.cost(1) >= 120 * 90, form
        assert stored.format == form
