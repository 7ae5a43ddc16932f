"""Routes of near-duplicates: finding them, throwing copies away, and saying that they are none."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import replace
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query

from likewise.downstream.duplicates import (
    Dismissed,
    Duplicates,
    Group,
    Journal,
    Plan,
    apply_plan,
    find_duplicates,
    undo,
)
from likewise.errors import LikewiseError
from likewise.files import replacing
from likewise.types import ProgressCallback
from likewise.web import schemas
from likewise.web.problems import not_found
from likewise.web.routes.adding import removals, sweep
from likewise.web.routes.overview import told_pictures
from likewise.web.routes.writing import WRITES
from likewise.web.services import Services, Serving
from likewise.web.services.library import Served
from likewise.web.services.overviews import Overviews

router = APIRouter(prefix="/collections", tags=["duplicates"])


@router.get("/{name}/duplicates")
async def duplicates(
    name: str,
    services: Serving,
    threshold: Annotated[
        float | None, Query(description="Similarity from which pictures are one; chosen if it is not given.")
    ] = None,
) -> schemas.Duplicates:
    """Groups of pictures that are one picture, the one to keep first, and bursts."""
    served = services.library[name]
    result = await _found(services, served, threshold)
    return schemas.Duplicates(
        groups=[_group(served, group) for group in sorted(result.groups, key=lambda group: group.sureness)],
        bursts=[_group(served, group) for group in result.bursts],
        threshold=result.threshold,
        reason=result.reason,
        surplus=result.surplus,
        generation=served.generation,
    )


@router.post("/{name}/duplicates/trash", dependencies=WRITES)
async def throw_away(name: str, asked: schemas.Throw, services: Serving) -> schemas.Thrown:
    """Throw the files of copies into the trash; the kept one of each group is read and compared before.

    What is no copy in a group, or whose group would be left without a sound file, stays. It can be undone as
    a removal can.
    """
    served = services.library[name]
    result = await _found(services, served, asked.threshold)
    return await services.gate.run(lambda: _thrown(services, served, result, set(asked.pictures)))


@router.post("/{name}/duplicates/dismiss", dependencies=WRITES)
def dismiss_pictures(name: str, asked: schemas.Dismiss, services: Serving) -> schemas.Dismissed:
    """Remember that pictures are no duplicates of each other, or take it back."""
    served = services.library[name]
    entries = served.collection.entries(asked.pictures)
    if len(entries) < 2:
        raise not_found("two pictures of these ids")
    contents = [entry.sha256 for entry in entries]
    return schemas.Dismissed(pairs=Dismissed.add(served.collection.path, contents, forget=asked.forget))


async def _found(services: Services, served: Served, threshold: float | None) -> Duplicates:
    """Duplicates, once for each generation and what was dismissed."""
    look = partial(_looked, services.overviews, served, threshold)
    what = (served.name, "duplicates", threshold)
    return await services.overviews.ask(services.overview_gate, what, look)


def _looked(
    overviews: Overviews, served: Served, threshold: float | None, progress: ProgressCallback
) -> Duplicates:
    known = Dismissed.of(served.collection.path) if served.exists else None
    key = ("duplicates", threshold, known)
    find = partial(find_duplicates, threshold=threshold, progress=progress)
    return overviews.get(served, key, find, progress)


def usual_duplicates(overviews: Overviews, served: Served, progress: ProgressCallback) -> None:
    """Find those that the page asks for first.

    Raises `UsageError` when the collection keeps no vectors.
    """
    _looked(overviews, served, None, progress)


def _group(served: Served, group: Group) -> schemas.Duplicate:
    """A group as clients see it; what was removed a moment ago is left out of it."""
    pictures = {picture.id: picture for picture in told_pictures(served, list(group.ids))}
    members = [member for member in group.members if member.file.id in pictures]
    ids = {member.file.path: member.file.id for member in members}
    return schemas.Duplicate(
        pictures=[pictures[member.file.id] for member in members],
        similarities=[member.similarity for member in members],
        kinds=[member.kind for member in members],
        surplus=[member.surplus for member in members],
        of=[ids.get(member.of) if member.of else None for member in members],
    )


def _thrown(services: Services, served: Served, result: Duplicates, wanted: set[int]) -> schemas.Thrown:
    """Forget the pictures, throw their files away, and bring back those whose files had to stay."""
    ids = {str(m.file.path): m.file.id for group in result.groups for m in group.members}
    rows = [
        replace(row, action="go" if ids.get(row.file) in wanted else "keep") for row in Plan.of(result).rows
    ]
    token, limits = secrets.token_hex(16), services.settings.limits
    path = removals(served) / f"{token}.json"
    journal = Journal.beside(path)
    removed = served.collection.take_out(*(ids[row.file] for row in rows if row.action == "go"))
    if not removed:
        raise not_found("copy of these ids")
    sweep(served, limits.undo_seconds)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        outcomes = apply_plan(Plan(tuple(rows)), journal, "trash", dry=False)
        left = {str(outcome.file) for outcome in outcomes if not outcome.done}
        served.collection.put_back([picture for picture in removed if picture.path in left])
        gone = [picture for picture in removed if picture.path not in left]
        with replacing(path) as part:
            part.write_text(json.dumps([picture.as_json() for picture in gone]), encoding="utf-8")
    except LikewiseError:
        if journal.read():
            undo(journal)  # what could not be undone is not done
        served.collection.put_back(removed)
        raise
    return schemas.Thrown(
        removed=len(gone),
        left=[picture.id for picture in removed if picture.path in left],
        undo=token,
        until=time.time() + limits.undo_seconds,
    )
