"""The report of the study: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from likewise._version import __version__
from likewise.drawing.pages import write_page
from likewise.inspection import Histogram
from likewise.networks import CIFAR10
from likewise.study.activations import TAPS, grouped
from likewise.study.figures import captions

if TYPE_CHECKING:
    from likewise.study.claims import Claim
    from likewise.study.running import Sets
    from likewise.study.study import Study

_CLASS = {"borne out": "yes", "borne out in part": "part", "not borne out": "no"}


def write_report(done: Study, figures: Mapping[str, Path], sets: Sets) -> None:
    """Write ``done.report`` with all figures inside it.

    Raises `StorageError` when it cannot be written.
    """
    body = "\n".join(
        (
            _head(done, figures),
            "<h2>The four claims of the article</h2>",
            _CLAIMS_TEXT.format(others=grouped(done.others)),
            *(_claim(number, claim, done) for number, claim in enumerate(done.claims, 1)),
            "<h2>The network</h2>",
            _LAYERS_TEXT,
            _table(("layer", "tap", "output", "parameters"), summary(), right=(3,)),
            "<h2>What the first and the last convolution see</h2>",
            _SHEETS_TEXT,
            *(_sheet(figures, f"figure-{number}") for number in (2, 3, 4, 5)),
            "<details><summary>The same maps on one scale for both networks</summary>",
            "<p>White is the same activation in both sheets of a layer.</p>",
            *(_sheet(figures, f"figure-{number}-shared") for number in (2, 3, 4, 5)),
            "</details>",
            "<h2>How certain one is of a value</h2>",
            _wide(figures, "figure-6"),
            _wide(figures, "figure-7"),
            "<h2>How certain the networks are of the class</h2>",
            _wide(figures, "figure-8"),
            "<h2>Layer by layer</h2>",
            _NUMBERS_TEXT,
            _layers(done),
            _wide(figures, "zeros"),
            "<h2>The training</h2>",
            _wide(figures, "training"),
            _training(done, sets),
        )
    )
    write_page(done.report, files(__package__) / "report.html", title=_TITLE, body=body)


_LEAD_TEXT = """<p>One small network was trained on {much} and on {little} pictures of CIFAR-10. The
first is right on {much_right} of the pictures it was not trained on, the second on {little_right}. This
is what both make of a frog that neither has seen. Of the four claims that the article makes about it:
{verdicts}.</p>"""

_CLAIMS_TEXT = """<p>Each claim is put into numbers that could have turned out either way. It is borne
out when all of them hold for the frog. The last column says for how many of the {others} other frogs,
which neither network was trained on, they hold as well: one frog may be chance.</p>"""

_LAYERS_TEXT = """<p>Figure 1: the layers by their names in the listing. The first dense layer works on
every cell by itself, before the cells are laid end to end.</p>"""

_SHEETS_TEXT = """<p>As in the article, each map is drawn on its own scale: black is 0, white is the map's
largest activation, which stands below it after the number of the channel. Maps without any activation
stay black.</p>"""

_NUMBERS_TEXT = """<p>On the frog: share of zeros, mean, and entropy in bits over 256 bins from 0 to the
largest value of both networks.</p>"""

_HOW_TEXT = """<p>Pixels / 255, dropout 0.5, cross-entropy, Adam with rate {how.rate:g}, {how.batch}
pictures a step, random seed {how.seed}, {how.precision}. Training stopped after {how.patience} epochs
without a lower validation loss, or {how.most} in all; the weights of the lowest are kept. The smaller
set is drawn by the random seed with each class in its share. {validated} The frog's place in the test set
is {place}, counted from 0. The article does not say its batch, patience, number of epochs and frog; the
first three are Keras' defaults or our choice.</p>"""

_ON_TEST = """As in the article, the {count} validation pictures are the test set without the frog;
because the epoch is chosen on them too, the accuracies are a little kind."""

_HELD_OUT = """The {count} validation pictures were held out of the training set: the accuracy on the test
pictures is of pictures that decided nothing."""

_TITLE = "What a network sees that has learned from much, and from little"


def summary() -> list[tuple[str, str, str, str]]:
    """Figure 1, a row a layer of Keras: its name, the tap here, shape of its output, number of parameters."""
    keras = {name: alias for alias, name in CIFAR10.aliases.items()} | {"flatten": "flatten_1"}
    shapes, channels, side = CIFAR10.chain.shapes(), 3, CIFAR10.input_size
    rows = [("input", "", f"{side} x {side} x 3", "0")]
    total = parameters = 0
    for layer in CIFAR10.chain:
        channels, side = layer.channels or channels, side // layer.stride
        if layer.key:  # Keras counts these with the activation that follows
            parameters = sum(math.prod(shapes[f"{layer.key}.{part}"]) for part in ("weight", "bias"))
            total += parameters
            continue
        output = f"{channels}" if layer.kind in ("flatten", "softmax") else f"{side} x {side} x {channels}"
        rows.append((keras[layer.name], layer.name if layer.tap else "", output, grouped(parameters)))
        if layer.name == "dense1":
            rows.append(("dropout_1", "", output, "0"))
        parameters = 0
    return [*rows, ("all", "", "", grouped(total))]


