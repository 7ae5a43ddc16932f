"""A recipe of one vector: how a picture becomes it, alone or as a layer of a recipe of several.

It is a small TOML file::

    name = "gem"
    about = "generalised mean of VGG16's last map"
    network = "vgg16"
    distance = "cosine"            # or "l2"
    code = "fp16"                  # fp32, fp16, int8 or pq: how vectors are stored
    scales = [1.0]                 # the vectors of all scales are added
    transforms = [{ kind = "l2" }] # l2, root (exponent), whiten (file), in this order

    [resize]
    policy = "longest"
    size = 1024

    [[parts]]                      # several parts are concatenated
    tap = "relu5_3"
    pool = "gem"
    options = { p = 3.0 }

A part is L2 normalised before it is weighted, added over scales and concatenated, if there are several parts
or scales. With one of each, `transforms` alone decide.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from likewise.arrays.artifacts import Sample, named, resolved
from likewise.descriptors.parts import STEPS, Part, Step, TransformChain
from likewise.descriptors.poolings import POOLINGS
from likewise.descriptors.transforms import Quantiser, Whitening, l2
from likewise.descriptors.transforms.functions import Floats
from likewise.errors import BadRecipe
from likewise.networks import find
from likewise.networks.weights import identity_of
from likewise.pictures import Resize
from likewise.tables import (
    Option,
    RecipeText,
    choose,
    defaults_of,
    difference,
    expect,
    known_keys,
    settle,
    toml_lines,
)

KIND = "vector"

_SCALARS: dict[str, Option] = {
    "name": "",
    "about": "",
    "network": "",
    "weights": "",
    "weights_sha256": "",
    "distance": "cosine",
    "code": "fp16",
}
_RESIZE = defaults_of(Resize, "scale")
CODES = ("fp32", "fp16", "int8", "pq")
_FILE: dict[str, Option] = {"file": "", "sha256": ""}
_NESTED = ("resize", "scales", "transforms", "parts", "quantiser")
_SPACE = ("network", "weights", "weights_sha256", "parts", "transforms")
"""Keys of a recipe that make its vectors others, not the same ones of other pictures or sizes."""


@dataclass(frozen=True)
class VectorRecipe:
    """How a picture becomes a vector.

    Raises `BadRecipe` when parts cannot go together, or a value is out of bounds; `WeightsMissing` or
    `BadWeights` when a weights file is not there, or is none.

    Attributes
    ----------
    weights
        Name of a set of weights on the network's card, empty for the first; or the path of a
        ``.safetensors`` file such as `likewise train` writes.
    weights_sha256
        Identity of the tensors in that file, taken from it unless given; empty for a name.
    scales
        Factors on the resize policy; the vectors of all scales are added.
    code
        How vectors are stored.
    quantiser
        The file and sha256 of what code ``pq`` writes by; empty for other codes.
    """

    kind: ClassVar[str] = KIND

    name: str
    network: str
    parts: tuple[Part, ...]
    resize: Resize
    about: str = ""
    weights: str = ""
    weights_sha256: str = ""
    scales: tuple[float, ...] = (1.0,)
    transforms: tuple[Step, ...] = (Step("l2"),)
    distance: Literal["cosine", "l2"] = "cosine"
    code: Literal["fp32", "fp16", "int8", "pq"] = "fp16"
    quantiser: Mapping[str, Option] = field(default_factory=dict)

    def __post_init__(self) -> None:
        choose("distance", self.distance, ("cosine", "l2"))
        choose("code", self.code, CODES)
        if (self.code == "pq") != bool(self.quantiser):
            raise BadRecipe("code 'pq' and a quantiser belong together: quantised(path) sets both")
        if self.weights.endswith(".safetensors") and not self.weights_sha256:
            path = Path(self.weights).absolute()
            object.__setattr__(self, "weights", str(path))
            object.__setattr__(self, "weights_sha256", identity_of(path))
        if not (self.network and self.parts and self.scales):
            raise BadRecipe("a recipe needs a network, at least one part and at least one scale")
        if self.resize.scale != 1:
            raise BadRecipe(f"resize.scale {self.resize.scale} belongs into scales")
        scales = tuple(settle({"scale": scale}, {"scale": 1.0}, "scales")["scale"] for scale in self.scales)
        object.__setattr__(self, "scales", scales)
        if self.distance == "cosine" and (not self.transforms or self.transforms[-1].kind != "l2"):
            raise BadRecipe(
                "distance 'cosine' compares unit vectors: let transforms end with { kind = \"l2\" }"
            )
        whole = [part.pool for part in self.parts if part.pooling.keeps_cells]
        if whole and (self.resize.policy != "square" or len(self.scales) > 1):
            raise BadRecipe(
                f"pool {whole[0]!r} keeps every cell, so that all pictures need one size: "
                "set resize.policy to 'square' and give one scale"
            )

    @classmethod
    def parse(cls, text: str, *, origin: str = "recipe", folder: Path | None = None) -> VectorRecipe:
        """Read a recipe of one vector from TOML text; of a recipe of several layers, the first that is one.

        Raises `BadRecipe` when it is not TOML, a key is unknown (the nearest known one is named), a value
        cannot be used, or no layer makes a vector.

        Parameters
        ----------
        origin
            What error messages call it, such as its path.
        folder
            Where relative paths of whitening files begin; the working folder for None.
        """
        return RecipeText(text, origin, folder).read(cls._first)

    @classmethod
    def load(cls, name_or_path: str | Path) -> VectorRecipe:
        """The same by the name of a shipped recipe, or by the path of a ``.toml`` file.

        Of a recipe of several layers it is the first that makes a vector, by the name of the recipe. Raises
        `UnknownName` when no shipped recipe is called that; `BadRecipe` when the file cannot be read or
        understood, or no layer makes a vector.
        """
        return RecipeText.find(name_or_path).read(cls._first)

    @classmethod
    def _first(
        cls, head: Mapping[str, str], layers: Sequence[Mapping[str, Any]], folder: Path
    ) -> VectorRecipe:
        for layer in layers:
            if layer.get("kind", KIND) == KIND:
                recipe = cls.read(layer, folder)
                return replace(recipe, name=head.get("name", recipe.name))
        name = head.get("name", layers[0].get("name", ""))
        raise BadRecipe(f"recipe {name!r} makes visual words, and this needs a recipe that makes a vector")

    @classmethod
    def read(cls, given: Mapping[str, Any], folder: Path) -> VectorRecipe:
        """Read the table of a layer of kind ``vector``, whose relative paths begin in a folder.

        Raises `UsageError` when a key is unknown or a value cannot be used.
        """
        table = {key: value for key, value in given.items() if key != "kind"}
        known_keys(table, [*_SCALARS, *_NESTED], "the recipe")
        scalars = {key: value for key, value in table.items() if key in _SCALARS}
        lists: dict[str, Any] = {}
        if "scales" in table:
            lists["scales"] = tuple(expect(list, table["scales"], "scales"))
        if "transforms" in table:
            steps = expect(list, table["transforms"], "transforms")
            lists["transforms"] = tuple(Step.read(step, folder) for step in steps)
        parts = tuple(Part.read(part, folder) for part in expect(list, table.get("parts", []), "parts"))
        if quantiser := expect(dict, table.get("quantiser", {}), "quantiser"):
            lists["quantiser"] = settle(resolved(quantiser, folder, "quantiser"), _FILE, "quantiser")
        if str(weights := scalars.get("weights", "")).endswith(".safetensors"):
            scalars["weights"] = str(folder / weights)
        resize = Resize(**settle(expect(dict, table.get("resize", {}), "resize"), _RESIZE, "[resize]"))
        return cls(resize=resize, parts=parts, **settle(scalars, _SCALARS, "the recipe"), **lists)

    @cached_property
    def hash(self) -> str:
        """Sha256 of everything that changes a vector, in hexadecimal: two names for one recipe share it.

        Values at their defaults are left out, so that collections outlive options that come later.
        """
        table = _beyond(self._canonical(), _SCALARS)
        table["resize"] = _beyond(table["resize"], _RESIZE | {"scale": 1.0})
        for part in table["parts"]:
            part["options"] = _beyond(part["options"], POOLINGS[part["pool"]].options)
        for step in table["transforms"]:
            step["options"] = _beyond(step["options"], STEPS[step["kind"]])
        text = json.dumps(table, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def receptive_field(self) -> int:
        """Side of the largest receptive field among its taps, in pixels of the resized picture.

        0 when a tap sees the whole picture, or its field is not known.
        """
        card = find(self.network)
        fields = [card.tap(part.tap).field for part in self.parts]
        return 0 if 0 in fields else max(fields)

    @property
    def chain(self) -> TransformChain:
        """The transforms, ready to be applied; errors as for `Step.whitening`."""
        return TransformChain(self.transforms)

    def joined(self, scales: Sequence[Sequence[Floats]]) -> Floats:
        """Put the pooled vectors of all scales and parts together, ahead of the transforms.

        Each is L2 normalised, added over scales, normalised again, weighted and set beside the others; a
        recipe of one part and one scale leaves it to its transforms. ``scales``: for each scale and each part
        of the recipe ``(n, c)`` or ``(c,)``; the type is kept.
        """
        if len(self.parts) == len(self.scales) == 1:
            return scales[0][0]
        kind = scales[0][0].dtype
        sums = [
            np.asarray(np.sum([l2(scale[place]) for scale in scales], axis=0, dtype=kind))
            for place in range(len(self.parts))
        ]
        parts = [part.weight * l2(vector) for part, vector in zip(self.parts, sums, strict=True)]
        return np.concatenate(parts, axis=-1)

    def to_toml(self) -> str:
        """Write the recipe such that `parse` gives an equal one, all defaults spelt out."""
        steps = [{"kind": step.kind, **step.options} for step in self.transforms]
        head = {key: getattr(self, key) for key in _SCALARS}
        if self.quantiser:
            head["quantiser"] = self.quantiser
        text = [*toml_lines(head | {"scales": self.scales, "transforms": steps}), "", "[resize]"]
        text += toml_lines({key: getattr(self.resize, key) for key in _RESIZE})
        for part in self.parts:
            text += ["", "[[parts]]", *toml_lines(asdict(part))]
        return "\n".join(text) + "\n"

    def difference(self, other: VectorRecipe) -> str:
        """Differences of two recipes, as ``key this against other, ...``; empty when there are none."""
        return difference(self._canonical(), other._canonical())

    def tuned(self, path: Path) -> VectorRecipe:
        """Give this recipe with the network's weights from a file.

        Raises `WeightsMissing` or `BadWeights` when it is not there, or is none.
        """
        return replace(self, name=f"{self.name}-tuned", weights=str(path), weights_sha256="")

    def whitened(self, path: Path) -> VectorRecipe:
        """Give this recipe with the whitening that a file holds, and L2 normalisation after it.

        A whitening of finished vectors comes after the recipe's own transforms; one that was learned on the
        regions of R-MAC goes into that pooling. Raises `BadRecipe` when it was learned on vectors of another
        network, tap, pooling or transform; `WeightsMissing` or `BadWeights` when the file cannot be read.
        Other sizes of pictures are no hindrance.
        """
        origin = Whitening.load(path).origin
        self._expect(origin, f"whitening {path}")
        name = f"{self.name}-whitened"
        if origin.regions:
            parts = tuple(part.whitened(path) if part.pooling.regions else part for part in self.parts)
            return replace(self, name=name, parts=parts)
        return replace(self, name=name, transforms=(*self.transforms, Step.whiten(path), Step("l2")))

    def quantised(self, path: Path) -> VectorRecipe:
        """Give this recipe with vectors stored as code ``pq``, by the quantiser that a file holds.

        Raises `BadRecipe` when it was learned on vectors of another network, tap, pooling or transform;
        `WeightsMissing` or `BadWeights` when the file cannot be read.
        """
        self._expect(Quantiser.load(path).origin, f"quantiser {path}")
        return replace(self, name=f"{self.name}-pq", code="pq", quantiser=named(path, "quantiser"))

    def _expect(self, origin: Sample, what: str) -> None:
        """Refuse what was learned on vectors of another kind."""
        if not origin.recipe:
            return
        other = VectorRecipe.parse(origin.recipe, origin=what)
        if unlike := difference(_only(self._canonical(), _SPACE), _only(other._canonical(), _SPACE)):
            raise BadRecipe(
                f"{what} was learned for recipe {other.name!r}, which differs from {self.name!r}: {unlike}; "
                "learn one for this recipe"
            )

    def _canonical(self) -> dict[str, Any]:
        table = asdict(self)
        del table["name"], table["about"]
        for step in (*table["transforms"], *table["parts"]):
            step["options"].pop("file", None)  # its sha256 stays: where it lies does not matter
        if self.weights_sha256:
            table["weights"] = ""
        quantiser = table.pop("quantiser")
        return table | ({"quantiser": {"sha256": quantiser["sha256"]}} if quantiser else {})


def _only(table: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    return {key: table[key] for key in keys}


def _beyond(given: Mapping[str, Any], defaults: Mapping[str, Option]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key not in defaults or value != defaults[key]}
