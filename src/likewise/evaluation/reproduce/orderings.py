"""Which orderings of Li et al. (2016) hold in what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from likewise.evaluation.reproduce.li_published import ALL, LAYERS, TABLE_1
from likewise.evaluation.reproduce.report_table import Setting, TableCell

_LAYERS, _POOL, _SCORED, _FUSION = 2, 3, 4, 5  # places in a setting


def orderings(cells: Sequence[TableCell]) -> Iterator[str]:
    """In how many pairs of measured cells of each set an ordering of the paper holds; a tie does not hold."""
    for name in dict.fromkeys(cell.setting[1] for cell in cells):
        measured = {cell.setting: cell.measured for cell in cells if cell.measured is not None}
        of_set = {setting: value for setting, value in measured.items() if setting[1] == name}
        yield from (f"{name}: {line}" for line in _of_set(of_set))


def _of_set(measured: Mapping[Setting, float]) -> Iterator[str]:
    paper = {setting: value for setting, value in measured.items() if setting[0] in ("figure 2", "table 1")}
    if not paper:
        return
    yield _holds("Hamming embedding beats words alone", _beats(paper, _SCORED, "BoW+HE", "BoW"))
    pooled = {
        setting: value for setting, value in paper.items() if setting[_LAYERS] != "fc7"
    }  # it has one cell
    yield _holds("max beats sum", _beats(pooled, _POOL, "max", "sum"))
    yield _holds("fc7 is the best single layer", _best(paper, "fc7", LAYERS[:2]))
    yield _holds(
        "all three layers beat every pair",
        _best(paper, ALL, [layers for _, layers in TABLE_1 if layers != ALL]),
    )
    yield _holds("all three layers beat every single one", list(_above_singles(paper)))
    mixed = [
        *_beats(paper, _LAYERS, "conv3+fc7", "conv3+conv5"),
        *_beats(paper, _LAYERS, "conv5+fc7", "conv3+conv5"),
    ]
    yield _holds("a convolution and fc7 beat two convolutions", mixed)
    scaled = [
        value > paper["table 1", *setting[1:_FUSION], "plain"]
        for setting, value in measured.items()
        if setting[0] == "beyond"
    ]
    yield _holds("the scaled sum of layers beats the plain one (not in the paper)", scaled)


def _beats(measured: Mapping[Setting, float], column: int, better: str, worse: str) -> list[bool]:
    """Whether cells with one entry are above those that have another there and are else the same."""
    pairs = (
        (value, measured[_changed(setting, column, worse)])
        for setting, value in measured.items()
        if setting[column] == better
    )
    return [value > other for value, other in pairs]


def _best(measured: Mapping[Setting, float], layers: str, others: Sequence[str]) -> list[bool]:
    """Whether cells of some layers are above all those of others."""
    return [
        all(value > measured[_changed(setting, _LAYERS, other)] for other in others)
        for setting, value in measured.items()
        if setting[_LAYERS] == layers
    ]


def _above_singles(measured: Mapping[Setting, float]) -> Iterator[bool]:
    for setting, value in measured.items():
        if setting[_LAYERS] == ALL:
            name, pool, scored = setting[1], setting[_POOL], setting[_SCORED]
            yield all(value > measured["figure 2", name, layer, pool, scored, "-"] for layer in LAYERS)


def _changed(setting: Setting, column: int, entry: str) -> Setting:
    return (*setting[:column], entry, *setting[column + 1 :])


def _holds(claim: str, outcomes: Sequence[bool]) -> str:
    return f"{claim}: in {sum(outcomes)} of {len(outcomes)}"
