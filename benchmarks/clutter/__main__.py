"""First hits where a thing is small, turned, on a shelf or on a screen: visual words against one vector.

    python -m benchmarks.clutter render     # queries of the demo set and, with LIKEWISE_SHARED, of CD covers
    python -m benchmarks.clutter run        # indexes both ways, asks everything
    python -m benchmarks.clutter table

A query is right when the first picture other than the one it was made from shows the same thing.
"""

from __future__ import annotations

import json
import sys

import numpy as np
from benchmarks.clutter.queries import COVERS, FOLDER, SHARED, groups, queries, render

from likewise.collection.collection import Collection

SYSTEMS: dict[str, tuple[str, list[str]]] = {
    "quick": ("quick", []),
    "mof-lite0": ("mof-lite0", []),
    "mof-lite0, localise": ("mof-lite0", ["localise:top=50"]),
}


def run() -> None:
    """Ask every query of every system that was not asked yet."""
    known = groups()
    file = FOLDER / "answers.json"
    answers: dict[str, dict[str, list[bool]]] = json.loads(file.read_text()) if file.exists() else {}
    asked = queries()
    for name, (recipe, then) in SYSTEMS.items():
        if name in answers:
            continue
        with Collection.open(FOLDER / f"{recipe}.likewise", recipe=recipe) as collection:
            collection.add(FOLDER / "demo", *([COVERS] if SHARED else []))
            for query, thing in asked.items():
                hits = collection.search(query, k=2, then=then)
                first = next(hit for hit in hits if hit.path.resolve() != thing.file.resolve())
                right = known.get(first.path.resolve()) == thing.group
                answers.setdefault(name, {}).setdefault(f"{thing.set} {query.parent.name}", []).append(right)
        file.write_text(json.dumps(answers, indent=1))


def table() -> None:
    """Print the share of right first hits."""
    answers = json.loads((FOLDER / "answers.json").read_text())
    columns = sorted(next(iter(answers.values())))
    print("| " + " | ".join(["first hits", *columns, "all"]) + " |")
    print("|" + "---|" * (len(columns) + 2))
    for name in SYSTEMS:
        found = answers.get(name)
        if found is None:
            continue
        shares = [float(np.mean(found[column])) for column in columns]
        every = float(np.mean([right for rights in found.values() for right in rights]))
        print("| " + " | ".join([name, *(f"{share:.2f}" for share in shares), f"{every:.3f}"]) + " |")


if __name__ == "__main__":
    {"render": render, "run": run, "table": table}[sys.argv[1]]()
