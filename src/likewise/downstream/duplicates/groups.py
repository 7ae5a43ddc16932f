"""Groups of pictures that are one, what each of them is to the kept one, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from likewise.downstream.duplicates.kinds import KINDS, Kind
from likewise.downstream.duplicates.links import DuplicateFile, LeftOut


@dataclass(frozen=True)
class Member:
    """A picture of a group.

    Attributes
    ----------
    file
        The file that it is.
    similarity
        To the kept one, which has 1, or 0 where distances are compared.
    kind, why
        What it is to the one that it is a copy ``of``; None and an empty text for the kept one itself.
    surplus
        Whether it could go: it holds nothing that the one lacks that it is a copy of.
    of
        That one: the kept one, or another one of the group that could not go.
    """

    file: DuplicateFile
    similarity: float
    kind: Kind | None = None
    why: str = ""
    surplus: bool = False
    of: Path | None = None


@dataclass(frozen=True)
class Group:
    """Pictures that are one picture, or shots of one burst; the one to keep is the first."""

    members: tuple[Member, ...]

    @property
    def ids(self) -> tuple[int, ...]:
        """Of the pictures, the kept one first, then the others by falling similarity to it."""
        return tuple(member.file.id for member in self.members)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Of the pictures, in that order."""
        return tuple(member.file.path for member in self.members)

    @property
    def similarities(self) -> tuple[float, ...]:
        """To the kept one."""
        return tuple(member.similarity for member in self.members)

    @property
    def sureness(self) -> int:
        """How far down it stands by what is surest in it: exact copies come before other photographs."""
        return min((KINDS.index(member.kind) for member in self.members if member.kind), default=len(KINDS))

    def as_json(self) -> dict[str, Any]:
        """The same as what JSON knows."""
        members = [
            {
                **asdict(member.file),
                **{name: getattr(member, name) for name in ("kind", "why", "surplus", "of")},
            }
            for member in self.members
        ]
        return {
            "ids": self.ids,
            "paths": self.paths,
            "similarities": self.similarities,
            "members": members,
        }


@dataclass(frozen=True)
class Duplicates:
    """Near-duplicates of a collection.

    Attributes
    ----------
    groups
        Of copies: each picture that shows the whole is a copy of each other one, and parts are of most of
        them. The largest first, those of equal size by their ids.
    bursts
        Of photographs taken one after the other, for a person to choose from.
    pictures
        How many were compared.
    threshold
        Similarity from which pictures are looked at pixel by pixel, or that links them if it was given.
    reason
        Why it lies there.
    found
        By alteration the share of altered copies of the collection's pictures that reach it; empty where none
        could be made.
    by_chance
        How many pairs of different pictures are expected above it, before their pixels are looked at; None
        where that is not known.
    looked_at
        How many pairs were.
    left_out
        Pictures that are not there, or no longer what was indexed.
    dismissed
        Pairs that were found and are no duplicates, as a person said.
    """

    groups: tuple[Group, ...]
    bursts: tuple[Group, ...]
    pictures: int
    threshold: float
    reason: str
    found: dict[str, float]
    by_chance: float | None
    looked_at: int
    left_out: LeftOut
    dismissed: int

    def as_json(self) -> dict[str, Any]:
        """The same as what JSON knows, with how many could go and of which kinds they are."""
        groups = {name: [group.as_json() for group in getattr(self, name)] for name in ("groups", "bursts")}
        return {**vars(self), **groups, "surplus": self.surplus, "bytes": self.bytes, "kinds": self.kinds}

    @property
    def surplus(self) -> int:
        """How many pictures could go if that stays which they are copies of."""
        return sum(member.surplus for group in self.groups for member in group.members)

    @property
    def bytes(self) -> int:
        """How much room these take."""
        return sum(m.file.bytes for group in self.groups for m in group.members if m.surplus)

    @property
    def kinds(self) -> dict[str, int]:
        """How many pictures of each kind are in the groups, the most frequent first."""
        counts: dict[str, int] = {}
        for group in (*self.groups, *self.bursts):
            for member in group.members[1:]:
                counts[str(member.kind)] = counts.get(str(member.kind), 0) + 1
        return dict(sorted(counts.items(), key=lambda item: -item[1]))
