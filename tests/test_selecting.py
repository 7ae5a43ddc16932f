"""Choosing pictures by where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest

from likewise.collection.layers.selecting import Selection
from likewise.errors import UsageError

PATHS = [
    "2020/summer/a.jpg",
    "2020/summer/b.png",
    "2020/summer 2/c.jpg",
    "2021/a.jpg",
    "[odd]/d.jpg",
    "e.jpg",
]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("/photos", PATHS),
        ("/photos/", PATHS),
        ("/photos/2020/summer", PATHS[:2]),
        ("/photos/2020/summer/a.jpg", PATHS[:1]),
        ("/pho", []),
        ("2020", PATHS[:3]),
        ("2020/summer/", PATHS[:2]),
        ("./2021", PATHS[3:4]),
        ("*.png", PATHS[1:2]),
        ("2020/*.jpg", [PATHS[0], PATHS[2]]),
        ("/photos/202?/a.jpg", PATHS[3:4]),
        ("*/a.jpg", [PATHS[0], PATHS[3]]),
        ("[odd]", PATHS[4:5]),
        ("[eo].jpg", PATHS[5:6]),
        ("summer", []),
    ],
)
def test_folders_and_globs(where: str, expected: list[str]) -> None:
    selection = Selection(where)
    assert [below for below in PATHS if selection.holds(f"/photos/{below}", below)] == expected


def test_as_seen_from_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real/sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    inside, outside = str(tmp_path.resolve() / "real/sub/a.jpg"), str(tmp_path.resolve() / "other/a.jpg")
    for where in ("real", "link", "link/sub", ".", "real/*.jpg"):
        assert Selection(where).holds(inside, "sub/a.jpg"), where
    assert not Selection("real").holds(outside, "other/a.jpg")


@pytest.mark.parametrize("where", ["", "a\0b", None, 2.5])
def test_what_names_nothing_is_not_the_working_folder(where: str) -> None:
    with pytest.raises(UsageError, match="names no picture"):
        Selection(where)


def test_a_name_that_no_file_here_can_have() -> None:
    chosen = Selection("half \ud83d")
    assert chosen.holds("/photos/half \ud83d/a.jpg", "half \ud83d/a.jpg")
    assert not chosen.holds("/photos/half/a.jpg", "half/a.jpg")


@pytest.mark.parametrize(("stored", "asked"), [("NFD", "NFC"), ("NFC", "NFD")])
@pytest.mark.parametrize("where", ["/photos/Café", "Café", "*/Größe.jpg", "Café/Größe.jpg"])
def test_an_accent_is_the_same_in_both_ways_of_writing_it(stored: Any, asked: Any, where: str) -> None:
    below = normalize(stored, "Café/Größe.jpg")
    assert Selection(normalize(asked, where)).holds(f"/photos/{below}", below)
    assert not Selection(normalize(asked, where)).holds("/photos/Cafe/Grosse.jpg", "Cafe/Grosse.jpg")
