"""``likewise whiten``: learn a whitening from a folder of pictures, and show one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli.command import App
from likewise.cli.options import Computing, GroupColumn, Json, Most, Output, Overwrite, RecipeName, new_file
from likewise.cli.output import facts, left_out_lines, printable, progress, show

if TYPE_CHECKING:
    from likewise.descriptors.estimators import PairWhitening, PCAWhitening
    from likewise.descriptors.transforms import Whitening

app = App(name="whiten", help="Learn a whitening from pictures, or show one.", no_args_is_help=True)


@app.command()
def learn(
    folder: Annotated[
        Path, typer.Argument(help="Pictures like those to be searched, but better not the same ones.")
    ],
    output: Output,
    recipe: RecipeName = None,
    dim: Annotated[
        int | None, typer.Option("--dim", min=1, help="How many dimensions to keep; else as many as vary.")
    ] = None,
    shrinkage: Annotated[
        float | None,
        typer.Option(
            "--shrinkage",
            min=0,
            max=1,
            help="Share by which variances move to their mean: steadier where pictures are few. "
            "Without it: 0, with groups 0.1.",
        ),
    ] = None,
    exponent: Annotated[
        float | None,
        typer.Option(
            "--exponent",
            min=0,
            max=1,
            help="Power of the variances to divide by: 0.5 whitens and is taken without this, 0 only reduces "
            "dimensions (PCA), 0.25 lies between.",
        ),
    ] = None,
    pairs: Annotated[
        bool, typer.Option("--pairs", help="Learn from what belongs together: sub-folders are groups.")
    ] = False,
    groups: Annotated[
        Path | None,
        typer.Option(
            "--groups", metavar="FILE.csv", help="Learn from what belongs together: columns file and group."
        ),
    ] = None,
    group: GroupColumn = "group",
    regions: Annotated[
        bool, typer.Option("--regions", help="Learn to whiten the regions of R-MAC one by one.")
    ] = False,
    most: Most = 10_000,
    *,
    running: Computing,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Learn a whitening of a recipe's vectors from a folder of pictures.

    Vectors are kept in the cache: a run that was interrupted goes on, and another --dim takes seconds.
    Learning on the pictures that are searched flatters a score; `likewise evaluate` says so when it sees it.
    """
    from likewise.learning import choose, choose_groups, gather, learn_whitening

    new_file(output, overwrite=overwrite)
    supervised = pairs or groups is not None
    if supervised and regions:
        raise typer.BadParameter("--regions is learned without groups")
    estimator = _estimator(dim, shrinkage, exponent, supervised=supervised)
    chosen = choose_groups(folder, groups, group) if supervised else choose(folder, most=most)
    extractor = running.extractor(recipe or "default")
    with progress("describing") as callback:
        gathered = gather(extractor, chosen, regions=regions, progress=callback)
    learned = learn_whitening(gathered, estimator, extractor.recipe, regions=regions)
    learned.save(output)
    lines = [
        *left_out_lines(gathered.failures),
        f"{printable(output)}: {_shape(learned)}, learned on {learned.origin.samples} vectors of "
        f"{printable(learned.origin.about)}",
        f"use it: likewise index FOLDER --recipe {recipe or 'default'} --whiten {printable(output)}",
    ]
    failures = {str(path): str(why) for path, why in gathered.failures.items()}
    value = {"path": output, **_value(learned), "failures": failures}
    show(value, lines, as_json=as_json)


@app.command("show")
def show_whitening(
    file: Annotated[Path, typer.Argument(help="What `likewise whiten learn` wrote.")], as_json: Json = False
) -> None:
    """Show what a whitening does and what it was learned on."""
    from likewise.descriptors.transforms import Whitening

    whitening = Whitening.load(file)
    value = _value(whitening)
    show(value, facts(value), as_json=as_json)


def _estimator(
    dim: int | None, shrinkage: float | None, exponent: float | None, *, supervised: bool
) -> PCAWhitening | PairWhitening:
    from likewise.descriptors.estimators import PairWhitening, PCAWhitening

    if not supervised:
        return PCAWhitening(dim, exponent=0.5 if exponent is None else exponent, shrinkage=shrinkage or 0.0)
    if exponent is not None:
        raise typer.BadParameter("--exponent is for a whitening that is learned without groups")
    return PairWhitening(dim) if shrinkage is None else PairWhitening(dim, shrinkage=shrinkage)


def _shape(learned: Whitening) -> str:
    return f"{len(learned.mean)} to {learned.projection.shape[1]} dimensions"


def _value(learned: Whitening) -> dict[str, object]:
    origin = learned.origin
    return {
        "takes": len(learned.mean),
        "gives": learned.projection.shape[1],
        "method": origin.method,
        "regions": origin.regions,
        "exponent": origin.exponent,
        "shrinkage": origin.shrinkage,
        "recipe": origin.recipe_name,
        "learned_on": origin.about,
        "vectors": origin.samples,
        "pictures": len(origin.pictures),
    }
