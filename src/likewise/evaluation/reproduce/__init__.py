"""Published systems run again, their numbers beside the published ones."""

from likewise.evaluation.reproduce.capuano import capuano_2018
from likewise.evaluation.reproduce.deep_features import OpenChoices, aggregating_deep_features, best_run
from likewise.evaluation.reproduce.li import li_2016, recipe_at_hand
from likewise.evaluation.reproduce.report_table import ReportTable, TableCell

__all__ = [
    "OpenChoices",
    "ReportTable",
    "TableCell",
    "aggregating_deep_features",
    "best_run",
    "capuano_2018",
    "li_2016",
    "recipe_at_hand",
]
