"""Scores of rankings, and the small benchmark that the demo and the tests run."""
