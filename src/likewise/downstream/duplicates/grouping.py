"""Groups in which every picture is a copy of every other one, so that no chain joins what is not alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol


def complete_groups(
    count: int, pairs: Iterable[tuple[int, int]], same: Callable[[int, int], bool]
) -> list[list[int]]:
    """Join along pairs as long as each member of a group goes with each other one (complete linkage).

    Returns groups of at least two, each rising.

    Parameters
    ----------
    count
        How many there are, numbered from 0.
    pairs
        Pairs that go together, the closest first: of a chain, the closest links hold.
    same
        Whether two go together; asked for the pairs across two groups that are to be joined.
    """
    groups = {number: [number] for number in range(count)}
    owner = list(range(count))
    for left, right in pairs:
        first, second = owner[left], owner[right]
        if first == second or not all(same(a, b) for a in groups[first] for b in groups[second]):
            continue
        groups[first] += groups.pop(second)
        for member in groups[first]:
            owner[member] = first
    return [sorted(group) for group in groups.values() if len(group) > 1]


def with_parts(
    groups: Iterable[Sequence[int]],
    parts: Iterable[tuple[int, int]],
    judge: OfParts,
) -> list[list[int]]:
    """Add to groups those that are a part of what a group shows.

    A part need not go with all of a group: it is none of its mirrored copy, and of two parts none need hold
    the other. So it is added where at least half of those that show the whole hold it, and where it overlaps
    each other part. What goes together already is added together. Returns groups of at least two, each
    rising.

    Parameters
    ----------
    groups
        Of those that show a whole.
    parts
        Of each pair the first may hold the second; what holds most comes first.
    judge
        Knows what holds what.
    """
    owner = {row: entry for group in groups for entry in [(list(group), list[int]())] for row in group}
    for whole, part in parts:
        wholes, held = owner.setdefault(whole, ([whole], []))
        others = owner.setdefault(part, ([part], []))
        joining = [*others[0], *others[1]]
        if whole in wholes and part not in wholes and part not in held and _fit(wholes, held, joining, judge):
            held += joining
            owner |= dict.fromkeys(joining, (wholes, held))
    merged = {id(wholes): sorted(wholes + held) for wholes, held in owner.values()}
    return [group for group in merged.values() if len(group) > 1]


class OfParts(Protocol):
    """The tests of two before one of them is added as a part."""

    def holds(self, whole: int, part: int) -> bool:
        """Whether the first holds the second as a part of it."""

    def overlap(self, first: int, second: int) -> bool:
        """Whether two parts show the same in most of what they show."""

    def keeps_apart(self, first: int, second: int) -> bool:
        """Whether they must not be in one group."""


def _fit(wholes: Sequence[int], held: Sequence[int], joining: Sequence[int], judge: OfParts) -> bool:
    """Whether some can be added to a group as parts of it."""
    if any(judge.keeps_apart(member, row) for member in (*wholes, *held) for row in joining):
        return False
    if any(2 * sum(judge.holds(whole, row) for whole in wholes) < len(wholes) for row in joining):
        return False
    return all(judge.overlap(part, row) for part in held for row in joining)


def chained_groups(count: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Join along pairs wherever there is one, as the shots of a burst follow each other."""
    return complete_groups(count, pairs, lambda *_: True)
