"""Patterns that a collection remembers to leave out."""

from __future__ import annotations

import json
from collections.abc import Sequence

from likewise.collection.store.catalogue import Catalogue
from likewise.folders import Excludes

_EXCLUDES = "excludes"


def excludes_of(catalogue: Catalogue) -> Excludes:
    """Patterns that a collection leaves out; the usual ones, where the note is missing or damaged."""
    try:
        patterns = json.loads(catalogue.noted(_EXCLUDES) or "")
    except (ValueError, RecursionError):
        return Excludes()
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
        return Excludes()
    return Excludes(tuple(patterns))


def kept_excludes(catalogue: Catalogue, exclude: Sequence[str], include: Sequence[str]) -> Excludes:
    """Change what a collection leaves out, and remember it.

    Raises `UsageError` when a pattern is empty, or is to be let in that was not left out.
    """
    known = excludes_of(catalogue)
    wanted = known.changed(exclude, include)
    if wanted != known:
        catalogue.note(_EXCLUDES, json.dumps(wanted.patterns))
    return wanted
