"""Why two pictures are alike: what each of their places gives to the similarity, and where a subject lies."""

from likewise.explaining.regions import find_subjects
from likewise.explaining.shares import Contributions, Explanation, check, explain, patch_shares

__all__ = ["Contributions", "Explanation", "check", "explain", "find_subjects", "patch_shares"]
