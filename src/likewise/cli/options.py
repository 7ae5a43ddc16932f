"""The options that several commands share, and how a collection is found when none is named."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from likewise.errors import CollectionNotFound, UsageError

if TYPE_CHECKING:
    from likewise.collection import Collection
    from likewise.descriptors import Extractor, VectorRecipe
    from likewise.recipes import Recipe

SUFFIX = ".likewise"
VARIABLE = "LIKEWISE_COLLECTION"

EngineName = Literal["openvino", "torch"]
Precision = Literal["f32", "bf16"]


def _stages() -> list[tuple[str, str]]:
    """Names for the shell to complete, and what each does."""
    from likewise.ranking import STAGES

    return [(name, stage.about) for name, stage in STAGES.items()]


def recipe_choices() -> list[str]:
    """Names of the shipped recipes, for the shell to complete."""
    from likewise.tables import recipe_names

    return recipe_names()


def collection_folder(text: str) -> Path:
    """The folder of a collection, or the one that follows an address: a path would lose its slashes."""
    if "://" not in text:
        return Path(text)
    from likewise.collection.store import located

    return located(text)


In = Annotated[
    Path | None,
    typer.Option(
        "--in",
        parser=collection_folder,
        metavar="DIR",
        help=f"The collection. Without it: ${VARIABLE}, else the only *{SUFFIX} in the current folder.",
    ),
]
Named = Annotated[
    Path | None,
    typer.Argument(parser=collection_folder, metavar="COLLECTION", help="The collection, as with --in."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value instead of text.")]
Engine = Annotated[EngineName, typer.Option("--engine", help="What runs the network.")]
Device = Annotated[
    str, typer.Option("--device", help="What engine torch runs on: cpu, cuda, cuda:1, mps.", metavar="NAME")
]
Into = Annotated[
    Path | None,
    typer.Option(
        "--in",
        "--into",
        parser=collection_folder,
        metavar="DIR",
        help=f"The collection to make or add to. Without it: ./<folder name>{SUFFIX}.",
    ),
]
StoreAddress = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="ADDRESS",
        help="A server that is to keep the collection, which its folder then follows: "
        "milvus://HOST:PORT/NAME. Vectors only: give a recipe such as quick.",
    ),
]
Numbers = Annotated[
    Precision | None,
    typer.Option(
        "--precision", help="The numbers the network is run in: those of the collection, f32 for a new one."
    ),
]
Then = Annotated[
    list[str] | None,
    typer.Option(
        "--then",
        metavar="STAGE",
        help="What follows the search: augment, expand, reciprocal, diffuse or localise, with options as in "
        "expand:n=5,alpha=3. Repeat it for one after another.",
        autocompletion=_stages,
    ),
]
RecipeName = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="NAME|FILE",
        help="How pictures are described: a name of `likewise recipes`, or a TOML file.",
        autocompletion=recipe_choices,
    ),
]
Whiten = Annotated[
    Path | None,
    typer.Option(
        "--whiten", metavar="FILE", help="Whiten the vectors by what `likewise whiten learn` wrote."
    ),
]
Quantise = Annotated[
    Path | None,
    typer.Option(
        "--quantise",
        metavar="FILE",
        help="Store vectors in a few bytes by what `likewise quantise learn` wrote.",
    ),
]
Most = Annotated[
    int,
    typer.Option("--most", min=2, help="Learn on at most so many pictures, spread evenly over the folder."),
]
Output = Annotated[
    Path, typer.Option("-o", "--output", metavar="FILE", help="What to write, a .safetensors file.")
]
GroundTruth = Annotated[
    Path | None,
    typer.Option("--gt", metavar="DIR|FILE", help="Its ground truth. Without it: looked for below --data."),
]
Group = Annotated[
    str | None, typer.Option("--group", metavar="COLUMN", help="csv only: the column that names the group.")
]
GroupColumn = Annotated[
    str, typer.Option("--group", metavar="COLUMN", help="The column of --groups that names the group.")
]
NetworkWeights = Annotated[
    str,
    typer.Option("--weights", metavar="NAME", help="Which weights of the network.", show_default=False),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")]
Runs = Annotated[Path, typer.Option("--runs", metavar="DIR", help="Where runs and vectors are kept.")]
MaxPixels = Annotated[
    int | None,
    typer.Option(
        "--max-pixels",
        min=1,
        help="Refuse pictures with more pixels than this (decompression bombs). "
        "Without it: $LIKEWISE_MAX_PIXELS, else 200 million.",
    ),
]

Under = Annotated[
    str | None, typer.Option("--under", metavar="FOLDER|GLOB", help="Only the pictures of these paths.")
]
Where = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="FILTER",
        help="Only pictures of which this is true, such as \"taken >= 2019-06 and camera like '%canon%' and "
        'size > 2MP".',
    ),
]
BoxText = Annotated[
    str | None,
    typer.Option(
        "--box",
        metavar="X1,Y1,X2,Y2",
        help="Search for this part: left, top, right and bottom in pixels of the upright original, or in per "
        "cent of it as in 10%,10%,50%,50%.",
    ),
]


Words = Annotated[
    Path | None,
    typer.Option(
        "--words",
        metavar="FILE",
        help="The vocabulary of a recipe of visual words, as `likewise words learn` wrote it. Without it a "
        "small one is learned from rendered pictures and kept.",
    ),
]
Layers = Annotated[
    str | None,
    typer.Option(
        "--layers", metavar="TAP,...", help="For visual words: ask only these layers, such as block14,pooled."
    ),
]
ScoringText = Annotated[
    str | None,
    typer.Option(
        "--scoring",
        metavar="KEY=VALUE,...",
        help="For visual words: score otherwise than the recipe, such as threshold=32,fusion=rank. "
        "Keys are hamming, threshold, sigma, burstiness, normalisation, power, fusion, votes and floor.",
    ),
]


@dataclass(frozen=True)
class Running:
    """A group of options: what runs the network."""

    engine: Engine = "openvino"
    device: Device = "cpu"

    def open(self, collection: Path | None) -> Collection:
        """The collection that --in names, or the only one here."""
        from likewise.collection import Collection

        return Collection.open(find_collection(collection), **vars(self))

    def extractor(self, recipe: VectorRecipe | str) -> Extractor:
        """The extractor of a recipe."""
        from likewise.descriptors import Extractor

        return Extractor(recipe, **vars(self))


@dataclass(frozen=True)
class Computing(Running):
    """The same, and in which numbers."""

    precision: Annotated[
        Precision, typer.Option("--precision", help="The numbers the network is run in.")
    ] = "f32"


def scoring_options(scoring: str | None, layers: str | None) -> dict[str, object]:
    """Changes of a recipe's scoring by --scoring and --layers.

    Raises `UsageError` when a text is not of the form key=value.
    """
    changes: dict[str, object] = {}
    for part in scoring.split(",") if scoring else ():
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or key in changes:
            raise UsageError(f"{part!r} in --scoring is not of the form key=value, each key once")
        changes[{"normalization": "normalisation"}.get(key, key)] = _value(value)
    if layers is not None:
        changes["layers"] = tuple(layer.strip() for layer in layers.split(","))
    return changes


def _value(text: str) -> object:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def described_by(
    recipe: str | None, whiten: Path | None, quantise: Path | None = None, words: Path | None = None
) -> Recipe | None:
    """The recipe that --recipe names with what the other options add; None where none is given.

    Raises `UsageError` when an option is for recipes of the other kind.
    """
    if recipe is None and whiten is None and quantise is None and words is None:
        return None
    from likewise.recipes import load_recipe

    loaded = load_recipe(recipe or ("default" if words is None else "mof-lite0"))
    if (whiten or quantise) and not loaded.vectors:
        raise UsageError(f"--whiten and --quantise are for vectors, and {loaded.name!r} makes words")
    if words and not loaded.words:
        raise UsageError(f"--words is for recipes of visual words, and {loaded.name!r} makes a vector")
    loaded = loaded.with_vocabulary(words) if words else loaded
    loaded = loaded.whitened(whiten) if whiten else loaded
    return loaded.quantised(quantise) if quantise else loaded


def new_file(path: Path, *, overwrite: bool) -> None:
    """Refuse to write over a file before any work is done.

    Raises `UsageError` when it exists.
    """
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists: give --overwrite, or another name")


def find_collection(given: Path | None, named: Path | None = None) -> Path:
    """The collection a command works on: what --in names, or its argument.

    Raises `UsageError` when both are given; `CollectionNotFound` when none is named and the current folder
    holds none, or several.
    """
    if given and named:
        raise UsageError(f"give one collection, not both {named} and --in {given}")
    wanted = given or named or (collection_folder(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if wanted is not None:
        return wanted
    collections = sorted(Path().glob(f"*{SUFFIX}"))
    if len(collections) == 1:
        return collections[0]
    if not collections:
        raise CollectionNotFound(
            f"no *{SUFFIX} in the current folder; make one with `likewise index FOLDER`, "
            f"or name one with --in DIR or ${VARIABLE}"
        )
    names = ", ".join(path.name for path in collections)
    raise CollectionNotFound(f"which collection? here are {names}; choose with --in DIR or ${VARIABLE}")
