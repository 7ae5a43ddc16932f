"""Figures of the suite: ratios within one run, kept, printed, and compared with those of the last table."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles

SLOWER = 0.9
"""A median of less than this part of the last one, whose middle halves do not meet, has got slower."""


@dataclass(frozen=True)
class Figure:
    """How many times as fast as something else, once a repetition.

    Attributes
    ----------
    group
        Of the table.
    work
        What both do.
    beside
        The peer, or the limit of the machine.
    seconds
        Of ours, once a repetition.
    ratios
        Seconds of the peer over ours, of turns that followed each other.
    wanted
        The least median; None where it is only looked at.
    """

    group: str
    work: str
    beside: str
    seconds: Sequence[float]
    ratios: Sequence[float]
    wanted: float | None = None

    @property
    def name(self) -> tuple[str, str, str]:
        """What tells it from others."""
        return self.group, self.work, self.beside

    @property
    def middle(self) -> tuple[float, float]:
        """Between these lies the middle half of the ratios."""
        if len(self.ratios) < 2:
            return self.ratios[0], self.ratios[0]
        low, _, high = quantiles(self.ratios, n=4, method="inclusive")
        return low, high

    def slower_than(self, last: Figure) -> bool:
        """Whether it has got slower since, by more than both runs vary."""
        return median(self.ratios) < SLOWER * median(last.ratios) and max(self.middle) < min(last.middle)


def turns(works: Mapping[str, Callable[[], object]], repetitions: int) -> dict[str, list[float]]:
    """Seconds of each work, which take turns, so that a neighbour on the machine meets them alike."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repetitions):
        for name, work in works.items():
            begun = time.perf_counter()
            work()
            taken[name].append(time.perf_counter() - begun)
    return taken


def beside(
    group: str, work: str, taken: Mapping[str, Sequence[float]], wanted: Mapping[str, float | None]
) -> list[Figure]:
    """A figure for each peer of ``wanted``; ``taken`` has seconds of theirs, and ours as "likewise"."""
    ours = taken["likewise"]
    return [
        Figure(group, work, peer, ours, [b / a for a, b in zip(ours, taken[peer], strict=True)], least)
        for peer, least in wanted.items()
    ]


def write(path: Path, figures: Sequence[Figure]) -> None:
    """Keep figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(figure) for figure in figures], indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> list[Figure]:
    """Figures that were kept; none where there is no file."""
    return [Figure(**told) for told in json.loads(path.read_text("utf-8"))] if path.exists() else []
