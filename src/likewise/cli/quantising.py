"""``likewise quantise``: learn to store vectors in a few bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli.command import App
from likewise.cli.options import Computing, Json, Most, Output, Overwrite, RecipeName, Whiten, new_file
from likewise.cli.output import facts, left_out_lines, printable, progress, show

if TYPE_CHECKING:
    from likewise.descriptors.transforms import Quantiser

app = App(
    name="quantise",
    help="Learn to store vectors in a few bytes, or show what was learned.",
    no_args_is_help=True,
)


@app.command()
def learn(
    folder: Annotated[Path, typer.Argument(help="Pictures like those to be searched, 256 at least.")],
    output: Output,
    count: Annotated[int, typer.Option("--bytes", min=1, help="Bytes that a vector will take.")] = 64,
    recipe: RecipeName = None,
    whiten: Whiten = None,
    most: Most = 10_000,
    *,
    running: Computing,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Learn a product quantiser of a recipe's vectors from a folder of pictures.

    Vectors are kept in the cache: a run that was interrupted goes on, and other --bytes need no network.
    """
    from likewise.descriptors import VectorRecipe
    from likewise.learning import choose, gather, learn_quantiser

    new_file(output, overwrite=overwrite)
    how = VectorRecipe.load(recipe or "default")
    how = how.whitened(whiten) if whiten else how
    extractor = running.extractor(how)
    with progress("learning") as callback:
        chosen = choose(folder, most=most)
        gathered = gather(extractor, chosen, progress=callback)
        learned = learn_quantiser(gathered, count, extractor.recipe, progress=callback)
    learned.save(output)
    use = f"--recipe {recipe or 'default'}" + (f" --whiten {whiten}" if whiten else "")
    lines = [
        *left_out_lines(gathered.failures),
        f"{printable(output)}: {learned.dimensions} numbers in {learned.bytes} bytes, learned on "
        f"{learned.origin.samples} vectors of {printable(learned.origin.about)}",
        printable(f"use it: likewise index FOLDER {use} --quantise {output}"),
    ]
    failures = {str(path): str(why) for path, why in gathered.failures.items()}
    show({"path": output, **_value(learned), "failures": failures}, lines, as_json=as_json)


@app.command("show")
def show_quantiser(
    file: Annotated[Path, typer.Argument(help="What `likewise quantise learn` wrote.")], as_json: Json = False
) -> None:
    """Show what a quantiser does and what it was learned on."""
    from likewise.descriptors.transforms import Quantiser

    value = _value(Quantiser.load(file))
    show(value, facts(value), as_json=as_json)


def _value(learned: Quantiser) -> dict[str, object]:
    origin = learned.origin
    return {
        "takes": learned.dimensions,
        "bytes": learned.bytes,
        "recipe": origin.recipe_name,
        "learned_on": origin.about,
        "vectors": origin.samples,
        "pictures": len(origin.pictures),
    }
