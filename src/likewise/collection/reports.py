"""Reports of a collection: on adding, on its state, on its soundness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from likewise.collection.layers.flaws import Flaw
from likewise.collection.layers.layer import CollectionLayer
from likewise.collection.reach import out_of_reach
from likewise.collection.store.catalogue import Catalogue
from likewise.collection.store.remembering import excludes_of
from likewise.descriptors import Manifest


@dataclass(frozen=True)
class AddReport:
    """Counts of files after adding; each file that was looked at counts once.

    Attributes
    ----------
    added
        New content, through the network.
    copied
        New files whose content was known already.
    changed
        Known files with another content.
    moved
        Known content that lies elsewhere now and no longer where it was.
    completed
        As before, but described for layers that were added, or again where what was kept was damaged; or what
        their files say was read for the first time.
    unchanged
        As before.
    failed
        Files that cannot be indexed, those that were not tried again among them.
    forgotten
        Files that are gone and were dropped, which takes ``prune``.
    away
        Pictures that stay though their files cannot be found, for their folder holds none of its pictures: a
        disk may not be mounted.
    gone
        Pictures whose files are gone, or left out by now, and which are kept for want of ``prune``.
    incomplete
        Pictures that a layer keeps nothing of: it was added while their files could not be read.
    passed_over
        Files that are no pictures by their name, by suffix in lower case, the most frequent first.
    seconds
        Wall time of all of it, learning words included.
    """

    added: int = 0
    copied: int = 0
    changed: int = 0
    moved: int = 0
    completed: int = 0
    unchanged: int = 0
    failed: int = 0
    forgotten: int = 0
    away: int = 0
    gone: int = 0
    incomplete: int = 0
    passed_over: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Info:
    """A collection in a few numbers; ``bytes`` on the disk, ``changed`` as Unix time.

    Attributes
    ----------
    store
        The address of the server that keeps it; None where its folder does.
    manifest, code
        How the first layer was made, and how what it keeps is written.
    layers, codes, searched
        The same of each layer, by its name, and how it is searched.
    away
        Folders that hold none of their pictures now, as when a disk is not mounted.
    excludes
        Patterns of what is left out.
    columns
        Columns of one's own, and of how many pictures each says something.
    """

    path: Path
    store: str | None
    recipe: str
    manifest: Manifest
    code: str
    layers: dict[str, Manifest]
    codes: dict[str, str]
    searched: dict[str, str]
    pictures: int
    failures: int
    roots: list[Path]
    away: list[Path]
    excludes: list[str]
    columns: dict[str, int]
    bytes: int
    generation: int
    changed: float

    @classmethod
    def of(
        cls,
        path: Path,
        store: str | None,
        catalogue: Catalogue,
        recipe: str,
        layers: Sequence[CollectionLayer],
    ) -> Info:
        """Ask the catalogue in a folder."""
        return cls(
            path=path,
            store=store,
            recipe=recipe,
            manifest=layers[0].manifest,
            code=layers[0].code,
            layers={layer.recipe.name: layer.manifest for layer in layers},
            codes={layer.recipe.name: layer.code for layer in layers},
            searched={layer.recipe.name: layer.searched(catalogue) for layer in layers},
            pictures=catalogue.count(),
            failures=catalogue.failure_count(),
            roots=[Path(root) for root in sorted(catalogue.roots().values())],
            away=[Path(folder) for folder in out_of_reach(catalogue)],
            excludes=list(excludes_of(catalogue).patterns),
            columns=catalogue.facts.columns(),
            bytes=sum(file.stat().st_size for file in path.rglob("*") if file.is_file()),
            generation=catalogue.generation,
            changed=catalogue.changed,
        )


@dataclass(frozen=True)
class VerifyReport:
    """Faults that were found among ``checked`` pictures."""

    faults: list[Flaw]
    checked: int
