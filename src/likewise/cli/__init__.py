"""The command line: each command is a thin layer over one public call.

Only typer is imported up here. What a command works with is imported inside the command, because
``likewise --help`` and shell completion must answer at once and must not wait for numpy or an engine.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, NoReturn

import typer

from likewise.cli import (
    classifying,
    clustering,
    demo,
    duplicates,
    evaluating,
    extract,
    facts,
    indexing,
    inspecting,
    networks,
    quantising,
    recipes,
    reproducing,
    searching,
    serving,
    similar,
    studying,
    sweeping,
    training,
    vocabularies,
    whitening,
)
from likewise.cli.command import App
from likewise.cli.output import printable, short
from likewise.errors import LikewiseError, MissingExtra

DEBUG = "LIKEWISE_DEBUG"
INTERRUPTED = 130

app = App(
    name="likewise",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    indexing.index,
    indexing.info,
    indexing.failures,
    indexing.verify,
    indexing.optimise,
    indexing.remove,
    indexing.copy,
    facts.annotate,
    facts.facts_,
    searching.search,
    searching.compare,
    similar.similar,
    clustering.cluster,
    clustering.map_,
    extract.extract,
    extract.ingest,
    evaluating.evaluate,
    evaluating.report,
    sweeping.sweep,
    training.train,
    inspecting.inspect,
    demo.demo,
    serving.serve,
):
    app.command(command.__name__.rstrip("_"))(command)
for group in (
    duplicates,
    classifying,
    networks,
    recipes,
    reproducing,
    whitening,
    quantising,
    vocabularies,
    studying,
):
    app.add_typer(group.app)


def _version(wanted: bool) -> None:
    if wanted:
        from likewise._version import __version__

        typer.echo(f"likewise {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help=f"Show the traceback of an error; so does {DEBUG}=1.")
    ] = False,
) -> None:
    """Find the pictures that show the same thing.

    Index a folder once, then search it with a picture or with a box in one.
    """
    if debug:
        os.environ[DEBUG] = "1"
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code.

    Errors that likewise raises on purpose, and those of the operating system, become one line on standard
    error; anything else is a fault of the program and keeps its traceback.
    """
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        # a file name need not be text; printing one must not fail
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code: int = commands()(arguments, prog_name="likewise", standalone_mode=False) or 0
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):  # outside a command, where typer does not see it
        code = INTERRUPTED
    except BrokenPipeError:
        # the reader left (`likewise search ... | head`); nothing may be flushed into the pipe at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (LikewiseError, typer.TyperException, OSError) as error:
        if os.environ.get(DEBUG):
            raise
        return _fail(error)
    except ModuleNotFoundError as error:
        if os.environ.get(DEBUG) or error.name != "torch":
            raise
        return _fail(MissingExtra("this command, which trains a network,", "torch"))
    if code == INTERRUPTED:
        typer.echo("likewise: interrupted; what was finished is kept", err=True)
    return code


@cache
def commands() -> Any:
    """All commands; typer would read all signatures anew, for a tenth of a second, at each call of `main`."""
    return typer.main.get_command(app)


def _open_closed_streams() -> None:
    """Put the null device where the caller closed a standard stream (``likewise ... 2>&-``).

    Python has None there, and the next file opened would get that stream's number and what is printed.
    """
    for name, flags, mode in (
        ("stdin", os.O_RDONLY, "r"),
        ("stdout", os.O_WRONLY, "w"),
        ("stderr", os.O_WRONLY, "w"),
    ):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.open(os.devnull, flags), mode, closefd=False))


def _fail(error: Exception) -> int:
    """One line for a person, and the documented exit code."""
    message = str(error)
    if isinstance(error, typer.TyperException):
        context: typer.Context | None = getattr(error, "ctx", None)
        where = context.command_path if context else "likewise"
        message = f"{error.format_message().rstrip('.')}; see `{where} --help`"
    typer.echo(f"likewise: error: {short(printable(message))}", err=True)
    if isinstance(error, OSError):
        return 5
    return int(getattr(error, "exit_code", 1))
