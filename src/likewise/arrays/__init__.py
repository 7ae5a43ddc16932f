"""Arrays: in mapped files, in files of strangers read without running anything, and of one grid on another.

`artifacts` stands beside: files of what was learned; and `compiling`, which loads numba.
"""

from likewise.arrays.columns import ColumnFile, ColumnLayout, writing_columns
from likewise.arrays.grids import averaged, spread
from likewise.arrays.npz import read_arrays
from likewise.arrays.unpickling import MALFORMED, Unpickler, plain_values, read_plain_pickle

__all__ = [
    "MALFORMED",
    "ColumnFile",
    "ColumnLayout",
    "Unpickler",
    "averaged",
    "plain_values",
    "read_arrays",
    "read_plain_pickle",
    "spread",
    "writing_columns",
]
