"""``likewise words``: learn a vocabulary of visual words from a folder of pictures, and show one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from likewise.cli.command import App
from likewise.cli.options import Computing, Json, Output, Overwrite, RecipeName, new_file
from likewise.cli.output import left_out_lines, printable, progress, show
from likewise.errors import UsageError

if TYPE_CHECKING:
    from likewise.words import Vocabulary, WordsRecipe

app = App(name="words", help="Learn a vocabulary of visual words, or show one.", no_args_is_help=True)

RECIPE = "mof-lite0"


@app.command()
def learn(
    folder: Annotated[
        Path, typer.Argument(help="Pictures like those to be searched, but better not the same ones.")
    ],
    output: Output,
    recipe: RecipeName = None,
    words: Annotated[int, typer.Option("--size", min=2, max=100_000, help="Words of each layer.")] = 20_000,
    most: Annotated[
        int | None,
        typer.Option(
            "--most", min=1, help="Learn on at most so many pictures, spread evenly over the folder."
        ),
    ] = None,
    projection: Annotated[
        Literal["random", "pca", "pca-rotation"],
        typer.Option("--projection", help="What the bits of Hamming embedding are made of."),
    ] = "random",
    seeding: Annotated[
        Literal["sampled", "k-means++"], typer.Option("--seeding", help="How k-means begins.")
    ] = "sampled",
    seed: Annotated[int, typer.Option("--seed", help="Of all chance.")] = 0,
    *,
    running: Computing,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Learn codebooks, Hamming embedding and the weights of the layers for a recipe of visual words.

    For 20000 words some 10000 pictures of 100 patches are wanted; a few hundred do for 1000.
    """
    from likewise.learning import Learning, choose, learn_vocabulary

    new_file(output, overwrite=overwrite)
    words_recipe = _words_recipe(recipe or RECIPE)
    chosen = choose(folder, most=most)
    extractor = words_recipe.features.open(**vars(running))
    how = Learning(words, bits=words_recipe.features.bits, seeding=seeding, projection=projection, seed=seed)
    with progress("learning words") as callback:
        learned = learn_vocabulary(extractor, chosen, words_recipe, how, progress=callback)
    learned.vocabulary.save(output)
    recalls = ", ".join(f"{tap} {recall:.4f}" for tap, recall in learned.recalls.items())
    lines = [
        *left_out_lines(learned.failures),
        *_layer_lines(learned.vocabulary),
        f"learned on {learned.features} features a layer; recall of assignment: {recalls}",
        f"wrote {printable(output)}: use it with --words {printable(output)}",
    ]
    value = {
        "file": output,
        "layers": _layers(learned.vocabulary),
        "features": learned.features,
        "recalls": learned.recalls,
        "failures": {str(file): str(why) for file, why in learned.failures.items()},
    }
    show(value, lines, as_json=as_json)


@app.command("show")
def show_words(
    file: Annotated[Path, typer.Argument(help="What `likewise words learn` wrote.")], as_json: Json = False
) -> None:
    """Show the layers of a vocabulary, and what it was learned on."""
    from likewise.words import Vocabulary

    vocabulary = Vocabulary.load(file)
    origin = vocabulary.origin
    document = {
        "layers": _layers(vocabulary),
        "features": origin.samples,
        "learned_on": origin.about,
        "pictures": len(origin.pictures),
        "recipe": origin.recipe_name,
    }
    lines = [
        *_layer_lines(vocabulary),
        f"learned on  {origin.samples} features of {len(origin.pictures)} pictures, "
        f"{printable(origin.about)}",
        f"recipe      {document['recipe']}",
    ]
    show(document, lines, as_json=as_json)


def _words_recipe(name: str) -> WordsRecipe:
    from likewise.recipes import load_recipe, words_recipe_names

    recipe = load_recipe(name)
    if not recipe.words:
        raise UsageError(
            f"recipe {recipe.name!r} makes a vector, not words: take one of {', '.join(words_recipe_names())}"
        )
    return recipe.words[0]


def _layers(vocabulary: Vocabulary) -> dict[str, dict[str, float]]:
    return {
        tap: {
            "words": len(layer.codebook),
            "dimensions": layer.codebook.centres.shape[1],
            "bits": layer.embedding.bits,
            "scale": layer.scale,
        }
        for tap, layer in vocabulary.layers.items()
    }


def _layer_lines(vocabulary: Vocabulary) -> list[str]:
    return [
        f"{tap:<11} {layer['words']:g} words of {layer['dimensions']:g} numbers, {layer['bits']:g} bits, "
        f"scale {layer['scale']:.4g}"
        for tap, layer in _layers(vocabulary).items()
    ]
