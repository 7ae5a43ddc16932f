"""A table of a report, measured again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from likewise.descriptors import Encoder, VectorRecipe
from likewise.evaluation.datasets.benchmark import Benchmark
from likewise.evaluation.evaluate import Material, ranked_run
from likewise.evaluation.metrics import Rule
from likewise.evaluation.reports.report import Report
from likewise.evaluation.runs import Readable
from likewise.ranking import Stage

Setting: TypeAlias = tuple[str, ...]


@dataclass(frozen=True)
class TableCell:
    """One number.

    Attributes
    ----------
    setting
        By what it differs from the other cells, one entry a column of the table.
    published
        None where the report gives no number.
    measured
        None where it could not be measured, for the ``reason`` given.
    run
        The run that it comes from.
    part
        What of the data set it was measured on, where that is not all of it: such a number is not to be
        compared with the published one.
    """

    setting: Setting
    published: float | None = None
    measured: float | None = None
    run: Path | None = None
    reason: str = ""
    part: str = ""


@dataclass(frozen=True)
class ReportTable:
    """Numbers of one report.

    Attributes
    ----------
    columns
        What the entries of each cell's setting are.
    notes
        What has to be known to compare them.
    """

    title: str
    columns: tuple[str, ...]
    cells: tuple[TableCell, ...]
    notes: tuple[str, ...]


def measured(
    cell: TableCell,
    material: Material,
    recipe: VectorRecipe,
    encoder: Encoder,
    *,
    rule: Rule,
    out: Path,
    stages: Iterable[Stage] = (),
) -> TableCell:
    """Fill in a cell: rank raw vectors after the transforms of a recipe, and score the run.

    Parameters
    ----------
    material
        Vectors as ``encoder`` makes them, whose recipe has no transforms.
    recipe
        The same with its transforms.
    """
    chain = recipe.chain
    changed = replace(material, gallery=chain(material.gallery), queries=chain(material.queries))
    manifest = replace(
        encoder.manifest,
        recipe=recipe.to_toml(),
        recipe_hash=recipe.hash,
        dimensions=changed.gallery.shape[1],
    )
    run = ranked_run(changed, recipe, manifest, out=out, stages=tuple(stages), rule=rule)
    return replace(cell, measured=Report.of(run).scores.value, run=run.path, part=part_of(material))


def part_of(material: Readable) -> str:
    """The usable part of a data set, ``3 of 55 queries, 100 pictures``; empty where that is all of it."""
    benchmark = material.benchmark
    if not benchmark.missing:
        return ""
    left_out = {gap.query for gap in benchmark.missing if gap.left_out}
    asked = len(benchmark.queries)
    return f"{asked} of {asked + len(left_out)} queries, {len(benchmark.gallery)} pictures"


def usable(benchmark: Benchmark, material: Readable) -> str:
    """Which queries could be asked, in words."""
    asked = material.benchmark.queries
    lost = {gap.query for gap in (*benchmark.missing, *material.benchmark.missing) if gap.left_out}
    names = ", ".join(query.name for query in asked) if len(asked) <= 12 else f"{len(asked)}"
    there = len(material.benchmark.gallery)
    return f"queries asked: {names}; left out: {len(lost)}; in the gallery: {there} pictures"
