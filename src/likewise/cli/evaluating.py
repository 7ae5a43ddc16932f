"""Commands that score a recipe on a benchmark, and report on such runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from likewise.cli.options import (
    Computing,
    GroundTruth,
    Group,
    Json,
    Layers,
    RecipeName,
    Runs,
    ScoringText,
    Then,
    Where,
    Whiten,
    Words,
    described_by,
    scoring_options,
)
from likewise.cli.output import printable, progress, show
from likewise.cli.scores import comparison_lines, comparison_value, query_table, score_lines, tell_gaps, value
from likewise.errors import UsageError

if TYPE_CHECKING:
    from likewise.evaluation.datasets import Benchmark
    from likewise.evaluation.reports import Report, RunComparison

Crop = Literal["box", "full", "widened", "legacy-crow"]
Rule = Literal["trapezoid", "step"]


def _datasets() -> list[str]:
    from likewise.evaluation.datasets import DATASETS

    return list(DATASETS)


def evaluate(
    dataset: Annotated[
        str,
        typer.Argument(
            help="oxford5k, paris6k, roxford5k-medium, holidays, ukbench, folder (sub-folders are groups), "
            "csv, ...",
            autocompletion=_datasets,
        ),
    ],
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="The folder with its pictures.")],
    gt: GroundTruth = None,
    group: Group = None,
    crop: Annotated[
        Crop,
        typer.Option(
            "--crop",
            help="What of a query is looked for: the official box; the full picture; the box widened by half "
            "a receptive field; or the wrong crop published with CroW, to see its effect.",
        ),
    ] = "box",
    distractors: Annotated[
        list[Path] | None,
        typer.Option(
            "--distractors",
            metavar="DIR",
            help="Add the pictures of a folder as wrong answers; may be repeated.",
        ),
    ] = None,
    where: Where = None,
    recipe: RecipeName = None,
    whiten: Whiten = None,
    words: Words = None,
    layers: Layers = None,
    scoring: ScoringText = None,
    then: Then = None,
    examples: Annotated[
        int,
        typer.Option(
            "--examples", min=1, metavar="N", help="Ask with N pictures: the query and N - 1 right answers."
        ),
    ] = 1,
    feedback: Annotated[
        int,
        typer.Option(
            "--feedback",
            min=0,
            metavar="N",
            help="Let a simulated user judge the first N answers, and rank the others again.",
        ),
    ] = 0,
    *,
    running: Computing,
    out: Runs = Path("runs"),
    as_json: Json = False,
) -> None:
    """Rank a benchmark, score it, and write the run to a file that `likewise report` reads.

    What the ground truth names and is not there is listed first, with its effect on the score. The protocol
    card that is printed with the score says how it was made. Vectors and sketches of visual words, and of
    several layers a collection, are kept in --runs: an evaluation that was interrupted goes on, and another
    crop or scoring takes no indexing.
    """
    from likewise.evaluation import evaluate_recipe
    from likewise.evaluation.datasets import load
    from likewise.evaluation.reports import Report
    from likewise.ranking import Stage
    from likewise.recipes import load_recipe

    stages = [Stage.parse(text) for text in then or ()]
    loaded = described_by(recipe, whiten, words=words) or load_recipe("default")
    changes = scoring_options(scoring, layers)
    if changes:
        if not loaded.words:
            raise UsageError(
                f"--scoring and --layers are for visual words, and {loaded.name!r} makes a vector"
            )
        loaded = loaded.scored(changes)
    benchmark = load(dataset, data, gt=gt, group=group)
    if distractors:
        benchmark = benchmark.with_distractors(*distractors)
    if where is not None:
        benchmark = _narrowed(benchmark, data, where)
    tell_gaps(benchmark)
    with progress(f"{benchmark.name}") as callback:
        run = evaluate_recipe(
            benchmark,
            loaded,
            crop=crop,
            out=out,
            stages=stages,
            examples=examples,
            feedback=feedback,
            progress=callback,
            **vars(running),
        )
    tell_gaps(run.benchmark, known=len(benchmark.missing))
    done = Report.of(run)
    show(value(done) if as_json else None, () if as_json else score_lines(done), as_json=as_json)


def _narrowed(benchmark: Benchmark, data: Path, where: str) -> Benchmark:
    """A benchmark with those of its pictures of which a filter is true."""
    from likewise.collection.store import fulfilling

    files = {*benchmark.pictures}
    named = {os.path.relpath(file, data): file for file in files}
    return benchmark.among({named[name] for name in fulfilling(named, where)}, f"where {where}")


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="The .json files of runs.")],
    rule: Annotated[
        Rule | None,
        typer.Option(
            "--rule", help="How average precision is summed. Without it: as the run says, trapezoid."
        ),
    ] = None,
    worst: Annotated[
        int | None, typer.Option("--worst", min=1, metavar="N", help="Show only the N worst queries.")
    ] = None,
    sheets: Annotated[
        Path | None,
        typer.Option(
            "--sheets",
            metavar="DIR",
            help="Draw each query with the top of its ranking, wrong pictures framed orange and junk grey.",
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many pictures a sheet shows.")] = 10,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", help="Draw precision over recall: .png, .svg or .pdf."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Score runs, query by query, and compare each with the first.

    Two runs are compared on the same queries: the mean difference with a bootstrap interval, and a sign-flip
    test of whether it could be chance.
    """
    from likewise.evaluation import read_run
    from likewise.evaluation.reports import Report, RunComparison

    reports = [Report.of(read_run(path), rule=rule) for path in runs]
    compared = [(other, RunComparison.of(reports[0], other)) for other in reports[1:]]
    if plot:
        from likewise.drawing.plots import check_plot, precision_recall_plot

        check_plot(plot, *(picture for scored in reports for picture in scored.run.benchmark.pictures))
    drawn = _draw_sheets(reports, sheets, k, worst) if sheets else []
    if plot:
        lines = {
            f"{scored.run.path.stem}: mAP {scored.scores.mean_ap:.3f}": scored.curve() for scored in reports
        }
        precision_recall_plot(lines, plot, title=reports[0].run.card.benchmark)
    document = {
        "runs": [value(scored) for scored in reports],
        "comparisons": [comparison_value(reports[0], other, comparison) for other, comparison in compared],
        "sheets": drawn,
        "plot": plot,
    }
    lines_ = _lines(reports, compared, worst)
    if sheets:
        lines_.append(f"sheets       {len(drawn)} in {printable(sheets)}")
    if plot:
        lines_.append(f"plot         {printable(plot)}")
    show(document, lines_, as_json=as_json)


def _lines(
    reports: Sequence[Report], compared: Sequence[tuple[Report, RunComparison]], worst: int | None
) -> list[str]:
    """Every run with its card; then the queries of the only one, or what the others change."""
    lines: list[str] = []
    for scored in reports:
        lines += [*score_lines(scored), ""]
    if not compared:
        lines += [*query_table(reports[0], worst), ""]
    for other, comparison in compared:
        lines += [*comparison_lines(reports[0], other, comparison, worst), ""]
    return lines


def _draw_sheets(reports: Sequence[Report], folder: Path, k: int, worst: int | None) -> list[Path]:
    """The sheets of one run in the folder itself, those of several in sub-folders of their names."""
    from likewise.drawing.sheets import draw_sheets

    drawn: list[Path] = []
    with progress("sheets") as callback:
        for scored in reports:
            into = folder if len(reports) == 1 else folder / scored.run.path.stem
            drawn += draw_sheets(scored, into, k=k, worst=worst, progress=callback)
    return drawn
