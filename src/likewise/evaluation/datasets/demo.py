"""The demo set: rendered where it is wanted, with answers that are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from likewise.evaluation.datasets.benchmark import Benchmark
from likewise.evaluation.datasets.folder import leave_one_out


def demo(data: Path) -> Benchmark:
    """Every shot of a subject asks for its others; the set is rendered into the folder unless it is there.

    Queries are whole pictures, as the score of ``likewise demo`` has it, and distractors never ask. Raises
    `MissingExtra` when it has to be rendered, and the packages that carry the photographs are not installed;
    `UsageError` when the folder holds the demo set of another version; `StorageError` when the folder cannot
    be written.
    """
    from likewise.demoset import read_truth, render  # draws, which no other data set does

    render(data)
    truth = read_truth(data)
    gallery = {shot.file: data / shot.file for shot in truth}
    groups: dict[str, list[str]] = {shot.group: [] for shot in truth if shot.group}
    for shot in truth:
        if shot.group:
            groups[shot.group].append(shot.file)
    benchmark = leave_one_out("demo", gallery, groups)
    return replace(benchmark, distractors=len(truth) - len(benchmark.queries))
