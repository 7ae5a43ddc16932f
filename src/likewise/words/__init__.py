"""Local features as visual words: the arrays of it."""
