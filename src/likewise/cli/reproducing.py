"""``likewise reproduce``: the systems of three reports, measured beside the published numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli.options import Device, Engine, Json
from likewise.cli.output import printable, progress, show, table
from likewise.cli.scores import gap_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from likewise.descriptors.extractor import Extractor
    from likewise.descriptors.recipe import VectorRecipe
    from likewise.evaluation.benchmark import Benchmark
    from likewise.evaluation.reproduce.table import Cell, Table

app = typer.Typer(
    name="reproduce",
    help="Measure the tables of published systems again, beside their numbers.",
    no_args_is_help=True,
)

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where runs and vectors are kept.")]
Truth = Annotated[
    Path | None,
    typer.Option(
        "--gt", metavar="DIR|FILE", help="The ground truth, if not with the pictures.", show_default=False
    ),
]


@app.command("seed-001")
def seed_001(
    oxford: Annotated[
        Path, typer.Option("--oxford", metavar="DIR", help="The pictures of Oxford5k, whole or in part.")
    ],
    gt: Truth = None,
    paris: Annotated[
        Path | None,
        typer.Option(
            "--paris",
            metavar="DIR",
            help="The pictures of Paris6k, to learn whitening on; whole or in part.",
            show_default=False,
        ),
    ] = None,
    whiten_on: Annotated[
        Path | None,
        typer.Option(
            "--whiten-on",
            metavar="DIR",
            help="Learn whitening on these pictures instead of Paris6k.",
            show_default=False,
        ),
    ] = None,
    dim: Annotated[
        int | None,
        typer.Option(
            "--dim",
            min=1,
            help="Whiten to so many dimensions. Without it: 512, or a quarter of the pictures if those are "
            "fewer.",
            show_default=False,
        ),
    ] = None,
    engine: Engine = "openvino",
    device: Device = "cpu",
    out: Out = Path("runs"),
    as_json: Json = False,
) -> None:
    """Sum-pooled VGG16 maps on Oxford5k: all sixteen cells of the report's table.

    Whitened on Oxford or on Paris, box or full query, Euclidean or cosine, with and without query expansion;
    and once more without the last normalisation, to see whether that explains why the report has different
    numbers for two distances that rank unit vectors alike. Interrupted, it goes on.
    """
    from likewise.evaluation.datasets.buildings import oxford5k
    from likewise.evaluation.reproduce.seed_001 import seed_001 as reproduced

    for line in gap_lines(oxford5k(oxford, gt=gt)):
        typer.echo(line, err=True)
    with progress("seed 001") as callback:
        found = reproduced(
            oxford,
            _maker(engine, device),
            gt=gt,
            paris=paris,
            whiten_on=whiten_on,
            dimensions=dim,
            out=out,
            progress=callback,
        )
    show(found, lines(found), as_json=as_json)


@app.command("seed-000")
def seed_000(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Pictures to measure on.")],
    dataset: Annotated[
        str,
        typer.Option("--dataset", metavar="NAME", help="What they are: folder, csv, oxford5k, holidays, ..."),
    ] = "folder",
    gt: Truth = None,
    group: Annotated[
        str | None,
        typer.Option(
            "--group", metavar="COLUMN", help="csv only: the column that names the group.", show_default=False
        ),
    ] = None,
    engine: Engine = "openvino",
    device: Device = "cpu",
    out: Out = Path("runs"),
    as_json: Json = False,
) -> None:
    """VGG16's fc2 against pool5 at 224 x 224, Euclidean against cosine, with and without normalisation.

    The report gives no numbers, so there are none beside the measured ones.
    """
    from likewise.evaluation.datasets import load
    from likewise.evaluation.reproduce.seed_000 import seed_000 as reproduced

    benchmark = load(dataset, data, gt=gt, group=group)
    for line in gap_lines(benchmark):
        typer.echo(line, err=True)
    with progress("seed 000") as callback:
        found = reproduced(benchmark, _maker(engine, device), out=out, progress=callback)
    show(found, lines(found), as_json=as_json)


@app.command("seed-002")
def seed_002(
    holidays: Annotated[
        Path | None,
        typer.Option(
            "--holidays",
            metavar="DIR",
            help="The pictures of Holidays, whole or in part.",
            show_default=False,
        ),
    ] = None,
    ukbench: Annotated[
        Path | None,
        typer.Option(
            "--ukbench", metavar="DIR", help="The pictures of UKBench, whole or in part.", show_default=False
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help="Other pictures, to see which of the paper's orderings hold on them.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str,
        typer.Option("--dataset", metavar="NAME", help="What these are: folder, csv, demo, oxford5k, ..."),
    ] = "folder",
    gt: Truth = None,
    group: Annotated[
        str | None,
        typer.Option(
            "--group", metavar="COLUMN", help="csv only: the column that names the group.", show_default=False
        ),
    ] = None,
    words_on: Annotated[
        Path | None,
        typer.Option(
            "--words-on",
            metavar="DIR",
            help="Learn the vocabularies on these pictures. Without it: the small default ones.",
            show_default=False,
        ),
    ] = None,
    words: Annotated[
        int,
        typer.Option(
            "--words", min=2, max=100_000, metavar="N", help="Words of each layer, with --words-on."
        ),
    ] = 20_000,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            metavar="NAME|FILE",
            help="A recipe of three layers of visual words: mof-vgg16, mof-lite0, ... Without it: the "
            "paper's, mof, if the weights of cnn-m-128 are here, else mof-lite0.",
            show_default=False,
        ),
    ] = None,
    engine: Engine = "openvino",
    device: Device = "cpu",
    out: Out = Path("runs"),
    as_json: Json = False,
) -> None:
    """Multi-layer Orderless Fusion: each layer and each combination, sum and max, with and without Hamming
    embedding.

    Holidays and UKBench may be there in part, or one of them only; what is missing is said. Interrupted, it
    goes on. At the end it says in how many cells the paper's orderings hold.
    """
    from likewise.evaluation.datasets import load
    from likewise.evaluation.reproduce.seed_002 import recipe_at_hand
    from likewise.evaluation.reproduce.seed_002 import seed_002 as reproduced

    found, note = recipe_at_hand(recipe)
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
        for line in gap_lines(benchmark) if benchmark else ():
            typer.echo(line, err=True)
    with progress("seed 002") as callback:
        measured = reproduced(
            benchmarks,
            found,
            words_on=words_on,
            words=words,
            engine=engine,
            device=device,
            out=out,
            note=note,
            progress=callback,
        )
    show(measured, lines(measured), as_json=as_json)


def _maker(engine: str, device: str) -> Callable[[VectorRecipe], Extractor]:
    from likewise.descriptors.extractor import Extractor

    return lambda recipe: Extractor(recipe, engine=engine, device=device)


def lines(found: Table) -> Iterator[str]:
    """The table for people: a reason that several cells share stands once below it."""
    yield found.title
    yield ""
    head = (*found.columns, "published", "measured", "difference")
    yield from table([_row(cell) for cell in found.cells], head, right="published measured difference")
    yield ""
    yield from (printable(f"note  {note}") for note in found.notes)
    reasons = dict.fromkeys(cell.reason for cell in found.cells if cell.reason)
    yield from (printable(f"gap   {reason}") for reason in reasons if reason not in "\n".join(found.notes))


def _row(cell: Cell) -> tuple[str, ...]:
    published, found = cell.published, cell.measured
    return (
        *cell.setting,
        "-" if published is None else f"{published:g}",
        "-" if found is None else f"{found:.4f}",
        "" if published is None or found is None else f"{found - published:+.3f}",
    )
