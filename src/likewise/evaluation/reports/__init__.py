"""Reports: runs scored query by query, with intervals, and two runs compared."""

from likewise.evaluation.reports.report import RankedPicture, Report, RunComparison, Verdict
from likewise.evaluation.reports.score import QueryScore

__all__ = ["QueryScore", "RankedPicture", "Report", "RunComparison", "Verdict"]
