"""Write docs/reference/cli.md from the commands' own help; `--print` shows it instead."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from likewise.cli import commands

PAGE = Path(__file__).parent / "reference" / "cli.md"
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


if __name__ == "__main__":
    if sys.argv[1:] == ["--print"]:
        sys.stdout.write(reference())
    else:
        PAGE.write_text(reference(), encoding="utf-8")
