"""The documentation says what is there: commands, options, names, links, versions."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from docs import generate

import likewise
from likewise import errors
from likewise.cli import commands
from likewise.descriptors.parts import STEPS
from likewise.descriptors.poolings import POOLINGS
from likewise.ranking.reranking import STAGES
from likewise.recipes.recipe import parse_recipe

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").rglob("*.md")])


def blocks(page: Path, *languages: str) -> Iterator[str]:
    """Fenced code of the given languages."""
    for language, code in re.findall(
        r"^```(\w*)\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
    ):
        if language in languages:
            yield code


def command_lines(page: Path) -> Iterator[str]:
    """Every `likewise ...` that a page tells the reader to type, without its comment."""
    text = page.read_text("utf-8")
    for code in [*blocks(page, "console", "sh"), *re.findall(r"^ {4}(likewise .*)$", text, re.MULTILINE)]:
        for line in code.splitlines():
            if line.startswith("likewise "):
                yield re.sub(r'("[^"]*")|\s+[#>]\s?.*', r"\1", line)
    for code in re.findall(r"`(likewise [^`]+)`", text):
        yield code


LINES = [(page, line) for page in PAGES if page.name != "cli.md" for line in command_lines(page)]


PATTERNS = {"FOLDER", "FILE", "DIR", "COMMAND"}  # words that stand for what the reader puts there


def parse(line: str) -> None:
    """Parse a command line as the real one would, without running it."""
    command: Any = commands()
    words = shlex.split(line)[1:]
    context = command.make_context("likewise", [], resilient_parsing=True)
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        command = command.commands[words.pop(0)]
    if words and words[0] in FIRST:
        return
    if words and not PATTERNS.intersection(words):
        command.make_context(command.name, words, parent=context)


FIRST = {"--help", *(name for option in commands().params for name in option.opts)}


@pytest.mark.parametrize(("page", "line"), LINES, ids=[f"{p.name}: {line}" for p, line in LINES])
def test_every_command_line_parses_and_is_spelled_as_of_now(
    page: Path, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parse(line)
    assert capsys.readouterr().err == ""


def test_wrong_lines_would_be_noticed() -> None:
    for line in ("likewise serch a.jpg", "likewise search a.jpg --bx 1,2,3,4", "likewise search a b"):
        with pytest.raises((typer.TyperException, KeyError)):
            parse(line)


def test_the_command_reference_is_what_the_commands_say() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--print"], capture_output=True, text=True, check=True
    )
    assert (ROOT / "docs" / "reference" / "cli.md").read_text("utf-8") == done.stdout, "run docs/generate.py"


def test_the_stages_are_what_they_say_of_themselves() -> None:
    page = generate.STAGES_PAGE.read_text("utf-8")
    assert all(stage.about in page for stage in STAGES.values())
    assert generate.with_stages(page) == page, "run docs/generate.py"


def test_every_error_has_its_documented_exit_code() -> None:
    page = (ROOT / "docs" / "reference" / "exit-codes.md").read_text("utf-8")
    rows = {int(code): rest for code, rest in re.findall(r"^\| (\d+) \|(.*)$", page, re.MULTILINE)}
    for name, thing in vars(errors).items():
        if inspect.isclass(thing) and issubclass(thing, Exception) and thing is not errors.LikewiseError:
            assert f"`{name}`" in rows[getattr(thing, "exit_code", -1)], name


def test_public_names_are_documented() -> None:
    page = (ROOT / "docs" / "reference" / "python.md").read_text("utf-8")
    for name in likewise.__all__:
        assert f"`{name}`" in page, name


def test_poolings_and_transforms_are_documented() -> None:
    page = (ROOT / "docs" / "reference" / "recipes.md").read_text("utf-8")
    pools = {name: pooling.options for name, pooling in POOLINGS.items()}
    for name, options in [*pools.items(), *STEPS.items()]:
        assert f"`{name}`" in page, name
        for option in options:
            assert f"`{option}`" in page or option == "sha256", f"{name}: {option}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_in_pages_is_code(page: Path) -> None:
    for code in blocks(page, "python"):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("likewise."):
                assert all(hasattr(import_module(node.module), name.name) for name in node.names), node.module
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "lw":
                assert node.attr in likewise.__all__
    for code in blocks(page, "toml"):
        if "[[parts]]" in code:
            assert parse_recipe(code).layers
        else:
            assert tomllib.loads(code)


def test_the_version_is_written_once_and_repeated_rightly() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.findall(r"^## \[(\d[^]]*)\]", changelog, re.MULTILINE)[0] == likewise.__version__
    assert f"\nversion: {likewise.__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")


def test_the_demo_is_run_once_with_what_it_needs() -> None:
    lines = re.findall(r"uvx .*likewise demo", (ROOT / "docs/how-to/install.md").read_text("utf-8"))
    assert lines
    assert all("[demo]" in line for line in lines)


def test_make_has_ten_targets_at_most_and_each_says_what_it_does() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    explained = re.findall(r"^([a-z-]+):.*## \S", text, re.MULTILINE)
    assert sorted(phony.split()) == sorted(explained)
    assert len(explained) <= 10


def test_what_is_installed_is_pinned() -> None:
    pins = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text("utf-8").split()
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(w for extra in project["optional-dependencies"].values() for w in extra),
    ]
    names = {re.split(r"[\[<>=]", want)[0].lower().replace("_", "-") for want in wanted} - {"likewise"}
    assert names <= pins


def test_features_at_work_are_where_the_reference_says() -> None:
    text = (ROOT / "docs" / "reference" / "python.md").read_text("utf-8")
    _, _, section = text.partition("## Features at work")
    room, names = "", 0
    for line in section.partition("## ")[0].splitlines():
        first, functions = ([*line.split("|"), "", "", ""])[1:3]
        room = (re.findall(r"`(likewise[\w.]*)`", first) or [room])[0]
        for name, member in re.findall(r"`(\w+)(?:\.(\w+))?[^`]*`", functions if room else ""):
            thing = getattr(import_module(room), name)
            assert not member or hasattr(thing, member)
            names += 1
    assert names > 9
