"""Encoders: what describes pictures for a collection, and how that is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import RLock
from typing import Any, Protocol

from likewise.descriptors import Manifest
from likewise.errors import ManifestMismatch
from likewise.recipes import LayerRecipe


class EncoderFactory(Protocol):
    """Makes what describes pictures for a layer of one kind, when the first picture needs it."""

    def __call__(self, recipe: Any, *, precision: str, streams: int) -> Any:
        """Make one that will be called by ``streams`` threads at once."""


class Encoders:
    """Encoders of a collection's layers, opened when they are needed and kept.

    Parameters
    ----------
    name
        Of the collection, for messages.
    factories
        What makes them, by kind of layer.
    precision
        The numbers that networks are run in; those of a layer's manifest for None, ``f32`` where it has none.
    """

    def __init__(
        self, name: str, factories: Mapping[str, Callable[..., Any]], precision: str | None = None
    ) -> None:
        self._name, self._factories, self._precision = name, factories, precision
        self._made: dict[str, tuple[int, Any]] = {}
        self._lock = RLock()

    def open(self, recipe: LayerRecipe, manifest: Manifest | None, streams: int) -> Any:
        """The encoder of a recipe, for so many threads at once.

        Raises `ManifestMismatch` when it makes something else than the manifest says.
        """
        with self._lock:
            ready, encoder = self._made.get(recipe.hash, (0, None))
            if ready < streams:
                precision = self._precision or (manifest.precision if manifest else "f32")
                encoder = self._factories[recipe.kind](recipe, precision=precision, streams=streams)
                if manifest and (difference := manifest.difference(encoder.manifest)):
                    raise ManifestMismatch(f"{self._name} was made another way: {difference}")
                self._made[recipe.hash] = streams, encoder
            return encoder

    def close(self) -> None:
        """Let go of them."""
        with self._lock:
            self._made.clear()
