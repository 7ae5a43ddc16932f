"""A map of pictures that can be zoomed, as one HTML file that opens no connection."""

from __future__ import annotations

import html
import json
import math
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from PIL import Image

from likewise.drawing.canvas import PALETTE, Reader, check_output
from likewise.drawing.pages.template import data_address, write_page
from likewise.errors import BadPicture
from likewise.files.system import cores
from likewise.pictures import Resize, load
from likewise.types import Progress, ProgressCallback

if TYPE_CHECKING:  # to lay pictures out takes much that to draw them does not
    from likewise.downstream import MapLayout

COLUMNS = 16
"""Thumbnails across and down one sheet of them."""

SIDES = ((300, 160), (1000, 112), (3000, 80))
"""Longest side of a thumbnail in pixels, for at most so many pictures; beyond all `SMALLEST`."""

SMALLEST = 56

_COLOURS = (*PALETTE, "#5b3a9e", "#8a5a00")  # nobody tells twenty apart
_METHODS = {"pca": "principal components", "tsne": "t-SNE", "umap": "UMAP"}
_LISTED = 200


def map_page(
    layout: MapLayout,
    out: str | os.PathLike[str],
    *,
    groups: Sequence[str] | None = None,
    title: str = "Pictures",
    progress: ProgressCallback | None = None,
    read: Reader = Path,
) -> dict[Path, str]:
    """Write the page.

    Returns pictures that cannot be read any more, and why; they have a grey tile. Raises `UsageError` when
    the name of the page does not end in .html, or a picture lies there; `StorageError` when it cannot be
    written.

    Parameters
    ----------
    groups
        What each picture belongs to, for the colour of its frame; empty for nothing.
    title
        Its heading.
    read
        Gives what is drawn of a file.
    """
    path = Path(out)
    check_output("map", path, *layout.paths)
    side = next((side for most, side in SIDES if len(layout.paths) <= most), SMALLEST)
    thumbnails, failures = _thumbnails(layout.paths, side, progress, read)
    legend, numbers = _legend(groups or [""] * len(layout.paths))
    pictures = [
        {
            "name": os.fsencode(name).decode("utf-8", "backslashreplace"),
            "href": _href(file, path),
            "x": round(float(x), 5),
            "y": round(float(y), 5),
            "w": thumbnail.width,
            "h": thumbnail.height,
            "group": number,
            "problem": failures.get(file, ""),
        }
        for name, file, (x, y), thumbnail, number in zip(
            layout.names, layout.paths, layout.positions, thumbnails, numbers, strict=True
        )
    ]
    sheets = [
        _sheet(thumbnails[start : start + COLUMNS**2], side)
        for start in range(0, len(thumbnails), COLUMNS**2)
    ]
    data = {"side": side, "columns": COLUMNS, "sheets": sheets, "pictures": pictures, "groups": legend}
    count = len(pictures)
    subtitle = f"{count} picture{'s' if count != 1 else ''} by {_METHODS[layout.method]}"
    if layout.method != "pca":
        subtitle += "; near is alike, far says nothing"
    write_page(
        path,
        files(__package__) / "map.html",
        title=html.escape(f"{title}: map"),
        subtitle=html.escape(subtitle),
        subtitle_js=_script(subtitle),
        data=_script(data),
    )
    return failures


def _thumbnails(
    paths: Sequence[Path], side: int, progress: ProgressCallback | None, read: Reader
) -> tuple[list[Image.Image], dict[Path, str]]:
    def make(path: Path) -> Image.Image | BadPicture:
        try:
            pixels = load(read(path), [Resize("longest", side, enlarge=True)]).pixels[0]
            return Image.fromarray(pixels[:side, :side])
        except BadPicture as error:
            return error

    tiles, failures = [], {}
    with ThreadPoolExecutor(cores()) as pool:
        for done, (path, tile) in enumerate(zip(paths, pool.map(make, paths), strict=True), 1):
            if isinstance(tile, BadPicture):
                failures[path] = str(tile)
                tile = Image.new("RGB", (side, side), "#c9ced4")
            tiles.append(tile)
            if progress and (done % 32 == 0 or done == len(paths)):
                progress(Progress(done, len(paths), len(failures), note="thumbnails"))
    return tiles, failures


def _sheet(thumbnails: Sequence[Image.Image], side: int) -> str:
    """Thumbnails on one picture, as an address that holds it."""
    rows = math.ceil(len(thumbnails) / COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * side, rows * side), "#c9ced4")
    for place, thumbnail in enumerate(thumbnails):
        row, column = divmod(place, COLUMNS)
        sheet.paste(thumbnail, (column * side, row * side))
    return data_address(sheet, "jpeg")


def _legend(groups: Sequence[str]) -> tuple[list[dict[str, Any]], list[int]]:
    """The groups, the largest first and the first few in colour, and each picture's number, -1 for none."""
    counts = Counter(group for group in groups if group)
    names = [name for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))][:_LISTED]
    legend = [
        {"name": name, "count": counts[name], "colour": _COLOURS[place] if place < len(_COLOURS) else None}
        for place, name in enumerate(names)
    ]
    places = {name: place for place, name in enumerate(names)}
    return legend, [places.get(group, -1) for group in groups]


def _href(file: Path, page: Path) -> str:
    """The address of a picture as seen from the page."""
    return quote(os.fsencode(os.path.relpath(file, page.absolute().parent)))


def _script(value: Any) -> str:
    """JSON that may stand in a script: no tag can end it."""
    return json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
