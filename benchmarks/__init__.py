"""Measurements, a folder each. The table of them all is README.md."""

import likewise  # noqa: F401  before numpy, as in the command: what it says to BLAS is read when that is loaded
