"""Near-duplicates: found, explained and acted on."""

from likewise.downstream.duplicates.finding import find_duplicates
from likewise.downstream.duplicates.groups import Duplicates, Group, Member

__all__ = ["Duplicates", "Group", "Member", "find_duplicates"]
