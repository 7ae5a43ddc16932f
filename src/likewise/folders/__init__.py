"""Folders of pictures: which files in them are pictures, and what is left out."""

from likewise.folders.excludes import USUAL, Excludes
from likewise.folders.walking import NO_STAMP, Stamp, WalkedFile, look, need_pictures, resolve, walk

__all__ = [
    "NO_STAMP",
    "USUAL",
    "Excludes",
    "Stamp",
    "WalkedFile",
    "look",
    "need_pictures",
    "resolve",
    "walk",
]
