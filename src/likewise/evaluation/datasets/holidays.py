"""INRIA Holidays: 500 groups, 1491 pictures; the first of each group asks for the others.

Jégou et al., Hamming embedding and weak geometric consistency for large scale image search (ECCV 2008). The
query is ranked with all others and ignored there.
"""

from __future__ import annotations

from pathlib import Path

from likewise.evaluation.datasets.benchmark import Benchmark
from likewise.evaluation.datasets.files import Questions, by_stem, thinned

# How many pictures each of the 500 groups has, in order, one hexadecimal digit a group.
_SIZES = (
    "3223242223222255232222343222323355242323724233223335222222323232427524224222232327422222332222322232"
    "2223222332322222242242239232232222532222322235242422222233233222322442232342223242343222422242226522"
    "222222242222225222223343353a224262523222423332223223422224323332332693223244323232222322224232223232"
    "2324222232232234426223243c2223423222343242224564524523342433b4424628648423254632d64a2869466664574222"
    "2222242243223522254252232322222222222345252332255443423322434384633222243533433252422242233323225223"
)
GROUPS: dict[str, tuple[str, ...]] = {
    f"{100_000 + 100 * group}": tuple(f"{100_000 + 100 * group + place}" for place in range(int(size, 16)))
    for group, size in enumerate(_SIZES)
}
"""Every picture of the official set by the query of its group, the query first."""


def holidays(data: Path, *, upright: bool = False) -> Benchmark:
    """Holidays, whole or in part.

    Raises `UsageError` when two pictures share a name or no query can be asked.

    Parameters
    ----------
    data
        Folder with the pictures, named by number, at any depth.
    upright
        Whether these are the copies that were turned upright by hand. They score four to five points of mAP
        more than the pictures as published, so the benchmark bears another name: ``holidays-upright``.
    """
    official = {name for group in GROUPS.values() for name in group}
    gallery, surplus = by_stem(data, known=official.__contains__)
    missing = [*thinned(len(gallery), len(official), official - gallery.keys())]
    questions = Questions(gallery, gallery, missing)
    for name, (_, *answers) in GROUPS.items():
        questions.ask(name, name, None, answers, group=name, own={name})
    return Benchmark(
        name="holidays-upright" if upright else "holidays",
        gallery=gallery,
        queries=tuple(questions.asked),
        query_in_gallery="ignored",
        missing=tuple(missing),
        surplus=surplus,
        notes=(
            "pictures turned upright by hand" if upright else "pictures as published, not turned upright",
        ),
    )
