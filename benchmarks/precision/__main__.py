"""What arithmetic and storage cost in accuracy: ``python -m benchmarks.precision run``, then ``table``."""

from __future__ import annotations

import json
import sys
import time
from itertools import product

import numpy as np
import typer
from benchmarks.sets import RESULTS, TRAINING, Vectors, describe_all, load, load_sets, markdown, save, score

from likewise.collection.store.codes import Code
from likewise.descriptors.extractor import Extractor
from likewise.descriptors.transforms import l2

FOLDER = RESULTS / "precision"
BASE = ("openvino", "f32")
ENGINES = list(product(("openvino", "torch"), ("f32", "bf16")))
CODES = ("fp32", "fp16", "int8")

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def run() -> None:
    """Describe every set with the default recipe in every engine and precision."""
    sets = [one for one in load_sets() if one.name != TRAINING]
    costs = {}
    for engine, precision in ENGINES:
        print(engine, precision, file=sys.stderr)
        extractor = Extractor("default", engine=engine, precision=precision, streams=2)
        start = time.process_time()
        vectors = describe_all(extractor, sets)
        pictures = sum(map(len, vectors.values()))
        costs[f"{engine} {precision}"] = 1000 * (time.process_time() - start) / pictures
        save(FOLDER / f"{engine}-{precision}.safetensors", vectors)
    (FOLDER / "cost.json").write_text(json.dumps(costs, indent=1), encoding="utf-8")


@app.command()
def table() -> None:
    """Print the tables: scores, and what is lost against float32."""
    sets = [one for one in load_sets() if one.name != TRAINING]
    found = {pair: load(FOLDER / "{}-{}.safetensors".format(*pair)) for pair in ENGINES}
    costs = json.loads((FOLDER / "cost.json").read_text(encoding="utf-8"))
    best = score(sets, found[BASE])

    def row(title: str, vectors: Vectors, *more: str) -> list[str]:
        scores = score(sets, vectors)
        cells = [f"{scores[name]:.3f} ({scores[name] - best[name]:+.4f})" for name in best]
        return [title, *cells, _cosines(vectors, found[BASE]), *more]

    head = [*best, "cosine to float32: median, least"]
    engines = [row(" ".join(pair), found[pair], f"{costs[' '.join(pair)]:.0f}") for pair in ENGINES]
    print(f"\n### Arithmetic\n\n{markdown(['engine', *head, 'CPU ms a picture'], engines)}")
    codes = [row(code, _coded(code, found[BASE]), str(_code(code, found[BASE]).width)) for code in CODES]
    print(f"\n### Storage\n\n{markdown(['code', *head, 'bytes a picture'], codes)}")


def _code(name: str, vectors: Vectors) -> Code:
    return Code(name, next(iter(vectors.values())).shape[1])


def _coded(name: str, vectors: Vectors) -> Vectors:
    """Vectors as a collection reads them back; queries as well as what is ranked."""
    code = _code(name, vectors)
    return {key: code.decode(code.encode(rows)) for key, rows in vectors.items()}


def _cosines(vectors: Vectors, others: Vectors) -> str:
    """Median and least cosine of a picture's two vectors."""
    pairs = [
        (l2(rows.astype(np.float64)), l2(others[name].astype(np.float64))) for name, rows in vectors.items()
    ]
    cosines = np.concatenate([(own * other).sum(axis=1) for own, other in pairs])
    return f"{np.median(cosines):.6f}, {cosines.min():.6f}"


if __name__ == "__main__":
    app()
