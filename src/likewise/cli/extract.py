"""``likewise extract`` and ``ingest``: the vectors of a folder for other programs, and shards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from likewise.cli.indexing import index_lines
from likewise.cli.options import (
    SUFFIX,
    Computing,
    Into,
    Json,
    MaxPixels,
    NetworkWeights,
    Overwrite,
    RecipeName,
    StoreAddress,
    Where,
    Whiten,
    Words,
    described_by,
)
from likewise.cli.output import printable, progress, show

if TYPE_CHECKING:
    from likewise.descriptors import VectorRecipe
    from likewise.pictures import Resize
    from likewise.recipes import Recipe

Policy = Literal["square", "longest", "shortest", "area", "full"]


def _poolings() -> list[str]:
    """Names for the shell to complete."""
    from likewise.descriptors import POOLINGS

    return list(POOLINGS)


def extract(
    folder: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER",
            help="A folder of pictures; for shards also a list (text or Parquet), or an address such as "
            "s3://bucket/photos.",
        ),
    ],
    to: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="What to write: .npy, .safetensors or .parquet; or a folder of shards, .shards, for a "
            "collection that many processes or machines make together.",
        ),
    ],
    network: Annotated[str | None, typer.Option("--network", help="A name of `likewise networks`.")] = None,
    tap: Annotated[
        str | None,
        typer.Option("--tap", help="Where to read the network, a name of `likewise networks show`."),
    ] = None,
    pool: Annotated[
        str,
        typer.Option(
            "--pool",
            metavar="NAME",
            autocompletion=_poolings,
            help="How a map becomes one vector, as in recipes: mean, max, gem, ...; none keeps all cells.",
        ),
    ] = "none",
    weights: NetworkWeights = "",
    resize: Annotated[Policy, typer.Option("--resize", help="How pictures get to --size.")] = "square",
    size: Annotated[
        int,
        typer.Option(
            "--size",
            min=0,
            help="Pixels of a side (of the whole picture for area); 0 is what the network was trained at.",
        ),
    ] = 0,
    recipe: RecipeName = None,
    whiten: Whiten = None,
    words: Words = None,
    *,
    running: Computing,
    overwrite: Overwrite = False,
    where: Where = None,
    runner: Annotated[
        Literal["processes", "ray"], typer.Option("--runner", help="What describes shards.")
    ] = "processes",
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="How many shards are described at once.")
    ] = 1,
    part: Annotated[
        str,
        typer.Option("--part", metavar="N/M", help="Only the shards of one of so many parts, such as 1/4."),
    ] = "1/1",
    max_pixels: MaxPixels = None,
    as_json: Json = False,
) -> None:
    """Write the vectors of a folder of pictures to a file, or what a recipe keeps of them to shards.

    Give a network and a tap for its bare activations, or a recipe for finished descriptors. A run that was
    interrupted is carried on by the same command. Shards may be worked on from several machines that see the
    same files; `likewise ingest` makes a collection of them.
    """
    if words and to.suffix != ".shards":
        raise typer.BadParameter("--words is for shards: visual words are no vectors")
    if to.suffix != ".shards" and "://" in folder:
        raise typer.BadParameter("pictures behind an address go into shards: give -o NAME.shards")
    if to.suffix == ".shards":
        if network or tap or weights or where:
            raise typer.BadParameter(
                "shards are of a recipe, and of all pictures: leave the other options out"
            )
        _to_shards(
            folder,
            to,
            described_by(recipe, whiten, words=words),
            part,
            runner=runner,
            workers=workers,
            max_pixels=max_pixels,
            as_json=as_json,
            **vars(running),
        )
        return
    from likewise.export import extract as extract_folder

    how = _recipe(recipe, network, tap, pool=pool, weights=weights, resize=_resize(resize, size))
    if whiten is not None:
        how = how.whitened(whiten)
    extractor = running.extractor(how)
    with progress("extracting") as callback:
        done = extract_folder(
            folder, to, extractor, overwrite=overwrite, where=where, max_pixels=max_pixels, progress=callback
        )
    lines = [f"{printable(done.path)}: {done.rows} x {done.dimensions} in {done.seconds:.1f} s"]
    if done.resumed:
        lines.append(f"{done.resumed} were there from an interrupted run")
    if done.failed:
        lines.append(f"{done.failed} failed: {printable(done.path)}.failures.json says why")
    show(done, lines, as_json=as_json)


def _to_shards(source: str, to: Path, recipe: Recipe | None, part: str, *, as_json: bool, **how: Any) -> None:
    from likewise.scale import extract_shards

    try:
        number, count = map(int, part.split("/"))
    except ValueError:
        raise typer.BadParameter(f"--part {part!r} is not like 1/4") from None
    with progress("extracting") as callback:
        done = extract_shards(source, to, recipe or "default", part=(number, count), progress=callback, **how)
    lines = [
        f"{printable(done.folder)}: {done.shards} shards, {done.files} files in {done.seconds:.1f} s",
        f"likewise ingest {printable(to)} makes a collection of them",
    ]
    if done.before:
        lines.insert(1, f"{done.before} shards were there before")
    if done.elsewhere:
        lines.insert(1, f"others are at {done.elsewhere} shards")
    if done.failed:
        lines.insert(1, f"{done.failed} files failed: the collection made of the shards says why")
    show(done, lines, as_json=as_json)


def ingest(
    shards: Annotated[
        list[Path], typer.Argument(metavar="SHARDS", help="Folders of shards, or single ones.")
    ],
    into: Into = None,
    store: StoreAddress = None,
    as_json: Json = False,
) -> None:
    """Make a collection of shards, or add them to one; no picture is read.

    `likewise index` of the same folder goes on from there with what has changed since.
    """
    from likewise.collection import Collection
    from likewise.scale import ingest as take

    path = into or Path(shards[0].stem + SUFFIX)
    with progress("ingesting") as callback:
        report = take(shards, path, store=store, progress=callback)
    with Collection.open(path) as collection:
        total = len(collection)
    show(report, index_lines(report, path, total), as_json=as_json)


def _recipe(
    name: str | None, network: str | None, tap: str | None, *, pool: str, weights: str, resize: Resize | None
) -> VectorRecipe:
    from likewise.descriptors import VectorRecipe
    from likewise.export import activations

    if name is not None and (network or tap):
        raise typer.BadParameter("give --recipe, or --network and --tap, not both")
    if name is not None:
        return VectorRecipe.load(name)
    if not (network and tap):
        raise typer.BadParameter("give --network and --tap, or --recipe")
    return activations(network, tap, pool, weights=weights, resize=resize)


def _resize(policy: Policy, size: int) -> Resize | None:
    """None for what the network was trained at."""
    from likewise.pictures import Resize

    if size or policy == "full":
        return Resize(policy, size)
    if policy != "square":
        raise typer.BadParameter(f"--resize {policy} needs a --size")
    return None
