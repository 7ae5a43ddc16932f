"""``likewise duplicates``: which pictures of a collection are one, and what is done about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from likewise.cli.command import App
from likewise.cli.options import In, Json, Running, Under, Where, find_collection
from likewise.cli.output import counted, printable, progress, show
from likewise.errors import UsageError

if TYPE_CHECKING:  # numpy stands behind them, and help must not wait for that
    from likewise.downstream.duplicates import Duplicates, FileOutcome, Group

Way = Literal["move", "link", "trash"]

app = App(name="duplicates", invoke_without_command=True)


@app.callback()
def duplicates(
    context: typer.Context,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            metavar="SIMILARITY",
            help="Link pictures from this similarity on, whatever their pixels say. Without it: calibrated "
            "on the collection, and pixels decide.",
        ),
    ] = None,
    under: Under = None,
    where: Where = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="FOLDER|GLOB|COLLECTION",
            help="Only what is a copy of a picture of this reference, which is kept: paths in the same "
            "collection, or another collection.",
        ),
    ] = None,
    turned: Annotated[
        bool, typer.Option("--turned", help="Look also for copies that lie on their side: reads every file.")
    ] = False,
    keep: Annotated[
        str,
        typer.Option(
            "--keep",
            metavar="RULE,...",
            help="Which picture of a group is kept, by rules in order: largest, smallest (in pixels), "
            "heaviest, lightest (in bytes), oldest, newest, shortest (path), folder:NAME.",
        ),
    ] = "largest,heaviest",
    go: Annotated[
        str,
        typer.Option(
            "--go",
            metavar="KIND,...",
            help="What could go: same bytes, same pixels, recompressed, resized, cropped, edited, turned, "
            "companion, alike.",
        ),
    ] = "same bytes,same pixels,recompressed,resized",
    plan: Annotated[
        Path | None,
        typer.Option(
            "--plan",
            metavar="FILE",
            help="Write what could be done to a .csv or .json file, to be edited and applied.",
        ),
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", metavar="FILE", help="Draw the groups to a picture.")
    ] = None,
    *,
    running: Running,
    collection: In = None,
    as_json: Json = False,
) -> None:
    """Find pictures that are one picture, say what each is to the one to keep, and act on it.

    Vectors say which may be copies of each other, and pixels decide. Nothing is changed by this: write a plan
    with --plan, edit it, and let `likewise duplicates apply` carry it out, which can be undone.
    """
    if context.invoked_subcommand is not None:
        return
    from likewise.downstream.duplicates import Plan, find_duplicates, parse_kinds

    kinds = parse_kinds(go)
    if plan is not None:
        Plan.check(plan)
    with running.open(collection) as opened, progress("looking for duplicates") as callback:
        if sheet is not None:
            from likewise.drawing import check_output

            check_output("sheet", sheet, *opened.pictures(under, where).paths)
        result = find_duplicates(
            opened,
            threshold=threshold,
            under=under,
            where=where,
            against=against,
            turned=turned,
            keep=keep,
            kinds=kinds,
            progress=callback,
        )
        if sheet is not None and result.groups:
            from likewise.drawing.sheets import duplicate_sheet

            files = {member.file.path: member.file for group in result.groups for member in group.members}
            duplicate_sheet(result, sheet, read=lambda path: files[path].read())
    if plan is not None:
        Plan.of(result).write(plan)
    show(result.as_json(), _lines(result, sheet, plan), as_json=as_json)


@app.command("apply")
def apply_plan(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="What --plan wrote, as it was edited.")],
    move: Annotated[
        Path | None,
        typer.Option(
            "--move",
            metavar="FOLDER",
            help="Move what goes to this folder, where it keeps its path below the folder that was indexed.",
        ),
    ] = None,
    hard_link: Annotated[
        bool,
        typer.Option(
            "--hard-link", help="Make what goes another name of the kept file, if it is the same bytes."
        ),
    ] = False,
    trash: Annotated[bool, typer.Option("--trash", help="Throw what goes into the trash.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it. Without this everything is checked, and nothing is changed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Carry out a plan: move the copies away, throw them away, or make them links.

    A file is touched only if it and the one that is kept are still, byte for byte, what they were when the
    plan was made. A journal beside the plan lets `likewise duplicates undo` take everything back.
    """
    from likewise.downstream.duplicates import Journal, Plan, apply_plan

    way = one_way(move=move, link=hard_link, trash=trash)
    journal = Journal.beside(plan)
    with progress("checking" if not yes else "acting") as callback:
        outcomes = apply_plan(Plan.read(plan), journal, way, folder=move, dry=not yes, progress=callback)
    value = {"done": yes, "journal": journal.path, "files": outcomes}
    show(value, _outcome_lines(outcomes, _SAID[way], journal.path if yes else None), as_json=as_json)


