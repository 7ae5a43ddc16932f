"""Name to thing, with an error that helps; and what other packages add by entry points."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from likewise.errors import BadPlugin, UnknownName

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")

log = logging.getLogger("likewise.registry")

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

    ``kind``: what is looked for, in a word ("network"), for the message.
    """
    try:
        return known[name]
    except KeyError:
        raise UnknownName(f"no {kind} is called {name!r}; {nearest(name, known)}") from None


class Registry(MutableMapping[str, T]):
    """Things of one kind by name: our own, and those that installed packages add by an entry point.

    A package is looked for when a name is not ours or all names are asked for, and imported when its thing
    is: one that is broken is in nobody's way who does not use it. A name that we have stays ours.

    Parameters
    ----------
    kind
        What they are, in a word ("network"), for messages.
    group
        Of the entry points.
    own
        Ours.
    of
        What each has to be, as for `isinstance`.
    """

    def __init__(self, kind: str, group: str, own: Mapping[str, T], *, of: Any) -> None:
        self._kind, self._group, self._of = kind, group, of
        self._own, self._loaded = dict(own), dict[str, T]()

    def __getitem__(self, name: str) -> T:
        """The thing of a name; raises `BadPlugin` where the package that has it is broken."""
        if name in self._own:
            return self._own[name]
        if name not in self._loaded:
            self._loaded[name] = self._load(self._added[name])
        return self._loaded[name]

    def __setitem__(self, name: str, thing: T) -> None:
        self._own[name] = thing

    def __delitem__(self, name: str) -> None:
        del self._own[name]

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._added

    def __iter__(self) -> Iterator[str]:
        yield from self._own
        yield from self._added

    def __len__(self) -> int:
        return len(self._own) + len(self._added)

    def sound(self) -> dict[str, T]:
        """All that can be used; of a package that is broken the log says why."""
        usable = {}
        for name in self:
            try:
                usable[name] = self[name]
            except BadPlugin as problem:
                log.warning("%s", problem)
        return usable

    def origin(self, name: str) -> str:
        """The package that adds a name, with its version; empty for our own."""
        return "" if name in self._own else _package(self._added[name])

    @cached_property
    def _added(self) -> dict[str, EntryPoint]:
        from importlib.metadata import entry_points  # takes as long as the rest of this module tenfold

        points = sorted(entry_points(group=self._group), key=lambda point: (point.name, _package(point)))
        return {point.name: point for point in points if point.name not in self._own}

    def _load(self, point: EntryPoint) -> T:
        try:
            thing: T = point.load()
        except Exception as error:  # whatever a package of others does
            raise self._broken(point, f"{type(error).__name__}: {error}") from error
        if not isinstance(thing, self._of):
            raise self._broken(point, f"{point.value} is no {self._of.__name__}")
        if (name := getattr(thing, "name", point.name)) != point.name:
            raise self._broken(point, f"{point.value} calls itself {name!r}")
        return thing

    def _broken(self, point: EntryPoint, why: str) -> BadPlugin:
        problem = f"{self._kind} {point.name!r} of package {_package(point)} cannot be used"
        remedy = "update that package, or remove it"
        return BadPlugin(f"{problem}: {why}; {remedy}", public=f"{problem}: {remedy}")


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
