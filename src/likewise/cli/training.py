"""``likewise train``: fit descriptors to pictures whose groups are known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from likewise.cli.options import GroupColumn, Json, RecipeName
from likewise.cli.output import left_out_lines, printable, progress, show
from likewise.errors import UsageError

if TYPE_CHECKING:  # torch stands behind it, and help must not wait for that
    from likewise.training import FittedDescriptors

What = Literal["projection", "network"]


def _losses() -> list[str]:
    from likewise.training import LOSSES

    return list(LOSSES)


def train(
    folder: Annotated[
        Path, typer.Argument(help="Pictures whose sub-folders are groups: what shows the same.")
    ],
    out: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Where recipe and weights go.")],
    what: Annotated[
        What,
        typer.Option(
            "--what",
            help="projection: a linear layer on the recipe's vectors, seconds. network: the network itself, "
            "minutes to hours.",
        ),
    ] = "projection",
    recipe: RecipeName = None,
    groups: Annotated[
        Path | None,
        typer.Option("--groups", metavar="FILE.csv", help="Columns file and group, instead of sub-folders."),
    ] = None,
    group: GroupColumn = "group",
    hold_out: Annotated[
        float,
        typer.Option(
            "--hold-out",
            min=0,
            max=0.9,
            help="Share of each group that is kept out of training, to measure with.",
        ),
    ] = 0.25,
    whole_groups: Annotated[
        bool, typer.Option("--whole-groups", help="Hold out whole groups: things that are never trained on.")
    ] = False,
    dim: Annotated[
        int | None, typer.Option("--dim", min=1, help="Length of the projected vectors; else as it is.")
    ] = None,
    since: Annotated[
        str,
        typer.Option(
            "--since",
            metavar="TAP",
            help="Train only the layers of the network behind this tap.",
            show_default=False,
        ),
    ] = "",
    size: Annotated[
        int, typer.Option("--size", min=32, help="Side in pixels at which the network is trained.")
    ] = 320,
    loss: Annotated[
        str,
        typer.Option(
            "--loss", help="multi-similarity, contrastive, triplet or supcon.", autocompletion=_losses
        ),
    ] = "multi-similarity",
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate", help="Adam's learning rate; else 0.001 for a projection, 0.00003 for a network."
        ),
    ] = None,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Train at most so long.")] = 30,
    patience: Annotated[
        int, typer.Option("--patience", min=1, help="Stop after so many epochs that were no better.")
    ] = 5,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of what is held out, and of the order.")] = 0,
    as_json: Json = False,
) -> None:
    """Fit descriptors to your own pictures, so that those of one group come together.

    The result is a recipe, DIR/recipe.toml, for --recipe of index, search and evaluate. What was held out is
    listed in DIR/held-out.csv for `likewise evaluate csv`. Stopped, the same command goes on.
    """
    from likewise.descriptors import VectorRecipe
    from likewise.learning import choose_groups
    from likewise.training import RATES, RetrievalSettings, fit

    if what == "network" and dim is not None:
        raise UsageError("--dim is for a projection; a network gives vectors as long as its tap has channels")
    if what == "projection" and since:
        raise UsageError("--since is for --what network; a projection leaves the network as it is")
    settings = RetrievalSettings(
        loss=loss, rate=RATES[what] if rate is None else rate, most=epochs, patience=patience, seed=seed
    )
    with progress("training") as callback:
        done = fit(
            choose_groups(folder, groups, group),
            folder,
            out,
            what=what,
            recipe=VectorRecipe.load(recipe or "default"),
            settings=settings,
            hold_out=hold_out,
            whole=whole_groups,
            dim=dim,
            since=since,
            size=size,
            progress=callback,
        )
    value = {
        "recipe": done.recipe,
        "held_out_list": done.held,
        "pictures": {"trained_on": done.trained_on, "held_out": done.held_out},
        "before": done.learned.before,
        "best": done.learned.best,
        "epochs": len(done.learned.history) - 1,
        "failures": {str(path): str(why) for path, why in done.failures.items()},
    }
    show(value, _lines(done, folder), as_json=as_json)


def _lines(done: FittedDescriptors, folder: Path) -> Iterator[str]:
    yield from left_out_lines(done.failures)
    before, best = done.learned.before, done.learned.best
    yield f"trained on {done.trained_on} pictures, {len(done.learned.history) - 1} epochs, kept {best.number}"
    if done.held:
        yield f"mAP among the {done.held_out} held out: {before.score:.4f} before, {best.score:.4f} after"
    yield f"use it: likewise index {printable(folder)} --recipe {printable(done.recipe)}"
    if done.held:
        yield (
            f"measure it: likewise evaluate csv --data {printable(folder)} --gt {printable(done.held)} "
            f"--recipe {printable(done.recipe)}"
        )
