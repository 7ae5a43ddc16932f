"""Facts that a file tells of its picture: when, with what and where it was taken, and what people noted.

Read from EXIF 2.32, XMP and IPTC-IIM 4, the first of them that says something. Nothing here fails: what is
damaged, or makes no sense, is missing.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from likewise.pictures.metadata import Metadata
from likewise.pictures.tags import EXIF, GPS, Directory, directory
from likewise.types import MOST_TEXT, one_line

MAKE, MODEL, RATING, KEYWORDS = 0x010F, 0x0110, 0x4746, 0x9C9E
ORIGINAL, DIGITISED, FRACTION, LENS = 0x9003, 0x9004, 0x9291, 0xA434
NORTH_OR_SOUTH, LATITUDE, EAST_OR_WEST, LONGITUDE = 1, 2, 3, 4

MOST_KEYWORDS = 200
_MOST_XMP = 1 << 20


@dataclass(frozen=True)
class Facts:
    """Facts of a picture besides its pixels; None where nothing is said.

    Attributes
    ----------
    taken
        When, as ``2019-06-03T14:05:09`` or the beginning of it, in the time of the place.
    camera, lens
        Maker and model.
    orientation
        1 to 8, of EXIF: how the picture lies in its file.
    rating
        Stars, 0 to 5; -1 for one that was rejected.
    latitude, longitude
        Degrees, north and east positive; both or none.
    keywords
        In the order of the file, each once.
    """

    taken: str | None = None
    camera: str | None = None
    lens: str | None = None
    orientation: int = 1
    rating: int | None = None
    latitude: float | None = None
    longitude: float | None = None
    keywords: tuple[str, ...] = ()


def facts_of(metadata: Metadata, turned: int = 1) -> Facts:
    """Put together what the blocks of a file say; ``turned`` is the orientation by which it is shown."""
    top = metadata.exif
    shot, place = (_inner(top, tag) for tag in (EXIF, GPS))
    xmp, iptc = _properties(metadata.xmp), _data_sets(metadata.iptc)
    make = _first(_text(top, MAKE), *xmp.get("Make", ()))
    model = _first(_text(top, MODEL), *xmp.get("Model", ()))
    written = *xmp.get("DateTimeOriginal", ()), *xmp.get("DateCreated", ())
    latitude, longitude = _position(place) or _told_position(xmp) or (None, None)
    return Facts(
        taken=_date(_text(shot, ORIGINAL), *written, _iptc_date(iptc), _text(shot, DIGITISED)),
        camera=_camera(make, model),
        lens=_first(_text(shot, LENS), *xmp.get("LensModel", ()), *xmp.get("Lens", ())),
        orientation=turned,
        rating=_rating(xmp.get("Rating", ()), top),
        latitude=latitude,
        longitude=longitude,
        keywords=_keywords((*xmp.get("subject", ()), *_iptc_texts(iptc, 25), *_windows_keywords(top))),
    )


# --- EXIF ---


def moment_of(metadata: Metadata) -> float | None:
    """When a photograph was taken by its EXIF block, as seconds of its own clock; None where none is told."""
    if (inner := _inner(metadata.exif, EXIF)) is None:
        return None
    try:
        moment = datetime.strptime(inner.text(ORIGINAL), "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    fraction = re.sub(r"\D", "", inner.text(FRACTION))
    return moment.timestamp() + float(f"0.{fraction or 0}")


def _inner(page: Directory | None, tag: int) -> Directory | None:
    at = page.number(tag, 0) if page else 0
    return directory(page.read, page.order, at, wide=page.wide) if page and at else None


def _text(page: Directory | None, tag: int) -> str:
    return page.text(tag) if page else ""


def _camera(make: str | None, model: str | None) -> str | None:
    """Maker and model, the maker once: most models begin with it."""
    if make and model and not model.casefold().startswith(make.split()[0].casefold()):
        return f"{make} {model}"[:MOST_TEXT]
    return model or make


def _rating(texts: Iterable[str], page: Directory | None) -> int | None:
    number = page.number(RATING, -2) if page else -2
    for text in texts:
        if re.fullmatch(r"-?\d(\.0*)?", text):
            number = int(float(text))
            break
    return number if -1 <= number <= 5 else None


def _windows_keywords(page: Directory | None) -> list[str]:
    text = page.blob(KEYWORDS).decode("utf-16-le", "replace") if page else ""
    return text.split("\0")[0].split(";")


def _position(place: Directory | None) -> tuple[float, float] | None:
    if place is None:
        return None
    latitude = _degrees(place.numbers(LATITUDE), place.text(NORTH_OR_SOUTH), "NS")
    longitude = _degrees(place.numbers(LONGITUDE), place.text(EAST_OR_WEST), "EW")
    return _on_earth(latitude, longitude)


def _degrees(parts: tuple[float, ...], towards: str, ways: str) -> float:
    """Degrees, minutes and seconds as one number; NaN when they are none."""
    if len(parts) != 3 or towards[:1].upper() not in tuple(ways):
        return math.nan
    degrees = parts[0] + parts[1] / 60 + parts[2] / 3600
    return -degrees if towards[:1].upper() == ways[1] else degrees


def _on_earth(latitude: float, longitude: float) -> tuple[float, float] | None:
    """A position; None for what is none, and for 0, 0, which is what receivers write before they know."""
    if not (abs(latitude) <= 90 and abs(longitude) <= 180) or (latitude == 0 and longitude == 0):
        return None
    return round(latitude, 7), round(longitude, 7)  # a centimetre


# --- XMP ---

_NAMES = {
    "http://ns.adobe.com/xap/1.0/": ("Rating",),
    "http://ns.adobe.com/exif/1.0/": ("DateTimeOriginal", "GPSLatitude", "GPSLongitude"),
    "http://ns.adobe.com/photoshop/1.0/": ("DateCreated",),
    "http://ns.adobe.com/tiff/1.0/": ("Make", "Model"),
    "http://ns.adobe.com/exif/1.0/aux/": ("Lens",),
    "http://cipa.jp/exif/1.0/": ("LensModel",),
    "http://purl.org/dc/elements/1.1/": ("subject",),
}
_KNOWN = {f"{{{space}}}{name}": name for space, names in _NAMES.items() for name in names}
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"


def _properties(packet: bytes) -> Mapping[str, list[str]]:
    """Properties that are asked for and their values; a packet with definitions of its own is not read."""
    text = packet[:_MOST_XMP].decode("utf-8", "replace").strip("\0\ufeff \r\n\t")
    if not text or "<!DOCTYPE" in text or "<!ENTITY" in text:
        return {}
    properties: dict[str, list[str]] = {}
    try:
        for element in ET.fromstring(text).iter():
            for key, value in element.attrib.items():
                if key in _KNOWN:
                    properties.setdefault(_KNOWN[key], []).append(value)
            if element.tag in _KNOWN:
                items = [item.text or "" for item in element.iter(f"{_RDF}li")]
                properties.setdefault(_KNOWN[element.tag], []).extend(items or [element.text or ""])
    except (ET.ParseError, ValueError, RecursionError):
        return {}
    return properties


_ANGLE = re.compile(r"(\d{1,3}),(\d{1,2}(?:\.\d{0,12})?)(?:,(\d{1,2}))?([NSEW])")


def _told_position(xmp: Mapping[str, list[str]]) -> tuple[float, float] | None:
    """A position as XMP writes it: ``48,51.5N`` or ``48,51,30N``."""
    degrees = []
    for name, ways in (("GPSLatitude", "NS"), ("GPSLongitude", "EW")):
        match = _ANGLE.fullmatch(_first(*xmp.get(name, ())) or "")
        parts = tuple(float(part or 0) for part in match.groups()[:3]) if match else ()
        degrees.append(_degrees(parts, match[4] if match else "", ways))
    return _on_earth(degrees[0], degrees[1])


# --- IPTC ---


def _data_sets(block: bytes) -> list[tuple[int, bytes]]:
    """Numbers of the data sets of record 2, and what they hold; those of record 1 have 256 added."""
    data_sets, at = [], 0
    while block[at : at + 1] == b"\x1c" and at + 5 <= len(block):
        record, number, size = block[at + 1], block[at + 2], int.from_bytes(block[at + 3 : at + 5], "big")
        if size & 0x8000:  # of more than 32 kB, of which there are none here
            break
        if record in (1, 2):
            data_sets.append((number + 256 * (record == 1), block[at + 5 : at + 5 + size]))
        at += 5 + size
    return data_sets


def _iptc_texts(sets: Iterable[tuple[int, bytes]], number: int) -> Iterator[str]:
    for key, data in sets:
        if key == number:
            try:
                yield data.decode("utf-8")
            except UnicodeDecodeError:
                yield data.decode("latin-1")


def _iptc_date(sets: list[tuple[int, bytes]]) -> str:
    """``20190603`` and ``140509+0200`` as one text of EXIF; nought stands for what is not known."""
    day, hour = (_first(*_iptc_texts(sets, number)) or "" for number in (55, 60))
    if not re.fullmatch(r"\d{8}", day):
        return ""
    parts = [part for part in (day[:4], day[4:6], day[6:8]) if int(part)]
    clock = f" {hour[:2]}:{hour[2:4]}:{hour[4:6]}" if len(parts) == 3 and re.match(r"\d{6}", hour) else ""
    return "-".join(parts) + clock


# --- values ---


def _first(*texts: str) -> str | None:
    """The first that says something, in one form, without what cannot be shown."""
    for text in texts:
        if shown := one_line(text):
            return shown
    return None


def _keywords(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, map(one_line, texts))))[:MOST_KEYWORDS]


_DATE = re.compile(
    r"(\d{4})(?:[-:](\d\d)(?:[-:](\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?)?)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?"
)


def _date(*texts: str) -> str | None:
    """The first that is a date, as ISO 8601 writes it, as far as it goes."""
    for text in texts:
        match = _DATE.fullmatch(text.strip())
        parts = [part for part in match.groups() if part] if match else []
        numbers = [int(part) for part in parts]
        if not numbers or numbers[0] < 1800:
            continue
        try:
            datetime(*[*numbers, *(1, 1, 1)[len(numbers) :]])  # type: ignore[arg-type]
        except ValueError:
            continue
        return "-".join(parts[:3]) + ("T" + ":".join(parts[3:]) if len(parts) > 3 else "")
    return None
