"""What an engine runs for a recipe: its network up to its taps, and the pooling of each part."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace

from likewise.descriptors.poolings import POOLINGS
from likewise.descriptors.recipe import Part, VectorRecipe
from likewise.engines import Array, Head, Ops, Program, as_they_are
from likewise.networks import NETWORKS, find
from likewise.networks.card import Card
from likewise.networks.weights import WeightsFile

DEVICE_PART_VERSION = 1  # raise when the same recipe and weights begin to give other numbers


def program_of(recipe: VectorRecipe, file: WeightsFile) -> Program:
    """The program of a recipe with one output ``(n, d)`` a part."""
    card = find(recipe.network)
    taps = tuple(dict.fromkeys(taps_of(recipe, card)))
    return Program(
        _key(recipe, card, file),
        card,
        taps,
        file.weights.preprocessing,
        file.tensors,
        _head(recipe, card, taps),
        card.input_size if is_fixed(recipe, card) else None,
    )


def maps_of(recipe: VectorRecipe, file: WeightsFile) -> Program:
    """The same network with the maps of its taps as outputs."""
    program = program_of(recipe, file)
    return replace(program, key=_key(recipe, find(recipe.network), file, "maps"), head=as_they_are)


def taps_of(recipe: VectorRecipe, card: Card) -> list[str]:
    """The tap of each part, by its own name."""
    return [card.tap(part.tap).name for part in recipe.parts]


def is_fixed(recipe: VectorRecipe, card: Card) -> bool:
    """Whether the parts need pictures of one size: fully connected layers do, and some transformers."""
    whole = any(card.tap(part.tap).stride == 0 for part in recipe.parts)
    return bool(card.input_size) and (whole or not card.chain)


def _head(recipe: VectorRecipe, card: Card, taps: Sequence[str]) -> Head:
    """One pooled vector a part; whitenings are read when a graph is built, not before."""
    places = [taps.index(name) for name in taps_of(recipe, card)]

    def pool_parts(ops: Ops, maps: Sequence[Array]) -> list[Array]:
        parts = zip(places, recipe.parts, strict=True)
        return [_pooled(ops, maps[place], part) for place, part in parts]

    return pool_parts


def _pooled(ops: Ops, x: Array, part: Part) -> Array:
    """The pooling of a part, with the whitening of its regions where it names one."""
    learned = part.whitening
    more = {"whitening": (learned.mean, learned.projection)} if learned else {}
    return part.pooling(ops, x, **part.options, **more)


def _key(recipe: VectorRecipe, card: Card, file: WeightsFile, *more: str) -> str:
    """Identity of what the engine runs: transforms, sizes and names do not change it."""
    parts = [
        (card.tap(part.tap).name, part.pool, {k: v for k, v in part.options.items() if k != "file"})
        for part in recipe.parts
    ]
    weights = file.fingerprint(taps_of(recipe, card))
    added = [POOLINGS.origin(part.pool) for part in recipe.parts]  # its next version may count otherwise
    if card.name in NETWORKS:
        added.append(NETWORKS.origin(card.name))
    facts = [DEVICE_PART_VERSION, card.name, weights, asdict(file.weights.preprocessing), parts, *more]
    facts += filter(None, added)
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
