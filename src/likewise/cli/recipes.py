"""``likewise recipes``: the named ways to describe a picture."""

from __future__ import annotations

from typing import Annotated

import typer

from likewise.cli.command import App
from likewise.cli.options import Json, recipe_choices
from likewise.cli.output import hand_down, show, table

app = App(
    name="recipes",
    help="List the recipes, or show one: how pictures are described.",
    invoke_without_command=True,
)


@app.callback()
def _default(context: typer.Context, as_json: Json = False) -> None:
    hand_down(context, as_json)
    if context.invoked_subcommand is None:
        list_recipes(as_json)


@app.command("list")
def list_recipes(as_json: Json = False) -> None:
    """List the recipes that come with likewise."""
    from likewise.recipes import load_recipe

    recipes = [load_recipe(name) for name in recipe_choices()]
    value = [{"name": r.name, "network": r.network, "about": r.about, "hash": r.hash} for r in recipes]
    rows = [(r.name, r.network, r.about) for r in recipes]
    show(value, table(rows, ("recipe", "network", "about")), as_json=as_json)


@app.command("show")
def show_recipe(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME|FILE", help="A recipe's name or file.", autocompletion=recipe_choices),
    ],
    as_json: Json = False,
) -> None:
    """Print a recipe as TOML, a file to start your own from."""
    from likewise.recipes import load_recipe

    recipe = load_recipe(name)
    text = recipe.to_toml()
    show({"name": recipe.name, "hash": recipe.hash, "toml": text}, [text.rstrip()], as_json=as_json)
