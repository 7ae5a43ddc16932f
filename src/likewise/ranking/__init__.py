"""From vectors and queries to rankings."""
