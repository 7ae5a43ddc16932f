"""Why two pictures are alike: what each of their places gives to the similarity, and where a subject lies."""

from likewise.explaining.shares import Contributions, Explanation, check, explain, patch_shares
from likewise.explaining.subjects import find_subjects

__all__ = ["Contributions", "Explanation", "check", "explain", "find_subjects", "patch_shares"]
