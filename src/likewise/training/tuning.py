"""A network trained on from its own weights, through the pooling of a recipe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from likewise.descriptors import VectorRecipe, program_of
from likewise.engines.torch_module import LayerChain, ProgramModule
from likewise.errors import UsageError
from likewise.networks import find
from likewise.networks.weights import locate, write_weights
from likewise.training.own import Split
from likewise.training.pictures import TrainingPictures
from likewise.training.retrieval import LearnedWeights, RetrievalSettings, learn
from likewise.types import ProgressCallback


def fit_network(
    pictures: TrainingPictures,
    split: Split,
    recipe: VectorRecipe,
    settings: RetrievalSettings,
    folder: Path,
    *,
    since: str = "",
    progress: ProgressCallback | None = None,
) -> tuple[VectorRecipe, LearnedWeights]:
    """Train the network of a recipe on pictures, from its own weights, through the recipe's pooling.

    Pictures are trained on at one size, each time another part of them; the recipe's own sizes, scales and
    transforms other than unit length are what the tuned recipe is used with, and are left alone. ``since``:
    train only the layers behind this tap; all for "". Raises `UsageError` when the network is not written out
    as a chain, the recipe reads a vector that takes one size only, or the folder holds another training;
    `WeightsMissing` when the network's weights are not here; `MissingExtra` or `StorageError` as
    `likewise.training.projection.fit_projection`.
    """
    card = find(recipe.network)
    if not card.chain:
        raise UsageError(f"{card.name} is built by timm, which has its own training: choose another network")
    file = locate(card, recipe.weights)
    module = _Embedding(ProgramModule(program_of(recipe, file)).eval())
    chain = module.part.network
    assert isinstance(chain, LayerChain)  # noqa: S101 - the card has one
    chain.release(card.tap(since).name if since else "")
    if not any(value.requires_grad for value in module.parameters()):
        raise UsageError(f"nothing of {card.name} lies between {since!r} and the taps of the recipe")
    facts = {"what": f"{card.name} since {since or 'its first layer'}", "recipe": recipe.hash}
    learned = learn(
        module,
        pictures.batch,
        pictures.groups,
        split,
        settings,
        folder,
        facts | {"pictures": pictures.fingerprint},
        progress=progress,
    )
    with torch.no_grad():
        for name, value in module.named_parameters():
            if name in learned.tensors:
                value.copy_(torch.from_numpy(learned.tensors[name]))
    origin = f"likewise train, {pictures.about}, epoch {learned.best.number}"
    named = write_weights(
        folder / "weights.safetensors",
        card,
        file.weights,
        {**file.tensors(), **chain.arrays()},
        origin=origin,
    )
    tuned = replace(
        recipe,
        name=f"{recipe.name}-tuned",
        weights=named.path.name,
        weights_sha256=named.identity,
    )
    return tuned, learned


class _Embedding(nn.Module):
    """The parts of a recipe, each of unit length, one after the other."""

    def __init__(self, part: ProgramModule) -> None:
        super().__init__()
        self.part = part

    def forward(self, pictures: Tensor) -> Tensor:
        """One vector a picture."""
        return torch.cat([functional.normalize(vector, dim=1) for vector in self.part(pictures)], dim=1)