def _head(done: Study, figures: Mapping[str, Path]) -> str:
    much, little = done.much.network, done.little.network
    held = [claim.verdict for claim in done.claims]
    verdicts = ", ".join(f"{held.count(verdict)} {verdict}" for verdict in _CLASS if verdict in held)
    return (
        f'<div class="lead">{_image(figures["frog"], "the frog")}<div><h1>{_TITLE}</h1>'
        + _LEAD_TEXT.format(
            much=grouped(much.size),
            little=grouped(little.size),
            much_right=f"{done.accuracy[0]:.1%}",
            little_right=f"{done.accuracy[1]:.1%}",
            verdicts=verdicts,
        )
        + "</div></div>"
    )


def _claim(number: int, claim: Claim, done: Study) -> str:
    rows = [
        (
            measure.what,
            _number(measure.much),
            _number(measure.little),
            "yes" if measure.holds else "no",
            f"{measure.others:.0%}" if done.others else "-",
        )
        for measure in claim.measures
    ]
    head = ("measured", *_names(done), "holds", "others")
    return (
        f'<div class="claim {_CLASS[claim.verdict]}"><h3>{number}. <b>{claim.verdict.capitalize()}</b> '
        f'<span class="faint">({claim.figures})</span></h3><p>{html.escape(claim.text)}</p>'
        f"{_table(head, rows, right=(1, 2, 4))}</div>"
    )


def _names(done: Study) -> tuple[str, str]:
    return f"on {grouped(done.much.network.size)}", f"on {grouped(done.little.network.size)}"


def _layers(done: Study) -> str:
    rows = []
    for tap in (name for name in TAPS if name != "probabilities"):
        pair = [seen.of(0)[tap] for seen in (done.much, done.little)]
        most = max(float(values.max()) for values in pair)
        cells = [
            *(f"{np.mean(values == 0):.1%}" for values in pair),
            *(_number(float(values.mean())) for values in pair),
            *(f"{Histogram.of(values, 0.0, most).entropy:.2f}" for values in pair),
        ]
        rows.append((tap, *cells))
    names = _names(done)
    head = ["layer", *(f"{what}, {name}" for what in ("zeros", "mean", "entropy") for name in names)]
    return _table(head, rows, right=range(1, 7))


def _training(done: Study, sets: Sets) -> str:
    rows = [
        (
            grouped(seen.network.size),
            str(len(seen.network.history)),
            str(seen.network.best.number),
            f"{seen.network.best.accuracy:.1%}",
            f"{seen.network.best.validation_accuracy:.1%}",
            f"{seen.network.best.validation_loss:.3f}",
            f"{right:.1%}",
        )
        for seen, right in zip((done.much, done.little), done.accuracy, strict=True)
    ]
    numbers = ("training accuracy", "validation accuracy", "validation loss", "test accuracy")
    head = ("pictures", "epochs", "kept", *numbers)
    validated = _HELD_OUT if sets.is_held_out else _ON_TEST
    validated = validated.format(count=grouped(len(sets.validation)))
    return (
        _table(head, rows, right=range(7))
        + _HOW_TEXT.format(how=done.settings, validated=validated, place=sets.place)
        + f'<p class="faint">Data: {html.escape(done.origin)}. Written by likewise {__version__}, '
        "<code>likewise study cifar10</code>.</p>"
    )


def _number(value: float) -> str:
    return f"{value:.3f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()) -> str:
    flush = set(right)

    def row(cells: Sequence[str], tag: str) -> str:
        marked = (' class="number"' if place in flush else "" for place in range(len(cells)))
        return "".join(
            f"<{tag}{mark}>{html.escape(cell)}</{tag}>" for mark, cell in zip(marked, cells, strict=True)
        )

    body = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in rows)
    return f'<div class="scroll"><table><tr>{row(head, "th")}</tr>{body}</table></div>'


def _sheet(figures: Mapping[str, Path], name: str) -> str:
    return f'<div class="sheet">{_figure(figures, name)}</div>'


def _wide(figures: Mapping[str, Path], name: str) -> str:
    return f'<div class="wide">{_figure(figures, name)}</div>'


def _figure(figures: Mapping[str, Path], name: str) -> str:
    caption = captions()[name]
    return f"<figure>{_image(figures[name], caption)}<figcaption>{caption}</figcaption></figure>"


def _image(path: Path, text: str) -> str:
    content = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{html.escape(text)}" src="data:image/png;base64,{content}">'
