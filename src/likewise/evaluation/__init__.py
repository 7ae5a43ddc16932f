"""Rankings of data sets scored: benchmarks, runs with their protocol cards, reports on them, and sweeps.

`reproduce` has a face of its own; `demo_score` stands beside, for it loads what draws the demo set.
"""

from likewise.evaluation.benchmark import Benchmark, MissingFiles
from likewise.evaluation.datasets import DATASETS, load
from likewise.evaluation.grid import Grid
from likewise.evaluation.recipes import evaluate_recipe
from likewise.evaluation.report import RankedPicture, Report, RunComparison, Verdict
from likewise.evaluation.report_table import ReportTable, TableCell
from likewise.evaluation.runs import Run, read_run
from likewise.evaluation.scoring import QueryScore
from likewise.evaluation.sweeps import Sweep, SweepCell, sweep

__all__ = [
    "DATASETS",
    "Benchmark",
    "Grid",
    "MissingFiles",
    "QueryScore",
    "RankedPicture",
    "Report",
    "ReportTable",
    "Run",
    "RunComparison",
    "Sweep",
    "SweepCell",
    "TableCell",
    "Verdict",
    "evaluate_recipe",
    "load",
    "read_run",
    "sweep",
]
