"""Pages of long lists."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from likewise.web.problems import Problem

Size = Annotated[int, Query(ge=1, description="How many; the server has a limit of its own.")]
Cursor = Annotated[str | None, Query(max_length=100, description="`next` of the answer before.")]


def page(k: int, cursor: str | None, total: int, most: int) -> tuple[int, int, str | None]:
    """Where a page begins and ends, and the cursor of the next one.

    Raises `Problem` 400, when the cursor is none.
    """
    start = place(cursor)
    stop = start + min(k, most)
    return start, stop, str(stop) if stop < total else None


def place(cursor: str | None) -> int:
    """Where a page begins."""
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 12):
        raise Problem(400, "bad-request", "this is no cursor of this list")
    return int(cursor)
