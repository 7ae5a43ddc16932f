"""Fitting descriptors to labelled pictures: what is trained, what is held out, which recipe comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from likewise.descriptors import Extractor, VectorRecipe
from likewise.errors import BadPicture
from likewise.files import replacing
from likewise.learning import Chosen, gather
from likewise.training.own import Split, split, write_held
from likewise.training.pictures import load_pictures
from likewise.training.projection import fit_projection
from likewise.training.retrieval import LearnedWeights, RetrievalSettings
from likewise.training.tuning import fit_network
from likewise.types import ProgressCallback

What = Literal["projection", "network"]
RATES: Mapping[What, float] = {"projection": 1e-3, "network": 3e-5}
"""Learning rates to begin with."""
RECIPE, HELD = "recipe.toml", "held-out.csv"


@dataclass(frozen=True)
class FittedDescriptors:
    """Descriptors that were fitted.

    Attributes
    ----------
    recipe
        The recipe file that names what was learned.
    held
        The CSV file of the pictures that were held out; None when none were.
    learned
        How it went.
    trained_on, held_out
        How many pictures.
    failures
        Pictures that could not be read, and why.
    """

    recipe: Path
    held: Path | None
    learned: LearnedWeights
    trained_on: int
    held_out: int
    failures: Mapping[Path, BadPicture]


def fit(
    chosen: Chosen,
    root: Path,
    out: Path,
    *,
    what: What = "projection",
    recipe: VectorRecipe,
    settings: RetrievalSettings,
    hold_out: float = 0.25,
    whole: bool = False,
    dim: int | None = None,
    since: str = "",
    size: int = 320,
    progress: ProgressCallback | None = None,
) -> FittedDescriptors:
    """Train a projection of a recipe's vectors, or its network, on labelled pictures.

    Raises `UsageError` when there are too few groups or pictures, or ``out`` holds another training;
    `MissingExtra` when pytorch-metric-learning is not installed; `WeightsMissing` when the network's weights
    are not here; `StorageError` when ``out`` cannot be written.

    Parameters
    ----------
    chosen
        The pictures with their groups.
    root
        The folder that the list of held-out pictures starts from.
    out
        Gets ``recipe.toml``, ``held-out.csv``, ``history.csv`` and what was learned.
    hold_out, whole
        See `likewise.training.own.split`.
    dim
        See `likewise.training.projection.fit_projection`.
    since, size
        See `likewise.training.tuning.fit_network`; the side of the pictures in pixels.
    """
    split(chosen.groups or (), hold_out, whole=whole, seed=settings.seed)  # refused now, not after decoding
    if what == "projection":
        gathered = gather(Extractor(recipe), chosen, progress=progress)
        failures: Mapping[Path, BadPicture] = gathered.failures
        groups = gathered.groups or ()
        parts = split(groups, hold_out, whole=whole, seed=settings.seed)
        fitted, learned = fit_projection(gathered, parts, recipe, settings, out, dim=dim, progress=progress)
    else:
        pictures = load_pictures(chosen, size, progress=progress)
        failures, groups = pictures.failures, pictures.groups
        parts = split(groups, hold_out, whole=whole, seed=settings.seed)
        fitted, learned = fit_network(pictures, parts, recipe, settings, out, since=since, progress=progress)
    with replacing(out / RECIPE) as part:
        part.write_text(fitted.to_toml(), "utf-8")
    files = [file for file in chosen.files if file not in failures]
    return FittedDescriptors(
        out / RECIPE,
        _listed(files, groups, parts, root, out / HELD),
        learned,
        len(parts.train),
        len(parts.held),
        failures,
    )


def _listed(files: list[Path], groups: tuple[str, ...], parts: Split, root: Path, path: Path) -> Path | None:
    if not parts.held:
        return None
    write_held([(files[place], groups[place]) for place in parts.held], root, path)
    return path
