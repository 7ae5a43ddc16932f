"""What features are worth for other tasks: ``python -m benchmarks.features run``, then ``table``.

On the Caltech-101 pictures of the shared folder (LIKEWISE_SHARED), whose names begin with their category:
three classifiers, each third of the pictures held out in turn, and how well k-means finds the categories.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from benchmarks.sets import RESULTS, markdown
from sklearn.metrics import normalized_mutual_info_score

from likewise import Extractor
from likewise.descriptors.describing.cache import PictureView, cached_vectors
from likewise.descriptors.manifest import Manifest
from likewise.descriptors.transforms import l2
from likewise.downstream.classifying.classifier import KINDS
from likewise.downstream.classifying.labelled import LabelledVectors, numbered
from likewise.downstream.classifying.validation import cross_validate
from likewise.downstream.clusters import cluster_rows
from likewise.pictures import Resize, load
from likewise.pictures.listing import pictures_below
from likewise.types import FloatArray

FOLDER = RESULTS / "features"
THIRDS = 3

app = typer.Typer(help=__doc__, add_completion=False)


def _pixels(path: Path) -> FloatArray:
    """The picture at 32 x 32, 3 072 numbers about their mean."""
    small = load(path, [Resize("square", 32)]).pixels[0].astype(np.float32).ravel()
    return l2(small - small.mean())


def _histogram(path: Path) -> FloatArray:
    """How many pixels have each of 8 x 8 x 8 colours, 512 numbers, as roots of shares."""
    pixels = load(path, [Resize("longest", 256)]).pixels[0].reshape(-1, 3) // 32
    counts = np.bincount(pixels @ np.array([64, 8, 1]), minlength=512)
    return np.asarray(np.sqrt(counts / counts.sum()), np.float32)


BASELINES: dict[str, Callable[[Path], FloatArray]] = {"pixels": _pixels, "colour histogram": _histogram}


@app.command()
def run(recipe: Annotated[list[str], typer.Option(help="Recipes to measure.")] = ["default"]) -> None:  # noqa: B006
    """Measure every feature."""
    shared = os.environ.get("LIKEWISE_SHARED")
    if not shared:
        raise typer.BadParameter("set LIKEWISE_SHARED to the folder that holds data/training_photos")
    folder = Path(shared) / "data" / "training_photos"
    files = pictures_below(folder if folder.is_dir() else Path(shared) / "training_photos")
    labels = tuple(re.sub(r"_image_\d+$", "", file.stem) for file in files)
    rows = []
    for name in recipe:
        described = cached_vectors(Extractor(name), [PictureView(file) for file in files], FOLDER / "vectors")
        if described.failures:
            raise typer.BadParameter(f"cannot be read: {described.failures}")
        rows.append(_measured(name, described.vectors, labels))
    for name, make in BASELINES.items():
        rows.append(_measured(name, np.stack([make(file) for file in files]), labels))
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "features.json").write_text(json.dumps(rows), encoding="utf-8")


def _measured(name: str, vectors: FloatArray, labels: tuple[str, ...]) -> dict[str, object]:
    manifest = Manifest("", "", "", "", "", "", "", vectors.shape[1])
    known = LabelledVectors(vectors, labels, name, manifest, (), {})
    scores = {one.kind: (one.accuracy, one.spread) for one in cross_validate(known, folds=THIRDS).scores}
    classes, numbers = numbered(labels)
    found, _ = cluster_rows(vectors, k=len(classes))
    chosen, tried = cluster_rows(vectors)
    return {
        "name": name,
        "numbers": vectors.shape[1],
        "scores": scores,
        "nmi": float(normalized_mutual_info_score(numbers, found)),
        "suggested": max(tried, key=lambda count: tried[count]),
        "nmi_suggested": float(normalized_mutual_info_score(numbers, chosen)),
    }


@app.command()
def table() -> None:
    """Print the table."""
    rows = json.loads((FOLDER / "features.json").read_text(encoding="utf-8"))
    cells = []
    for row in rows:
        scores = (row["scores"][kind] for kind in KINDS)
        accuracies = [f"{accuracy:.3f} ± {spread:.3f}" for accuracy, spread in scores]
        nmi = [f"{row['nmi']:.3f}", f"{row['suggested']}", f"{row['nmi_suggested']:.3f}"]
        cells.append([f"{row['name']}, {row['numbers']}", *accuracies, *nmi])
    head = ["features", "naive Bayes", "logistic regression", "5 neighbours", "NMI, k = 102"]
    print(markdown([*head, "k suggested", "its NMI"], cells))


if __name__ == "__main__":
    app()
