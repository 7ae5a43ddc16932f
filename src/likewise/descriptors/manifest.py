"""A manifest says how the vectors of a collection were made, so that others are not compared with them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

from likewise.errors import CollectionDamaged, NewerManifest
from likewise.tables import RecipeText

LONGEST = 1_000_000
"""Dimensions that a vector has at most."""

_REMEDY = "restore the collection from a copy, or index again elsewhere"


@dataclass(frozen=True)
class Manifest:
    """How the vectors of a collection were made.

    Attributes
    ----------
    recipe
        The recipe as TOML.
    recipe_hash
        `VectorRecipe.hash`.
    weights_hash
        Identity of the network's weights.
    engine, precision
        What ran the network, and in which arithmetic.
    version
        Of likewise.
    dimensions
        Length of a vector.
    """

    recipe: str
    recipe_hash: str
    network: str
    weights_hash: str
    engine: str
    precision: str
    version: str
    dimensions: int

    def to_json(self) -> str:
        """Write it as one JSON object."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Read what `to_json` wrote.

        Raises `NewerManifest` when it has a field that is not known here; `CollectionDamaged` when it is not
        JSON, or a field is missing, of another type or out of bounds.
        """
        try:
            table = json.loads(text)
            wrong = [key for key, kind in _MANIFEST.items() if type(table[key]) is not kind]
            if more := sorted(table.keys() - _MANIFEST.keys()):
                raise NewerManifest(
                    f"the manifest has {', '.join(map(repr, more))[:200]}, which is not known here: it was "
                    "written by a newer likewise; upgrade"
                )
            "".join(map(str, table.values())).encode()  # a half of a surrogate pair can be shown nowhere
            manifest = cls(**table)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise CollectionDamaged(f"the manifest cannot be read: {error!r}; {_REMEDY}") from error
        if wrong:
            raise CollectionDamaged(
                f"the manifest cannot be read: {', '.join(wrong)} of the wrong type; {_REMEDY}"
            )
        if not 1 <= manifest.dimensions <= LONGEST:
            raise CollectionDamaged(
                f"the manifest says {manifest.dimensions} dimensions, not 1 to {LONGEST}; {_REMEDY}"
            )
        return manifest

    def difference(self, other: Manifest) -> str:
        """Why vectors of the two must not be compared; empty when they may.

        The engine and the version may differ; engines agree to rounding.
        """
        differences = []
        if self.recipe_hash != other.recipe_hash:
            what = RecipeText(self.recipe).difference(RecipeText(other.recipe))
            differences.append(
                f"the recipe differs: {what or f'{self.recipe_hash} against {other.recipe_hash}'}"
            )
        if self.weights_hash != other.weights_hash:
            differences.append(
                f"the weights of {self.network} differ: {self.weights_hash} against {other.weights_hash}"
            )
        if self.precision != other.precision:
            differences.append(f"the precision differs: {self.precision} against {other.precision}")
        if not differences and self.dimensions != other.dimensions:
            differences.append(f"the dimensions differ: {self.dimensions} against {other.dimensions}")
        return "; ".join(differences)


_MANIFEST = {f.name: int if f.name == "dimensions" else str for f in fields(Manifest)}
