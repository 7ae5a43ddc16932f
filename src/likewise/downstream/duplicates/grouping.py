"""Groups in which every picture is a copy of every other one, so that no chain joins what is not alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def complete_groups(
    count: int, pairs: Iterable[tuple[int, int]], same: Callable[[int, int], bool]
) -> list[list[int]]:
    """Join along pairs as long as each member of a group goes with each other one (complete linkage).

    Parameters
    ----------
    count
        How many there are, numbered from 0.
    pairs
        Pairs that go together, the closest first: of a chain, the closest links hold.
    same
        Whether two go together; asked for the pairs across two groups that are to be joined.

    Returns
    -------
    list
        Groups of at least two, each rising.
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


def chained_groups(count: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Join along pairs wherever there is one, as the shots of a burst follow each other."""
    return complete_groups(count, pairs, lambda *_: True)
