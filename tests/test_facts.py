"""What files say about their pictures."""

from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin, TiffImagePlugin

from likewise.pictures.decode import opened
from likewise.pictures.facts import MOST_KEYWORDS, Facts, facts_of
from likewise.pictures.metadata import Metadata, iptc_of_resources
from likewise.pictures.tags import of_exif
from likewise.types import MOST_TEXT

SHOT, PLACE = 0x8769, 0x8825


def exif(*, shot: dict[int, Any] | None = None, place: dict[int, Any] | None = None, **top: Any) -> bytes:
    block = Image.Exif()
    numbers = {"make": 0x010F, "model": 0x0110, "orientation": 0x0112, "rating": 0x4746, "keywords": 0x9C9E}
    for name, value in top.items():
        block[numbers[name]] = value
    if shot:
        block.get_ifd(SHOT).update(shot)
    if place:
        block.get_ifd(PLACE).update(place)
    return block.tobytes()


def packet(attributes: str = "", inner: str = "") -> bytes:
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
        <x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
        <rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
        xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" {attributes}>
        {inner}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>""".encode()


def bag(*words: str) -> str:
    return (
        "<dc:subject><rdf:Bag>" + "".join(f"<rdf:li>{w}</rdf:li>" for w in words) + "</rdf:Bag></dc:subject>"
    )


def iptc(**sets: list[bytes]) -> bytes:
    numbers = {"keyword": 25, "day": 55, "hour": 60}
    return b"".join(
        b"\x1c\x02" + bytes([numbers[name]]) + len(data).to_bytes(2, "big") + data
        for name, values in sets.items()
        for data in values
    )


def resources(block: bytes) -> bytes:
    """A resource with a name of odd length before it."""
    other = b"8BIM\x03\xe8\x03abc" + (3).to_bytes(4, "big") + b"xyz\0"
    return other + b"8BIM\x04\x04\0\0" + len(block).to_bytes(4, "big") + block + b"\0" * (len(block) % 2)


def facts(source: bytes) -> Facts:
    with opened(source) as picture:
        return picture.facts


def encoded(kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 6), "teal").save(out, kind, **options)
    return out.getvalue()


SHOT_OF = exif(
    make="Canon",
    model="Canon EOS 5D",
    orientation=6,
    rating=3,
    shot={0x9003: "2019:06:03 14:05:09", 0x9004: "2020:01:01 00:00:00", 0xA434: "EF50mm f/1.8"},
    place={1: "S", 2: (33.0, 51.0, 36.0), 3: "E", 4: (151.0, 12.0, 0.0)},
)
KNOWN = Facts("2019-06-03T14:05:09", "Canon EOS 5D", "EF50mm f/1.8", 6, 3, -33.86, 151.2)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG", "AVIF"])
def test_what_a_camera_writes(kind: str) -> None:
    assert facts(encoded(kind, exif=SHOT_OF)) == KNOWN


def test_a_tiff_says_it_in_its_page() -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[0x010F], tags[0x0110], tags[700] = "NIKON CORPORATION", "NIKON D90", packet(inner=bag("tiff"))
    found = facts(encoded("TIFF", tiffinfo=tags))
    assert (found.camera, found.keywords) == ("NIKON D90", ("tiff",))


def test_photoshop_keeps_iptc_among_its_resources() -> None:
    block = iptc(keyword=[b"sea", "é".encode("latin-1")], day=[b"20010203"], hour=[b"040506+0100"])
    assert iptc_of_resources(resources(block)) == block
    segment = b"Photoshop 3.0\0" + resources(block)
    plain = encoded("JPEG")
    marked = plain[:2] + b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment + plain[2:]
    assert facts(marked) == Facts(taken="2001-02-03T04:05:06", keywords=("sea", "é"))
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[34377] = resources(block)
    assert facts(encoded("TIFF", tiffinfo=tags)).keywords == ("sea", "é")


@pytest.mark.parametrize(
    ("attributes", "inner", "wanted"),
    [
        ('xmp:Rating="4"', "", Facts(rating=4)),
        ("", "<xmp:Rating>-1</xmp:Rating>", Facts(rating=-1)),
        ('xmp:Rating="9"', "", Facts()),
        ("", bag("harbour", "a &amp; b", "harbour"), Facts(keywords=("harbour", "a & b"))),
        ('tiff:Make="FUJIFILM" tiff:Model="X-T2"', "", Facts(camera="FUJIFILM X-T2")),
        ('exif:DateTimeOriginal="2019-06-03T14:05:09.12+02:00"', "", Facts(taken="2019-06-03T14:05:09")),
        ('exif:DateTimeOriginal="2019-06"', "", Facts(taken="2019-06")),
        (
            'exif:GPSLatitude="48,51.5N" exif:GPSLongitude="2,21,30W"',
            "",
            Facts(latitude=48.8583333, longitude=-2.3583333),
        ),
    ],
)
def test_what_programs_write_as_xmp(attributes: str, inner: str, wanted: Facts) -> None:
    said = packet(attributes, inner)
    assert facts_of(Metadata(xmp=said)) == wanted
    assert facts(encoded("JPEG", xmp=said)) == wanted
    assert facts(encoded("WEBP", xmp=said)) == wanted
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", said.decode())
    assert facts(encoded("PNG", pnginfo=info)) == wanted


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("2019:06:03 14:05:09", "2019-06-03T14:05:09"),
        ("2019:06:03", "2019-06-03"),
        ("0000:00:00 00:00:00", None),
        ("2019:02:30 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("yesterday", None),
    ],
)
def test_dates_are_dates_or_missing(written: str, wanted: str | None) -> None:
    said = Metadata(of_exif(exif(shot={0x9003: written})))
    assert facts_of(said).taken == wanted


@pytest.mark.parametrize(
    ("make", "model", "wanted"),
    [
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        ("NIKON CORPORATION", "NIKON D90", "NIKON D90"),
        ("SONY", "ILCE-7", "SONY ILCE-7"),
        ("SONY", "", "SONY"),
        ("", "DSC\x07 1  ", "DSC 1"),
    ],
)
def test_the_maker_is_said_once(make: str, model: str, wanted: str) -> None:
    assert facts_of(Metadata(of_exif(exif(make=make, model=model)))).camera == wanted


def test_keywords_of_all_three_each_once() -> None:
    windows = "beach;sea\0".encode("utf-16-le")
    said = Metadata(
        of_exif(exif(keywords=windows)), packet(inner=bag("sun", "sea")), iptc(keyword=[b"sun", b"sand"])
    )
    assert facts_of(said).keywords == ("sun", "sea", "sand", "beach")


def test_a_receiver_that_knows_no_place_writes_nought() -> None:
    zero = (0.0, 0.0, 0.0)
    said = Metadata(of_exif(exif(place={1: "N", 2: zero, 3: "E", 4: zero})))
    assert facts_of(said).latitude is None
    beyond = Metadata(of_exif(exif(place={1: "N", 2: (91.0, 0.0, 0.0), 3: "E", 4: (1.0, 0.0, 0.0)})))
    assert facts_of(beyond).longitude is None


def test_a_packet_that_defines_things_is_not_read() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + packet('xmp:Rating="4"')
    assert facts_of(Metadata(xmp=bomb)) == Facts()
    deep = b"<a>" * 300_000
    assert facts_of(Metadata(xmp=deep)) == Facts()


def test_much_is_cut() -> None:
    words = [f"word {number}" for number in range(500)]
    found = facts_of(Metadata(of_exif(exif(make="x" * 5000)), packet(inner=bag(*words))))
    assert len(found.camera or "") == MOST_TEXT and len(found.keywords) == MOST_KEYWORDS


@settings(max_examples=150)
@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=200), st.integers(0, 60))
def test_nothing_fails(block: bytes, xmp: bytes, data: bytes, at: int) -> None:
    spoilt = SHOT_OF[: at + 20] + block[:4] + SHOT_OF[at + 24 :]
    for one in (block, spoilt, b"II*\0\x08\0\0\0" + block):
        found = facts_of(Metadata(of_exif(one), packet() + xmp, b"\x1c\x02\x19" + data))
        assert found.rating is None or -1 <= found.rating <= 5
        assert (found.latitude is None) == (found.longitude is None)
    iptc_of_resources(b"8BIM\x04\x04" + data)


def test_the_facts_of_a_damaged_file_are_missing() -> None:
    half = struct.pack("<HHI", 0x4949, 42, 1 << 31)
    assert facts(encoded("JPEG", exif=b"Exif\0\0" + half)) == Facts()
