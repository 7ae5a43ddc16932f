"""The data sets that can be evaluated on, by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from likewise.errors import UsageError
from likewise.evaluation.datasets.benchmark import Benchmark, BenchmarkQuery, MissingFiles
from likewise.evaluation.datasets.buildings import oxford5k, paris6k
from likewise.evaluation.datasets.demo import demo
from likewise.evaluation.datasets.folder import folder
from likewise.evaluation.datasets.holidays import holidays
from likewise.evaluation.datasets.revisited import revisited
from likewise.evaluation.datasets.table import table
from likewise.evaluation.datasets.ukbench import ukbench
from likewise.registry import Registry, lookup

__all__ = ["DATASETS", "Benchmark", "BenchmarkQuery", "MissingFiles", "load"]

DATASETS: Registry[Callable[..., Benchmark]] = Registry(
    "data set",
    "likewise.datasets",
    {
        "oxford5k": oxford5k,
        "paris6k": paris6k,
        "roxford5k-easy": partial(revisited, dataset="roxford5k", difficulty="easy"),
        "roxford5k-medium": partial(revisited, dataset="roxford5k", difficulty="medium"),
        "roxford5k-hard": partial(revisited, dataset="roxford5k", difficulty="hard"),
        "rparis6k-easy": partial(revisited, dataset="rparis6k", difficulty="easy"),
        "rparis6k-medium": partial(revisited, dataset="rparis6k", difficulty="medium"),
        "rparis6k-hard": partial(revisited, dataset="rparis6k", difficulty="hard"),
        "holidays": holidays,
        "holidays-upright": partial(holidays, upright=True),
        "ukbench": ukbench,
        "folder": folder,
        "csv": table,
        "demo": demo,
    },
    of=Callable,
)


def load(name: str, data: Path, **options: Any) -> Benchmark:
    """Read a data set.

    Raises `UnknownName` when no data set has that name; `UsageError` when the data set does not take an
    option, or cannot be read.

    Parameters
    ----------
    name
        One of `DATASETS`.
    data
        Folder with its pictures.
    options
        What the data set takes besides: ``gt``, the path of the ground truth, where it has any (Oxford,
        Paris, the revisited ones, csv), and ``group`` for csv. None stands for the default.
    """
    loader = lookup("data set", name, DATASETS)
    given = {key: value for key, value in options.items() if value is not None}
    fixed = loader.keywords if isinstance(loader, partial) else {}
    takes = inspect.signature(loader).parameters.keys() - {"data", *fixed}
    strangers = given.keys() - takes
    if strangers:
        known = ", ".join(sorted(takes)) or "none"
        raise UsageError(f"data set {name} takes no option {min(strangers)!r}; it takes: {known}")
    return loader(data, **given)
