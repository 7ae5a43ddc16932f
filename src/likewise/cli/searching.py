"""Commands that look for pictures and compare them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli.options import (
    BoxText,
    In,
    Json,
    Layers,
    MaxPixels,
    RecipeName,
    Running,
    ScoringText,
    Then,
    Where,
    scoring_options,
)
from likewise.cli.output import about, found, hit_table, show, wrote
from likewise.errors import UsageError

if TYPE_CHECKING:
    from likewise.collection import Collection
    from likewise.collection.layers import Comparison
    from likewise.descriptors import Extractor
    from likewise.types import CropScale
else:  # typer reads the annotation, and numpy stands behind likewise.types
    from typing import Literal

    CropScale = Literal["whole", "own"]

Crop = Annotated[
    CropScale,
    typer.Option(
        "--crop", help="Scale the box by the factor of its whole picture, or as a picture on its own."
    ),
]
Also = Annotated[
    list[Path] | None,
    typer.Option(
        "--also",
        metavar="PICTURE",
        help="One more picture of the same thing; all are searched for together. May be repeated.",
    ),
]
Yes = Annotated[
    list[str] | None,
    typer.Option(
        "--yes",
        metavar="PICTURE|ID",
        help="More like this one: a picture file, or the id of one in the collection. May be repeated.",
    ),
]
No = Annotated[
    list[str] | None, typer.Option("--no", metavar="PICTURE|ID", help="Less like this one. May be repeated.")
]


def search(
    query: Annotated[Path, typer.Argument(help="A picture file; it need not be in the collection.")],
    k: Annotated[int, typer.Option("-k", min=1, help="How many pictures to find.")] = 20,
    box: BoxText = None,
    crop: Crop = "whole",
    under: Annotated[
        str | None, typer.Option("--under", metavar="FOLDER|GLOB", help="Search only these paths.")
    ] = None,
    where: Where = None,
    then: Then = None,
    also: Also = None,
    yes: Yes = None,
    no: No = None,
    layers: Layers = None,
    scoring: ScoringText = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Compare every picture, however many there are.")
    ] = False,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", metavar="FILE", help="Draw query and hits to a picture.")
    ] = None,
    *,
    running: Running,
    max_pixels: MaxPixels = None,
    collection: In = None,
    as_json: Json = False,
) -> None:
    """Find the pictures that look most like a query, best first."""
    from likewise.collection import Query
    from likewise.files.paths import as_spelt
    from likewise.pictures import size_of
    from likewise.types import Box

    query = as_spelt(query)
    region = Box.parse(box, partial(size_of, query)) if box is not None else None
    more = [as_spelt(picture) for picture in also or ()]
    asked = Query(query, region, crop, more, yes=_named(yes), no=_named(no))
    with running.open(collection) as opened:
        if sheet is not None:
            _check_sheet(sheet, [query, *asked.also, *asked.yes, *asked.no], opened)
        hits = opened.search(
            asked,
            k=k,
            under=under,
            where=where,
            then=then or (),
            scoring=scoring_options(scoring, layers),
            exact=exact,
            max_pixels=max_pixels,
        )
        if sheet is not None:
            from likewise.drawing.sheets import result_sheet

            result_sheet(query, region, hits, sheet, k=k, max_pixels=max_pixels, read=opened.read)
    about(hits)
    show(hits, [*hit_table(hits), *found(hits), *wrote(sheet=sheet)], as_json=as_json)


def _named(pictures: list[str] | None) -> list[Path | int]:
    """Pictures by their files, or by their ids where no file is called so."""
    from likewise.files.paths import as_spelt

    return [
        int(name) if name.isdecimal() and not Path(name).exists() else as_spelt(name)
        for name in pictures or ()
    ]


def _check_sheet(sheet: Path, pictures: Iterable[object], opened: Collection) -> None:
    """Refuse, before anything is searched, a sheet that would replace a picture given or an indexed file."""
    from likewise.drawing import check_output
    from likewise.files.paths import real_path

    check_output("sheet", sheet, *(picture for picture in pictures if isinstance(picture, Path)))
    if any(map(opened.holds, (real_path(sheet), os.path.realpath(sheet)))):
        raise UsageError(f"the sheet {sheet} would replace a picture of yours: give it another name")


def compare(
    first: Annotated[Path, typer.Argument(help="A picture file.")],
    second: Annotated[Path, typer.Argument(help="Another picture file.")],
    explain: Annotated[
        Path | None,
        typer.Option(
            "--explain",
            metavar="FILE",
            help="Draw over both pictures what each place gives to their similarity, or for visual words "
            "which patches match: .png, .jpg or .webp.",
        ),
    ] = None,
    recipe: RecipeName = None,
    *,
    running: Running,
    max_pixels: MaxPixels = None,
    collection: In = None,
    as_json: Json = False,
) -> None:
    """Compare two pictures, and show how unusual their similarity is.

    It is judged by the similarities of other pairs: random ones of a collection of one vector, else the first
    picture and each of the collection. With --recipe there need be no collection, and the similarity stands
    alone.
    """
    from likewise.files.paths import as_spelt

    first, second = as_spelt(first), as_spelt(second)
    if recipe is not None:
        if collection is not None:
            raise UsageError("a collection has its recipe: give --recipe without one")
        from likewise.descriptors import VectorRecipe

        extractor = running.extractor(VectorRecipe.load(recipe))
        _compare_alone(extractor, first, second, explain, max_pixels, as_json)
        return
    with running.open(collection) as opened:
        if explain is not None:
            _check_sheet(explain, [first, second], opened)
            _explain(opened, first, second, explain, max_pixels)
        comparison = opened.compare(first, second, max_pixels=max_pixels)
    show(comparison, [*_comparison_lines(comparison), *wrote(explanation=explain)], as_json=as_json)


def _compare_alone(
    extractor: Extractor, first: Path, second: Path, out: Path | None, max_pixels: int | None, as_json: bool
) -> None:
    """The similarity of two pictures by a recipe, with no collection to judge it by."""
    from likewise.drawing import check_output
    from likewise.drawing.sheets import explanation_sheet
    from likewise.explaining import check, explain
    from likewise.ranking.exact import search
    from likewise.types import Metric

    if out is not None:
        check_output("sheet", out, first, second)
        check(extractor.recipe)
    vectors = extractor.describe([extractor.prepare(file, max_pixels=max_pixels) for file in (first, second)])
    metric: Metric = "l2" if extractor.recipe.distance == "l2" else "dot"
    similarity = float(search(vectors[1:], vectors[:1], 1, metric=metric).scores[0, 0])
    if out is not None:
        why = explain(extractor, first, second, max_pixels=max_pixels)
        explanation_sheet(first, second, why, out, max_pixels=max_pixels)
    what = "distance" if metric == "l2" else "similarity"
    value = {"similarity": similarity, "recipe": extractor.recipe.name}
    show(value, [f"{what:<11} {abs(similarity):.4f}"], as_json=as_json)


def _explain(opened: Collection, first: Path, second: Path, out: Path, max_pixels: int | None) -> None:
    from likewise.drawing.sheets import explanation_sheet, match_sheet

    if opened.recipe.words:
        matches = opened.matches(first, second, max_pixels=max_pixels)
        match_sheet(first, second, matches, out, max_pixels=max_pixels)
        return
    why = opened.explain(first, second, max_pixels=max_pixels)
    explanation_sheet(first, second, why, out, max_pixels=max_pixels)


def _comparison_lines(comparison: Comparison) -> list[str]:
    lines = [
        f"similarity  {comparison.similarity:.4f}",
        f"percentile  {_number(comparison.percentile)} (per cent of other pairs are less alike)",
        f"rank        {comparison.rank} (place of the second picture when the first is searched for)",
    ]
    for share, score in comparison.quantiles.items():
        lines.append(f"quantile    {score:.4f} ({100 * share:g} per cent of other pairs are no more alike)")
    return lines


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
