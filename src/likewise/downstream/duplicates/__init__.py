"""Near-duplicates: found, explained and acted on."""

from likewise.downstream.duplicates.acting import FileOutcome, apply_plan, undo
from likewise.downstream.duplicates.dismissed import Dismissed
from likewise.downstream.duplicates.finding import find_duplicates
from likewise.downstream.duplicates.groups import Duplicates, Group
from likewise.downstream.duplicates.journal import Journal
from likewise.downstream.duplicates.kinds import parse_kinds
from likewise.downstream.duplicates.plan import Plan

__all__ = [
    "Dismissed",
    "Duplicates",
    "FileOutcome",
    "Group",
    "Journal",
    "Plan",
    "apply_plan",
    "find_duplicates",
    "parse_kinds",
    "undo",
]
