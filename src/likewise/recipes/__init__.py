"""Recipes of one layer or several; the shipped ones lie beside this file."""

from likewise.recipes.recipe import (
    LayerRecipe,
    Recipe,
    as_recipe,
    load_recipe,
    parse_recipe,
    words_recipe_names,
)

__all__ = ["LayerRecipe", "Recipe", "as_recipe", "load_recipe", "parse_recipe", "words_recipe_names"]
