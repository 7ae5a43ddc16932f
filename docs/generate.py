"""Write docs/reference/cli.md from the commands' own help, or `--print` it, and the table of stages."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from likewise.cli import commands
from likewise.ranking import STAGES
from likewise.tables import Option

PAGE = Path(__file__).parent / "reference" / "cli.md"
STAGES_PAGE = Path(__file__).parent / "how-to" / "search.md"
WIDTH = 100
HEAD = """# The command line

Written by `python docs/generate.py` from the commands' own help; a test compares the two. What the exit
codes mean stands in [exit codes](exit-codes.md), how a collection is found when none is named in
[collections](collections.md).
"""


def pages(command: Any, name: str, parent: typer.Context | None = None) -> Iterator[tuple[str, str]]:
    """Each command's full name and help, parents first."""
    settings = command.context_settings | {"terminal_width": WIDTH, "max_content_width": WIDTH}
    context = typer.Context(command, info_name=name, parent=parent, **settings)
    yield context.command_path, context.get_help()
    for child, below in getattr(command, "commands", {}).items():
        yield from pages(below, child, context)


def reference() -> str:
    """The whole page."""
    found = pages(commands(), "likewise")
    return HEAD + "".join(f"\n## {name}\n\n```text\n{text.strip()}\n```\n" for name, text in found)


def with_stages(page: str) -> str:
    """A page with its table of stages as they describe themselves."""
    rows = "".join(
        f"| `{name}` | {stage.about} | `{','.join(map(_option, stage.options.items()))}` |\n"
        for name, stage in STAGES.items()
    )
    return re.sub(r"(\| stage \|.*\n\| --- .*\n)(?:\|.*\n)*", lambda table: table[1] + rows, page)


def _option(option: tuple[str, Option]) -> str:
    name, value = option
    return f"{name}={value:g}" if type(value) is float else f"{name}={value}".lower()


if __name__ == "__main__":
    if sys.argv[1:] == ["--print"]:
        sys.stdout.write(reference())
    else:
        PAGE.write_text(reference(), encoding="utf-8")
        STAGES_PAGE.write_text(with_stages(STAGES_PAGE.read_text("utf-8")), encoding="utf-8")