@app.command()
def undo(
    plan: Annotated[
        Path, typer.Argument(metavar="PLAN", help="The plan that was carried out, or its journal.")
    ],
    as_json: Json = False,
) -> None:
    """Take back what was done by a plan; files that changed since are left where they are."""
    from likewise.downstream.duplicates import Journal
    from likewise.downstream.duplicates import undo as take_back

    with progress("taking back") as callback:
        outcomes = take_back(Journal.beside(plan), progress=callback)
    show({"files": outcomes}, _undone_lines(outcomes), as_json=as_json)


@app.command()
def dismiss(
    pictures: Annotated[
        list[str], typer.Argument(metavar="FOLDER|GLOB|FILE ...", help="Pictures of the collection.")
    ],
    forget: Annotated[bool, typer.Option("--forget", help="Take it back.")] = False,
    collection: In = None,
    as_json: Json = False,
) -> None:
    """Remember that pictures are no duplicates of each other, wherever their files may be moved to."""
    from likewise.collection import Collection
    from likewise.downstream.duplicates import Dismissed

    with Collection.open(find_collection(collection)) as opened:
        ids = [int(row) for what in pictures for row in opened.pictures(what).ids]
        contents = {entry.sha256 for entry in opened.entries(ids)}
        count = Dismissed.add(opened.path, contents, forget=forget)
    what = "taken back" if forget else "remembered as no duplicates"
    show({"pairs": count}, [f"{count} pairs {what}"], as_json=as_json)


def one_way(*, move: Path | None, link: bool, trash: bool) -> Way:
    """The one thing that is to be done.

    Raises `UsageError` when it is none, or more than one.
    """
    ways: dict[Way, bool] = {"move": move is not None, "link": link, "trash": trash}
    wanted = [way for way, chosen in ways.items() if chosen]
    if len(wanted) != 1:
        raise UsageError("say what becomes of the copies: one of --move FOLDER, --hard-link and --trash")
    return wanted[0]


_SAID = {"move": "to", "trash": "to", "link": "now the same file as"}


def _outcome_lines(outcomes: Sequence[FileOutcome], joint: str, journal: Path | None) -> Iterator[str]:
    for outcome in outcomes:
        if outcome.done:
            yield f"{printable(outcome.file)}\n  {joint} {printable(outcome.to)}"
        else:
            yield f"left alone: {printable(outcome.file)}\n  {printable(outcome.why)}"
    done = [outcome for outcome in outcomes if outcome.done]
    room = sum(outcome.bytes for outcome in done) / 1e6
    if journal is None:
        yield f"{len(done)} of {len(outcomes)} files would go ({room:.1f} MB): nothing was changed; add --yes"
    else:
        yield f"{len(done)} of {len(outcomes)} files went ({room:.1f} MB)"
        yield f"to take it back: likewise duplicates undo {printable(journal)}"


def _undone_lines(outcomes: Sequence[FileOutcome]) -> Iterator[str]:
    for outcome in outcomes:
        if not outcome.done:
            yield f"left alone: {printable(outcome.file)}\n  {printable(outcome.why)}"
    yield f"{sum(outcome.done for outcome in outcomes)} of {len(outcomes)} files are back"


def _lines(result: Duplicates, sheet: Path | None, plan: Path | None) -> Iterator[str]:
    for number, group in enumerate(result.groups, 1):
        yield f"group {number}"
        yield from _group_lines(group)
    for number, group in enumerate(result.bursts, 1):
        yield f"burst {number}"
        yield from _group_lines(group)
    groups, pictures = counted(len(result.groups), "group"), counted(result.pictures)
    yield f"{groups} among {pictures}; {result.surplus} could go"
    if result.kinds:
        kinds = ", ".join(f"{count} {kind}" for kind, count in result.kinds.items())
        yield f"of them {kinds}; what could go takes {result.bytes / 1e6:.1f} MB"
    yield from _explained(result)
    if sheet is not None and result.groups:
        yield f"sheet: {printable(sheet)}"
    if plan is not None:
        yield f"plan: {printable(plan)}"


def _group_lines(group: Group) -> Iterator[str]:
    for member in group.members:
        note = f"  {member.kind}" if member.kind else ""
        if member.kind and member.why != f"the {member.kind}":
            note += f": {member.why}"
        if member.of not in (None, group.paths[0]):  # a copy of another one that stays
            note += f" (of {printable(member.of)})"
        yield f"  {member.similarity:.4f}  {printable(member.file.path)}{note}"
        yield from (f"          = {printable(path)}" for path in member.file.others)


def _explained(result: Duplicates) -> Iterator[str]:
    """Where the threshold lies and what it means, and what was not compared."""
    yield f"threshold {result.threshold:.4f}: {result.reason}"
    for name, share in result.found.items():
        yield f"  it finds {100 * share:3.0f} % of copies: {name}"
    if result.by_chance is not None:
        yield f"  pairs of different pictures expected above it: {result.by_chance:.2g}"
    yield f"  pairs whose pixels were compared: {result.looked_at}"
    if result.dismissed:
        yield f"  pairs that are no duplicates, as you said: {result.dismissed}"
    for what, paths in vars(result.left_out).items():
        if paths:
            yield f"left out, {len(paths)} {what}: {printable(paths[0])}{' ...' if len(paths) > 1 else ''}"
