"""``likewise study``: experiments that train networks and report what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli.command import App
from likewise.cli.options import Json, Precision
from likewise.cli.output import printable, progress, show, table

if TYPE_CHECKING:  # torch stands behind it, and help must not wait for that
    from likewise.study import Repeated, Study

app = App(name="study", help="Train a network and report what it learned.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep the name of the one study there is a command of its own."""


@app.command()
def cifar10(
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help="CIFAR-10 in its binary or Python version. Without it: the cache, to which it is fetched "
            "(170 MB) the first time.",
        ),
    ] = None,
    train: Annotated[
        list[int] | None,
        typer.Option(
            "--train",
            metavar="N",
            min=10,
            help="Pictures to train on; give it twice. Without it: 50000 and 10000.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Where weights, figures and report go.")
    ] = Path("cifar10-study"),
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Train at most so long.")] = 100,
    patience: Annotated[
        int, typer.Option("--patience", min=1, help="Stop after so many epochs that were no better.")
    ] = 10,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Pictures a step.")] = 32,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Of the first weights, the order, dropout and the sample.")
    ] = 0,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds", min=1, help="Run it under so many seeds from --seed on, and tell mean and spread."
        ),
    ] = 1,
    frog: Annotated[
        int, typer.Option("--frog", min=0, metavar="N", help="Which frog of the test pictures, from 0.")
    ] = 0,
    held_out: Annotated[
        int,
        typer.Option(
            "--held-out",
            min=0,
            metavar="N",
            help="Stop training by so many training pictures that are held out; else by the test pictures, "
            "as in the article.",
        ),
    ] = 0,
    precision: Annotated[
        Precision, typer.Option(help="bf16 trains faster on processors that have it, to other numbers.")
    ] = "f32",
    as_json: Json = False,
) -> None:
    """Train one network on many pictures of CIFAR-10 and on few, and compare what both see.

    Stop it whenever you like: the same command goes on after the last whole epoch. It ends with a report,
    DIR/report.html, that holds four claims of the article Exploring Feature Extraction with CNNs against what
    was measured.
    """
    from likewise.study import CifarSettings, load_cifar10, repeat

    settings = CifarSettings(batch=batch, most=epochs, patience=patience, seed=seed, precision=precision)
    with progress("CIFAR-10", unit="MB") as callback:
        pictures = load_cifar10(data, progress=callback)
    sizes = train or (50_000, 10_000)
    with progress("training") as callback:
        done = repeat(
            pictures,
            out,
            seeds=seeds,
            sizes=sizes,
            settings=settings,
            frog=frog,
            held_out=held_out,
            progress=callback,
        )
    if seeds == 1:
        [only] = done.studies
        show(only.value(), _lines(only), as_json=as_json)
    else:
        show(done.value(), _spread_lines(done), as_json=as_json)


def _spread_lines(repeated: Repeated) -> Iterator[str]:
    count = len(repeated.studies)
    sizes = [seen.network.size for seen in (repeated.studies[0].much, repeated.studies[0].little)]
    for size, (mean, spread) in zip(sizes, repeated.accuracy, strict=True):
        yield f"test accuracy on {size} pictures: {mean:.4f} +- {spread:.4f}"
    yield ""
    rows = [
        (
            number,
            measure.what,
            *(f"{mean:.3f} +- {spread:.3f}" for mean, spread in (measure.much, measure.little)),
            measure.held,
        )
        for number, measures in enumerate(repeated.claims, 1)
        for measure in measures
    ]
    head = ("claim", "measured", *map(str, sizes), f"held, of {count}")
    yield from table(rows, head, right=f"{sizes[0]} {sizes[1]}")
    yield ""
    for number, verdicts in enumerate(repeated.verdicts, 1):
        counts = ", ".join(
            f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(sorted(verdicts))
        )
        yield f"claim {number}: of {count} seeds {counts}"
    yield from (f"report: {printable(study.report)}" for study in repeated.studies)


def _lines(done: Study) -> Iterator[str]:
    rows = [
        (
            seen.network.size,
            len(seen.network.history),
            seen.network.best.number,
            f"{right:.4f}",
            f"{traits.frog:.3f}",
            f"{traits.zeros:.3f}",
        )
        for seen, traits, right in zip((done.much, done.little), done.frog, done.accuracy, strict=True)
    ]
    head = ("pictures", "epochs", "kept", "accuracy", "frog", "zeros")
    yield from table(rows, head, right=" ".join(head))
    yield ""
    for number, claim in enumerate(done.claims, 1):
        yield f"claim {number}: {claim.verdict} ({claim.figures})"
    yield ""
    yield f"report: {printable(done.report)}"
    much, little = (printable(seen.network.weights) for seen in (done.much, done.little))
    frog = printable(done.report.parent / "figures" / "frog.png")
    yield (
        f"look closer: likewise inspect {frog} --network cifar10 --weights {much} "
        f"--against-weights {little} --report closer.html"
    )
