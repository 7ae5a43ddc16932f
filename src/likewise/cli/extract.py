"""``likewise extract``: the vectors of a folder for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from likewise.cli.options import Device, Engine, Json, MaxPixels, Precision, RecipeName, Where, Whiten
from likewise.cli.output import printable, progress, show

if TYPE_CHECKING:
    from likewise.descriptors.recipe import VectorRecipe
    from likewise.pictures import Resize

Policy = Literal["square", "longest", "shortest", "area", "full"]
Pool = Literal["none", "mean", "sum", "max", "gem"]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(extract)


def extract(
    folder: Annotated[Path, typer.Argument(help="A folder of pictures.")],
    to: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FILE", help="What to write: .npy, .safetensors or .parquet."),
    ],
    network: Annotated[
        str | None, typer.Option("--network", help="A name of `likewise networks`.", show_default=False)
    ] = None,
    tap: Annotated[
        str | None,
        typer.Option(
            "--tap", help="Where to read the network, a name of `likewise networks show`.", show_default=False
        ),
    ] = None,
    pool: Annotated[
        Pool, typer.Option("--pool", help="How a map becomes one vector; none keeps every cell.")
    ] = "none",
    weights: Annotated[
        str,
        typer.Option("--weights", metavar="NAME", help="Which weights of the network.", show_default=False),
    ] = "",
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
    engine: Engine = "openvino",
    device: Device = "cpu",
    precision: Annotated[Precision, typer.Option(help="The numbers the network is run in.")] = "f32",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    where: Where = None,
    max_pixels: MaxPixels = None,
    as_json: Json = False,
) -> None:
    """Write the vectors of a folder of pictures to a file.

    Give a network and a tap for its bare activations, or a recipe for finished descriptors. A run that was
    interrupted is carried on by the same command.
    """
    from likewise.descriptors.extractor import Extractor
    from likewise.export.extraction import extract as extract_folder

    how = _recipe(recipe, network, tap, pool=pool, weights=weights, resize=_resize(resize, size))
    if whiten is not None:
        how = how.whitened(whiten)
    extractor = Extractor(how, engine=engine, device=device, precision=precision)
    with progress("extracting") as callback:
        done = extract_folder(
            folder,
            to,
            extractor,
            overwrite=overwrite,
            where=where,
            max_pixels=max_pixels,
            progress=callback,
        )
    lines = [f"{printable(done.path)}: {done.rows} x {done.dimensions} in {done.seconds:.1f} s"]
    if done.resumed:
        lines.append(f"{done.resumed} were there from an interrupted run")
    if done.failed:
        lines.append(f"{done.failed} failed: {printable(done.path)}.failures.json says why")
    show(done, lines, as_json=as_json)


def _recipe(
    name: str | None, network: str | None, tap: str | None, *, pool: Pool, weights: str, resize: Resize | None
) -> VectorRecipe:
    from likewise.descriptors.recipe import load_vector
    from likewise.export.extraction import activations

    if name is not None and (network or tap):
        raise typer.BadParameter("give --recipe, or --network and --tap, not both")
    if name is not None:
        return load_vector(name)
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
