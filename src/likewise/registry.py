"""Name to thing, with an error that helps."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

from likewise.errors import UnknownName

T = TypeVar("T")

LISTED = 40
"""Names that a message lists at most."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Half a sentence that leads from a misspelt name to the known ones.

    Returns ``did you mean 'x'?`` when something is near, else the sorted list of what there is, `LISTED`
    names at most.
    """
    names = sorted(known)
    near = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.6)
    if near:
        return "did you mean " + " or ".join(repr(n) for n in near) + "?"
    more = f", ... and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return "known: " + ", ".join(names[:LISTED]) + more


def lookup(kind: str, name: str, known: Mapping[str, T]) -> T:
    """Give ``known[name]``, or raise `UnknownName` with the nearest names.

    Parameters
    ----------
    kind
        What is looked for, in a word ("network"), for the message.
    """
    try:
        return known[name]
    except KeyError:
        raise UnknownName(f"no {kind} is called {name!r}; {nearest(name, known)}") from None
