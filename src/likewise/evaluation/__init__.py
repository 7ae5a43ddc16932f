"""Rankings of data sets scored: metrics, and runs with their protocol cards.

`datasets`, `reports`, `sweeps` and `reproduce` have faces of their own; `demo_score` stands beside: it loads
what draws the demo set.
"""

from likewise.evaluation.evaluate import evaluate_recipe
from likewise.evaluation.metrics import leave_one_out_map, mean_average_precision, precision_of_ranks
from likewise.evaluation.runs import Run, plain_name, read_run

__all__ = [
    "Run",
    "evaluate_recipe",
    "leave_one_out_map",
    "mean_average_precision",
    "plain_name",
    "precision_of_ranks",
    "read_run",
]
