"""How a command is spelled and how its help looks, for all commands at once."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import wraps
from itertools import pairwise
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from likewise.cli.examples import EXAMPLES, SECTIONS
from likewise.cli.options import SUFFIX
from likewise.errors import UsageError

Function = TypeVar("Function", bound=Callable[..., Any])

ALSO = {"optimize": "optimise", "quantize": "quantise", "--quantize": "--quantise", "--color": "--colour"}
"""American spellings, which do as well."""

OLD = {
    "--into": ("--output",),
    "--to": ("--output",),
    "--out": ("--runs", "--output"),
    "--table": ("--output",),
    "--words": ("--size",),
    "-k": ("--clusters",),
    "seed-000": ("capuano-2018",),
    "seed-001": ("aggregating-deep-features",),
    "seed-002": ("li-2016",),
    "seed-003": ("paula-2020",),
}
"""Spellings of before; each means the first of its new ones that a command has."""


class App(typer.Typer):
    """Commands whose help is plain text, with examples, and which answer to `ALSO` and `OLD` spellings."""

    def __init__(self, **options: Any) -> None:
        super().__init__(cls=CommandGroup, rich_markup_mode=None, **options)

    def command(self, name: str | None = None, **options: Any) -> Callable[[Function], Function]:
        """Register a function as a command, as typer does; see `spread`."""
        return _spreading(super().command(name, cls=Command, **options))

    def callback(self, **options: Any) -> Callable[[Function], Function]:
        """Register what runs before a command, or without one, as typer does; see `spread`."""
        return _spreading(super().callback(**options))


def _spreading(register: Callable[[Callable[..., Any]], Any]) -> Callable[[Function], Function]:
    def add(function: Function) -> Function:
        register(spread(function))
        return function

    return add


def spread(function: Callable[..., Any]) -> Callable[..., Any]:
    """A command that takes its options one by one, where it wants a dataclass of several as one value."""
    signature = inspect.signature(function, eval_str=True)
    wanted = signature.parameters.values()
    groups: dict[str, Any] = {
        parameter.name: parameter.annotation for parameter in wanted if is_dataclass(parameter.annotation)
    }
    if not groups:
        return function

    @wraps(function)
    def command(**given: Any) -> Any:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        return function(**given)

    options = [
        option.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in wanted
        for option in (
            inspect.signature(parameter.annotation, eval_str=True).parameters.values()
            if parameter.name in groups
            else [parameter]
        )
    ]
    command.__signature__ = signature.replace(parameters=options)  # type: ignore[attr-defined]
    return command


class Command(TyperCommand):
    """A command of one function."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments, in any spelling."""
        known = {name for option in self.get_params(ctx) for name in option.opts}
        spelled = [*_spelled(args, known, aloud=not ctx.resilient_parsing)]
        try:
            rest: list[str] = super().parse_args(ctx, [*spelled])
        except typer.BadParameter as error:
            _name_value(error, spelled)
            raise
        except typer.TyperException as error:
            if getattr(error, "ctx", ctx) is None:
                error.ctx = ctx  # type: ignore[attr-defined]
            collections = [word for word in spelled if word.rstrip(os.sep).endswith(SUFFIX)]
            if "--in" in known and collections and "unexpected extra" in str(error):
                raise UsageError(f"a collection is named by --in: --in {collections[-1]}") from error
            raise
        return rest

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Arguments by their names, those that may be left out in brackets."""
        arguments = (
            parameter for parameter in self.get_params(ctx) if parameter.param_type_name == "argument"
        )
        return ["[OPTIONS]", *map(_usage, arguments)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options, then the examples."""
        _write_parameters(self, ctx, formatter)
        _write_examples(ctx, formatter)


