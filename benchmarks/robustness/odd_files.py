"""Bad and odd files, links in circles, and a file that goes away, through the command line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.robustness.command import committed, faults, likewise, pictures_in
from benchmarks.robustness.disks import Row
from tests.zoo import make_zoo

from likewise.collection.collection import Collection

FOLDERS = {"folder.jpg"}
"""A folder with the name of a picture: the zoo expects a failure from loading it, a walk goes into it."""


def odd_files(corner: Path) -> Iterator[Row]:
    """Try them all."""
    yield _zoo(corner / "zoo", corner / "zoo.collection")
    yield from _circles(corner / "circles", corner / "circles.collection")
    yield _vanishing(corner / "vanishing", corner / "vanishing.collection")


def _fresh(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _zoo(folder: Path, into: Path) -> Row:
    _fresh(folder, into)
    zoo = {path: outcome for path, outcome in make_zoo(folder).items() if path.name not in FOLDERS}
    ran = likewise("index", folder, "--into", into)
    with Collection.open(into) as opened:
        failed = {failure.path: failure.reason for failure in opened.failures()}
    landed = {Path(path): "indexed" for path in committed(into)} | failed
    both = set(failed) & {Path(path) for path in committed(into)}
    wrong = {path.name for path, outcome in zoo.items() if landed.get(path) != outcome}
    strangers = {path.name for path in set(landed) - set(zoo)}
    counts = Counter("indexed" if outcome == "indexed" else "failed" for outcome in landed.values())
    text = f"exit {ran.code}: {counts['indexed']} indexed, {counts['failed']} failures, {faults(into)}"
    for word, names in (("not as expected", wrong), ("unknown", strangers), ("both", both)):
        text += f", {word}: {names}" if names else ""
    return f"the zoo: {len(zoo)} files", text, not (ran.code or wrong or strangers or both)


def _circles(folder: Path, into: Path) -> Iterator[Row]:
    """Links to a parent, to each other and to themselves."""
    _fresh(folder, into)
    pictures_in(folder / "real", 5, 64)
    (folder / "real" / "parent").symlink_to(folder, target_is_directory=True)
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")
    (folder / "self.jpg").symlink_to("self.jpg")
    (folder / "again").symlink_to(folder / "real", target_is_directory=True)
    ran, found = likewise("index", folder, "--into", into), committed(into)
    text = f"exit {ran.code}: {len(found)} indexed of 5"
    yield "links in circles", text, ran.code == 0 and len(found) == 5
    again = json.loads(likewise("index", folder, "--into", into, "--json").output)
    text = f"{again['unchanged']} unchanged, {again['failed']} failed, {again['added']} added"
    yield "... indexed again", text, again["unchanged"] == 5 and again["added"] == 0


def _vanishing(folder: Path, into: Path) -> Row:
    """Files that are deleted while they wait in the queue."""
    _fresh(folder, into)
    pictures_in(folder, 300, 320)
    command = [sys.executable, "-m", "likewise", "index", str(folder), "--into", str(into)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while process.poll() is None and not committed(into):
        time.sleep(0.01)
    last = sorted(folder.iterdir())[-100:]
    for path in last:
        path.unlink()
    code = process.wait()
    with Collection.open(into) as opened:
        failures = opened.failures()
        indexed = len(opened)
    gone = sum(failure.reason == "vanished" for failure in failures)
    text = (
        f"exit {code}: {indexed} indexed, {gone} recorded as vanished, {len(failures) - gone} other failures"
    )
    # A file that went before the walk came to it was never seen, and needs no record.
    return (
        "100 of 300 files deleted while indexing",
        text,
        code == 0 and indexed >= 200 and gone == len(failures),
    )
