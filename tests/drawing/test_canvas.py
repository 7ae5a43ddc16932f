"""Text that fits and can be read, and tiles in rows."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFont

from likewise.drawing import canvas
from tests.drawing.looks import drawn


def test_names_are_shown_without_control_letters() -> None:
    assert canvas.name_of(Path("a/new\nline.jpg")) == "new\\nline.jpg"
    assert canvas.name_of(os.fsdecode(b"bad\xff.jpg")) == "bad\\xff.jpg"
    assert canvas.name_of(Path("e\u0301te\u0301.jpg")) == "\xe9t\xe9.jpg"
    assert canvas.name_of(np.zeros((2, 2), dtype=np.uint8)) == "the picture given"


def test_letters_that_no_font_has_are_written_as_escapes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canvas, "_WIDER_FONTS", ())
    for name in ("写真.png", "\\u5199\\u771f.png"):
        sheet = Image.new("RGB", (200, 30), "white")
        canvas.write(sheet, (0, 0), name, 13, 200)
        sheet.save(tmp_path / f"{len(name)}.png")
    assert (drawn(tmp_path / "6.png") == drawn(tmp_path / "16.png")).all()


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1), st.integers(20, 300))
def test_elided_text_fits_and_keeps_both_ends(text: str, width: int) -> None:
    font = ImageFont.load_default(13)
    short = canvas.elided(text, font, width)
    assert font.getlength(short) <= width
    if short == text:
        return
    head, tail = short.rsplit("…", 1)
    assert text.startswith(head) and text.endswith(tail)
    assert font.getlength(text) > width


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(1, 300)), max_size=20), st.integers(1, 900))
def test_tiles_in_rows_keep_their_order_and_do_not_overlap(sizes: list[tuple[int, int]], width: int) -> None:
    corners, (across, down) = canvas.in_rows(sizes, width)
    assert across <= max([width, *(wide for wide, _ in sizes)])
    right = below = 0
    for (x, y), (wide, high) in zip(corners, sizes, strict=True):
        assert (x >= right and x) or y >= below  # beside the one before, or below all of them
        right, below = x + wide, max(below, y + high)
    assert down == below
