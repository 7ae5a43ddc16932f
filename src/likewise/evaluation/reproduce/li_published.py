"""Li et al. (2016) as published: its layers, and the numbers of figure 2 and tables 1 and 2."""

from __future__ import annotations

SETS = ("Holidays", "UKBench")
LAYERS = ("conv3", "conv5", "fc7")
"""The paper's names of a recipe's three taps, in its order."""

POOLS = ("sum", "max")
SCORED = ("BoW", "BoW+HE")

FIGURE_2: dict[tuple[str, str, str, str], float] = {
    ("Holidays", "fc7", "sum", "BoW+HE"): 0.8112,
    ("Holidays", "fc7", "max", "BoW+HE"): 0.8112,
    ("UKBench", "conv5", "max", "BoW+HE"): 3.41,
}
"""The text on the figure, which has bars and no numbers; fc7 has one cell, so no pooling."""

TABLE_1: dict[tuple[str, str], tuple[float, float, float, float]] = {
    ("BoW", "conv3+conv5"): (0.6723, 0.6980, 2.67, 2.68),
    ("BoW", "conv3+fc7"): (0.7260, 0.7514, 2.85, 2.75),
    ("BoW", "conv5+fc7"): (0.7405, 0.7536, 2.74, 2.93),
    ("BoW", "conv3+conv5+fc7"): (0.7594, 0.7675, 2.96, 3.00),
    ("BoW+HE", "conv3+conv5"): (0.7974, 0.8234, 3.22, 3.39),
    ("BoW+HE", "conv3+fc7"): (0.8115, 0.8471, 3.50, 3.44),
    ("BoW+HE", "conv5+fc7"): (0.8358, 0.8385, 3.26, 3.51),
    ("BoW+HE", "conv3+conv5+fc7"): (0.8378, 0.8582, 3.38, 3.53),
}
"""Holidays (mAP) by sum and max, UKBench (N-S) by sum and max."""

TABLE_2: dict[str, tuple[float | None, float | None]] = {
    "Neural Codes": (0.7930, 3.56),
    "MOP": (0.8018, None),
    "Patch-CKN": (0.7930, 3.76),
    "MOF": (0.8582, 3.53),
}
"""Holidays and UKBench."""

ALL = "+".join(LAYERS)
