"""``likewise reproduce``: the systems of three reports, measured beside the published numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli.command import App
from likewise.cli.options import Group, Json, Running, Runs
from likewise.cli.output import printable, progress, show, table
from likewise.cli.scores import tell_gaps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from likewise.evaluation.datasets import Benchmark
    from likewise.evaluation.reproduce import ReportTable, TableCell
    from likewise.types import ProgressCallback

app = App(
    name="reproduce",
    help="Measure the tables of published systems again, beside their numbers.",
    no_args_is_help=True,
)

Truth = Annotated[
    Path | None, typer.Option("--gt", metavar="DIR|FILE", help="The ground truth, if not with the pictures.")
]


Weights = Annotated[
    str, typer.Option("--weights", metavar="NAME", help="Weights of VGG16, such as keras; else the first.")
]
Sheets = Annotated[
    bool, typer.Option("--sheets/--no-sheets", help="Draw the queries and the answers to each.")
]


@app.command("aggregating-deep-features")
def aggregating_deep_features(
    oxford: Annotated[
        Path, typer.Option("--oxford", metavar="DIR", help="The pictures of Oxford5k, whole or in part.")
    ],
    gt: Truth = None,
    paris: Annotated[
        Path | None,
        typer.Option(
            "--paris", metavar="DIR", help="The pictures of Paris6k, to learn whitening on; whole or in part."
        ),
    ] = None,
    whiten_on: Annotated[
        Path | None,
        typer.Option(
            "--whiten-on", metavar="DIR", help="Learn whitening on these pictures instead of Paris6k."
        ),
    ] = None,
    dim: Annotated[
        list[int] | None,
        typer.Option(
            "--dim",
            min=1,
            help="Whiten to so many dimensions; repeat it for several. Without it: 512, or a quarter of the "
            "pictures if those are fewer.",
        ),
    ] = None,
    expand: Annotated[
        list[int], typer.Option("--expand", min=1, help="Expand with so many answers; repeat it for several.")
    ] = [10],  # noqa: B006
    tap: Annotated[
        str, typer.Option("--tap", help="What Conv5 is: relu5_3 (stride 16) or pool5 (stride 32).")
    ] = "relu5_3",
    weights: Weights = "",
    sheets: Sheets = True,
    *,
    running: Running,
    out: Runs = Path("runs"),
    as_json: Json = False,
) -> None:
    """Sum-pooled VGG16 maps on Oxford5k (Aggregating Deep Features): all sixteen cells of its table 2.

    Whitened on Oxford or on Paris, box or full query, Euclidean or cosine, with and without query expansion;
    and once more without the last normalisation, to see whether that explains why the report has different
    numbers for two distances that rank unit vectors alike. GeM and R-MAC stand beside the sum. Its figure 1,
    the queries with their boxes, and the first ten answers to each are drawn into the folder of the runs.
    Interrupted, it goes on.
    """
    from likewise.evaluation.datasets import load
    from likewise.evaluation.reproduce import OpenChoices, best_run
    from likewise.evaluation.reproduce import aggregating_deep_features as reproduced

    settings = OpenChoices(tap, weights, tuple(dict.fromkeys(dim or ())), tuple(dict.fromkeys(expand)))
    tell_gaps(load("oxford5k", oxford, gt=gt))
    with progress("aggregating deep features") as callback:
        results = reproduced(
            oxford,
            running.extractor,
            gt=gt,
            paris=paris,
            whiten_on=whiten_on,
            settings=settings,
            out=out,
            progress=callback,
        )
        run = best_run(results)
        drawn = _draw(run, out / "aggregating-deep-features", callback) if sheets and run else []
    show(results, [*lines(results), *drawn], as_json=as_json)


@app.command("capuano-2018")
def capuano_2018(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Pictures to measure on.")],
    dataset: Annotated[
        str,
        typer.Option("--dataset", metavar="NAME", help="What they are: folder, csv, oxford5k, holidays, ..."),
    ] = "folder",
    gt: Truth = None,
    group: Group = None,
    tap: Annotated[list[str] | None, typer.Option("--tap", help="fc2 or pool5; both without it.")] = None,
    weights: Weights = "",
    *,
    running: Running,
    out: Runs = Path("runs"),
    as_json: Json = False,
) -> None:
    """VGG16's fc2 against pool5 at 224 x 224 (Capuano 2018), Euclidean or cosine, normalised or not.

    The article gives no numbers, so there are none beside the measured ones.
    """
    from likewise.evaluation.datasets import load
    from likewise.evaluation.reproduce import capuano_2018 as reproduced

    benchmark = load(dataset, data, gt=gt, group=group)
    tell_gaps(benchmark)
    with progress("Capuano 2018") as callback:
        results = reproduced(
            benchmark,
            running.extractor,
            layers=tap or ("fc2", "pool5"),
            weights=weights,
            out=out,
            progress=callback,
        )
    show(results, lines(results), as_json=as_json)


@app.command("paula-2020")
def paula_2020(
    data: Annotated[
        Path,
        typer.Option(
            "--data", metavar="DIR", help="Pictures whose sub-folders, or --labels, say their class."
        ),
    ],
    labels: Annotated[
        Path | None, typer.Option("--labels", metavar="FILE", help="CSV file with the class of each file.")
    ] = None,
    label: Annotated[
        str, typer.Option("--label", metavar="COLUMN", help="Its column of the class.")
    ] = "label",
    recipe: Annotated[
        str,
        typer.Option("--recipe", metavar="NAME|FILE", help="What describes them; the article's: keras-gap."),
    ] = "gap",
    seed: Annotated[int, typer.Option("--seed", help="Of the folds and of k-means.")] = 0,
    *,
    running: Running,
    as_json: Json = False,
) -> None:
    """One set of features for pairs, classification, clustering and retrieval (Paula 2020).

    The article gives no numbers, so there are none beside the measured ones.
    """
    from likewise.descriptors import VectorRecipe
    from likewise.downstream.classifying import LabelledVectors
    from likewise.downstream.tasks import measure_tasks

    encoder = running.extractor(VectorRecipe.load(recipe))
    with progress("describing") as callback:
        labelled = LabelledVectors.of_folder(data, encoder, table=labels, column=label, progress=callback)
        results = measure_tasks(labelled, seed=seed, progress=callback)
    show(results, lines(results), as_json=as_json)


@app.command("li-2016")
def li_2016(
    holidays: Annotated[
        Path | None,
        typer.Option("--holidays", metavar="DIR", help="The pictures of Holidays, whole or in part."),
    ] = None,
    ukbench: Annotated[
        Path | None,
        typer.Option("--ukbench", metavar="DIR", help="The pictures of UKBench, whole or in part."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help="Other pictures, to see which of the paper's orderings hold on them.",
        ),
    ] = None,
    dataset: Annotated[
        str,
        typer.Option("--dataset", metavar="NAME", help="What these are: folder, csv, demo, oxford5k, ..."),
    ] = "folder",
    gt: Truth = None,
    group: Group = None,
    words_on: Annotated[
        Path | None,
        typer.Option(
            "--words-on",
            metavar="DIR",
            help="Learn the vocabularies on these pictures. Without it: the small default ones.",
        ),
    ] = None,
    words: Annotated[
        int,
        typer.Option("--size", min=2, max=100_000, metavar="N", help="Words of each layer, with --words-on."),
    ] = 20_000,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            metavar="NAME|FILE",
            help="A recipe of three layers of visual words: mof-vgg16, mof-lite0, ... Without it: the "
            "paper's, mof, if the weights of cnn-m-128 are here, else mof-lite0.",
        ),
    ] = None,
    *,
    running: Running,
    out: Runs = Path("runs"),
    as_json: Json = False,
) -> None:
    """Multi-layer Orderless Fusion: each layer and each combination, sum and max, with and without Hamming
    embedding.

    Holidays and UKBench may be there in part, or one of them only; what is missing is said. Interrupted, it
    goes on. At the end it says in how many cells the paper's orderings hold.
    """
    from likewise.evaluation.datasets import load
    from likewise.evaluation.reproduce import li_2016 as reproduced
    from likewise.evaluation.reproduce import recipe_at_hand

    loaded, note = recipe_at_hand(recipe)
    official = {"Holidays": ("holidays", holidays), "UKBench": ("ukbench", ukbench)}
    benchmarks: dict[str, Benchmark | None] = {}
    if holidays or ukbench or not data:
        benchmarks = {
            name: load(kind, folder) if folder else None for name, (kind, folder) in official.items()
        }
    if data:
        own = load(dataset, data, gt=gt, group=group)
        benchmarks[own.name] = own
    for benchmark in benchmarks.values():
        if benchmark:
            tell_gaps(benchmark)
    with progress("Li et al. 2016") as callback:
        measured = reproduced(
            benchmarks,
            loaded,
            words_on=words_on,
            words=words,
            **vars(running),
            out=out,
            note=note,
            progress=callback,
        )
    show(measured, lines(measured), as_json=as_json)


def _draw(run: Path, folder: Path, progress: ProgressCallback | None) -> Iterator[str]:
    """Draw the queries of a run with their boxes, and the first ten answers to each; say where."""
    from likewise.drawing.sheets import draw_sheets, query_sheet
    from likewise.evaluation import read_run
    from likewise.evaluation.reports import Report

    report = Report.of(read_run(run))
    figure = folder / "queries.png"
    query_sheet(report, figure)
    sheets = draw_sheets(report, folder / "answers", k=10, progress=progress)
    yield f"queries with their boxes: {printable(figure)}"
    yield f"answers to each, {len(sheets)} sheets: {printable(folder / 'answers')}"


def lines(results: ReportTable) -> Iterator[str]:
    """The table for people: a reason that several cells share stands once below it."""
    yield results.title
    yield ""
    head = (*results.columns, "published", "measured", "difference")
    rows = [_row(cell) for cell in results.cells]
    if any(cell.part for cell in results.cells):
        head = (*head, "on a part only")
        rows = [(*row, cell.part) for row, cell in zip(rows, results.cells, strict=True)]
    yield from table(rows, head, right="published measured difference")
    yield ""
    yield from (printable(f"note  {note}") for note in results.notes)
    reasons = dict.fromkeys(cell.reason for cell in results.cells if cell.reason)
    yield from (printable(f"gap   {reason}") for reason in reasons if reason not in "\n".join(results.notes))


def _row(cell: TableCell) -> tuple[str, ...]:
    published, measured = cell.published, cell.measured
    return (
        *cell.setting,
        "-" if published is None else f"{published:g}",
        "-" if measured is None else f"{measured:.4f}",
        "" if published is None or measured is None else f"{measured - published:+.3f}",
    )
