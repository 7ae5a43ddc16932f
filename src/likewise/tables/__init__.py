"""Tables of text: recipes and other settings as TOML, by name or file, checked against defaults, and written.

`labels` stands beside: tables of pictures, as spreadsheets write them.
"""

from likewise.tables.settings import (
    Option,
    RecipeText,
    choose,
    defaults_of,
    difference,
    expect,
    known_keys,
    recipe_names,
    settle,
    toml_lines,
)

__all__ = [
    "Option",
    "RecipeText",
    "choose",
    "defaults_of",
    "difference",
    "expect",
    "known_keys",
    "recipe_names",
    "settle",
    "toml_lines",
]