class CommandGroup(TyperGroup):
    """Commands under one name; those of `likewise` itself stand in sections."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options; where a collection may be named, a word that is no command names it."""
        if any("--in" in option.opts for option in self.get_params(ctx)):
            parser = self.make_parser(ctx)
            parser.allow_interspersed_args = False
            words = parser.parse_args(list(args))[1]
            if words and words[0] not in self.commands and _is_collection(words[0]):
                if "--in" in args:
                    raise UsageError(f"give one collection, not both {words[0]} and --in")
                args = [*args[: len(args) - len(words)], "--in", *words]
        if not args and self.no_args_is_help and not ctx.resilient_parsing:
            typer.echo(ctx.get_help(), err=True)  # as an error its lines would become one
            ctx.exit(2)
        try:
            rest: list[str] = super().parse_args(ctx, [*args])
        except typer.BadParameter as error:
            _name_value(error, args)
            raise
        return rest

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Find a command, in any spelling."""
        name = ALSO.get(cmd_name, cmd_name)
        if name in OLD and OLD[name][0] in self.commands:
            if not ctx.resilient_parsing:
                _notice(name, OLD[name][0])
            name = OLD[name][0]
        return super().get_command(ctx, name)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, then the options: who asks for help looks for a command."""
        self.format_commands(ctx, formatter)
        _write_parameters(self, ctx, formatter)
        _write_examples(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each command with the first sentence of its help, never cut."""
        sections = SECTIONS if ctx.parent is None else {"Commands": tuple(self.commands)}
        width = max(map(len, self.commands))
        for title, names in sections.items():
            with formatter.section(title):
                rows = [(name.ljust(width), self.commands[name].get_short_help_str(1000)) for name in names]
                formatter.write_dl(rows)


def _is_collection(word: str) -> bool:
    return word.rstrip(os.sep).endswith(SUFFIX) or os.path.isdir(word)


def _spelled(args: Sequence[str], known: set[str], *, aloud: bool) -> Iterator[str]:
    """Arguments with each option by the name that the command knows."""
    rest = iter(args)
    for word in rest:
        if word == "--":  # what follows are names of files
            yield from (word, *rest)
            return
        name, equals, value = word.partition("=") if word.startswith("--") else (word[:2], "", word[2:])
        new = _new_name(name, known)
        if (name not in OLD and name not in ALSO) or new is None:
            yield word
            continue
        if aloud and name in OLD:
            _notice(name, new)
        if value and not equals:  # -k5
            yield from (new, value)
        else:
            yield new + equals + value


def _name_value(error: typer.BadParameter, words: Sequence[str]) -> None:
    """Let an error tell the value that it is about, in words that are for people."""
    error.message = error.message.removeprefix("Value error, ").partition(", unable to parse")[0]
    given = _given(words, error.param)
    if given is not None and given not in error.message:
        error.message = f"{error.message.rstrip('.')}, not {given!r}"


def _given(words: Sequence[str], parameter: Any) -> str | None:
    """The value that an option is given; None for arguments."""
    for word, following in pairwise([*words, ""]):
        name, equals, value = word.partition("=")
        options = getattr(parameter, "opts", ())
        if name in options:
            return value if equals else following
        if word[:2] in options and word[1] != "-":  # -k5
            return word[2:]
    return None


def _new_name(name: str, known: set[str]) -> str | None:
    """The name behind a spelling; None where the command has it, or has nothing instead."""
    if name in known:
        return None
    return next((new for new in (ALSO.get(name), *OLD.get(name, ())) if new in known), None)


def _notice(old: str, new: str) -> None:
    typer.echo(f"likewise: {old} is called {new} now; the old name does as well", err=True)


def _usage(argument: Any) -> str:
    name = (argument.metavar or argument.name.upper()) + ("..." if argument.nargs != 1 else "")
    return name if argument.required else f"[{name}]"


def _write_parameters(command: Any, ctx: Any, formatter: Any) -> None:
    rows: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
    for parameter in command.get_params(ctx):
        if record := parameter.get_help_record(ctx):
            if parameter.param_type_name == "argument":
                rows["Arguments"].append((_usage(parameter).strip("[]"), parameter.help))
            else:
                rows["Options"].append((_plain(record[0]), record[1]))
    for title, definitions in rows.items():
        if definitions:
            with formatter.section(title):
                formatter.write_dl(definitions)


_KINDS = ((r"<(list\[)?(int|float)\b.*>", "N"), (r"<(list\[)?str\]?>", "NAME"), (r"<(.*\|.*)>", r"\1"))


def _plain(option: str) -> str:
    """An option without the name of a Python type: ``--top N``, ``--engine openvino|torch``."""
    for pattern, name in _KINDS:
        option = re.sub(pattern, name, option)
    return option


def _write_examples(ctx: Any, formatter: Any) -> None:
    _, _, name = ctx.command_path.partition(" ")
    if lines := EXAMPLES.get(name):
        with formatter.section("Examples"):
            formatter.write("".join(f"{'':{formatter.current_indent}}{line}\n" for line in lines))
