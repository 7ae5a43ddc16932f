"""Fill in the template of a page, and put pictures into it."""

from __future__ import annotations

import base64
import io
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from PIL import Image

from likewise.files import replacing


def write_page(out: Path, template: Traversable, **fields: str) -> None:
    """Write a page whole, or leave what was there.

    Parameters
    ----------
    template
        Its file; a dollar sign in it stands doubled.
    fields
        HTML for each of its places.
    """
    page = Template(template.read_text("utf-8")).substitute(fields)
    with replacing(out) as part:
        part.write_text(page, encoding="utf-8")


def data_address(picture: Image.Image, kind: str, quality: int = 80) -> str:
    """An address that holds a picture itself, as ``jpeg``, ``webp`` or ``png``, which has no quality."""
    file = io.BytesIO()
    picture.save(file, kind, quality=quality)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
