"""Rankings of data sets scored: metrics, benchmarks, runs with their protocol cards, reports and sweeps.

`reproduce` has a face of its own; `demo_score` stands beside, for it loads what draws the demo set.
"""

from likewise.evaluation.benchmark import Benchmark, MissingFiles
from likewise.evaluation.by_recipe import evaluate_recipe
from likewise.evaluation.datasets import DATASETS, load
from likewise.evaluation.grid import Grid
from likewise.evaluation.metrics import leave_one_out_map, mean_average_precision, precision_of_ranks
from likewise.evaluation.report import RankedPicture, Report, RunComparison, Verdict
from likewise.evaluation.report_table import ReportTable, TableCell
from likewise.evaluation.runs import Run, plain_name, read_run
from likewise.evaluation.score import QueryScore
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
    "leave_one_out_map",
    "load",
    "mean_average_precision",
    "plain_name",
    "precision_of_ranks",
    "read_run",
    "sweep",
]
