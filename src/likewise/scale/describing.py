"""From a folder to described shards, with any number of processes and machines at once."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from likewise.errors import LikewiseError, StorageError, UsageError
from likewise.files import made_folder, sweep
from likewise.progress import Meter
from likewise.recipes import Recipe, as_recipe
from likewise.scale.parquet import read_head
from likewise.scale.runners import ATTEMPTS, find_runner
from likewise.scale.shards import FILES, Shard, cut, listed
from likewise.scale.work import ShardResult, Work
from likewise.types import ProgressCallback


@dataclass(frozen=True)
class ShardReport:
    """Result of an extraction into shards.

    Attributes
    ----------
    folder
        Where the shards lie.
    shards
        How many there are of the folder, or of this part of it.
    before, elsewhere
        How many were there already, and at how many others are.
    files, failed
        Of those done now.
    seconds
        Wall time.
    """

    folder: Path
    shards: int
    before: int
    elsewhere: int
    files: int
    failed: int
    seconds: float


def extract_shards(
    source: str | os.PathLike[str],
    to: str | os.PathLike[str],
    recipe: str | Recipe = "default",
    *,
    runner: str = "processes",
    workers: int = 1,
    part: tuple[int, int] = (1, 1),
    files: int = FILES,
    engine: str = "openvino",
    device: str = "cpu",
    precision: str | None = None,
    max_pixels: int | None = None,
    progress: ProgressCallback | None = None,
) -> ShardReport:
    """Describe the pictures of a folder, or of a list, shard by shard; what is done is not done again.

    Any number of runs may work on one folder of shards at the same time, from several machines that see the
    same files under the same paths: none does what another is at. Shards of files that have changed since are
    removed. Raises `UsageError` when there is nothing to extract, the part is none, or the recipe would have
    to learn something first; `MissingExtra` without pyarrow, or ray or fsspec where they are asked for;
    `StorageError` when shards could not be described after `ATTEMPTS` attempts; those that were stay.

    Parameters
    ----------
    source
        A folder, a text file of one path a line, or a Parquet file with a column ``path`` or ``url``; each of
        them may be addresses that fsspec knows, such as ``s3://bucket/photos``.
    to
        The folder of shards; those of a recipe lie in a folder below that is named by its hash.
    runner, workers
        ``processes`` or ``ray``, see `likewise.scale.runners`, and how many at once.
    part
        Number and count of parts, such as ``(1, 4)``: only the shards of that one.
    files
        In a shard, on average.
    """
    begin = time.monotonic()
    run, how = find_runner(runner), _complete(as_recipe(recipe))
    number, count = part
    if not 1 <= number <= count:
        raise UsageError(f"part {number}/{count} is none: give 1/{count} to {count}/{count}")
    listing = listed(source)
    every = list(cut(listing.root, listing.files, files))
    shards = [shard for shard in every if int(shard.id[:8], 16) % count == number - 1]
    if not every:
        silent = ", or does not answer" if listing.remote else ""
        raise UsageError(f"{os.fspath(source)!r} holds no picture{silent}")
    place = Path(to) / how.hash[:12]
    work = Work(place, listing.root, how, engine, device, precision, max_pixels, remote=listing.remote)
    made_folder(work.folder)
    _tidy(work, every)
    left = [shard for shard in shards if not work.file(shard).exists()]
    answers = _Answers(left, progress)
    for _ in range(ATTEMPTS):
        if left:
            for answer in run(work, left, workers):
                answers.add(answer)
        left = [shard for shard in left if not work.file(shard).exists() and shard.id in answers.waiting]
    if left:
        why = answers.problems.get(left[0].id, "its process ended before it was done")
        raise StorageError(
            f"{len(left)} of {len(shards)} shards are not done after {ATTEMPTS} attempts, "
            f"{left[0].id} for one: {why}; run this again to go on"
        )
    before, seconds = len(shards) - answers.total, time.monotonic() - begin
    return ShardReport(
        work.folder, len(shards), before, answers.elsewhere, answers.files, answers.failed, seconds
    )


class _Answers:
    """Adds up what became of shards."""

    def __init__(self, shards: Sequence[Shard], progress: ProgressCallback | None) -> None:
        self.waiting = {shard.id: len(shard.files) for shard in shards}
        self.total, self._all = len(shards), sum(self.waiting.values())
        self.problems: dict[str, str] = {}
        self.files = self.failed = self.elsewhere = 0
        self._tell = Meter(progress, self._all)
        self._tell(0)

    def add(self, answer: ShardResult) -> None:
        """Count a shard, once; one with a problem is waited for."""
        if answer.problem:
            self.problems[answer.shard] = answer.problem
        elif self.waiting.pop(answer.shard, None) is not None:
            self.files += answer.files
            self.failed += answer.failed
            self.elsewhere += answer.elsewhere
            done = self._all - sum(self.waiting.values())
            self._tell(done, failed=self.failed)


def _complete(recipe: Recipe) -> Recipe:
    """The recipe, if it describes alike wherever it is run."""
    for layer in recipe.words:
        if not layer.vocabulary:
            raise UsageError(
                f"recipe {recipe.name!r} learns its visual words from pictures, and each shard would learn "
                "others: learn them once with `likewise words learn` and name them with --words"
            )
    return recipe


def _tidy(work: Work, shards: Sequence[Shard]) -> None:
    """Remove shards of this root that are none any more, and drafts of killed processes."""
    for shard in shards:
        sweep(work.file(shard))
        if work.file(shard).exists():  # its process may have been killed before it removed the draft
            shutil.rmtree(work.draft(shard), ignore_errors=True)
    known = {shard.id for shard in shards}
    for path in work.folder.glob("*.parquet"):
        with suppress(LikewiseError, OSError):
            if path.stem not in known and read_head(path).root == work.root:
                path.unlink()
