"""``likewise networks``: what can look at a picture, where it can be tapped, and its weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli.command import App
from likewise.cli.options import Json
from likewise.cli.output import hand_down, printable, progress, show, table

if TYPE_CHECKING:
    from likewise.networks import Card, Tap, Weights
    from likewise.networks.weights import WeightsFile

app = App(
    name="networks",
    help="List the networks, show one, fetch or import its weights.",
    invoke_without_command=True,
)


def _names() -> list[str]:
    from likewise.networks import NETWORKS

    return list(NETWORKS)


Name = Annotated[
    str, typer.Argument(metavar="NETWORK", help="A name of `likewise networks`.", autocompletion=_names)
]
WeightsName = Annotated[
    str | None, typer.Option("--weights", metavar="NAME", help="Which weights; else the first.")
]


@app.callback()
def _default(context: typer.Context, as_json: Json = False) -> None:
    hand_down(context, as_json)
    if context.invoked_subcommand is None:
        list_networks(as_json)


@app.command("list")
def list_networks(as_json: Json = False) -> None:
    """List the networks and whether their weights are on this machine."""
    from likewise.networks import NETWORKS

    entries = [
        {
            "network": card.name,
            "weights": weights.name,
            "here": _location(card, weights) is not None,
            "taps": len(card.taps),
            "licence": weights.licence,
        }
        for card in NETWORKS.sound().values()
        for weights in card.weights
    ]
    rows = [[*(row | {"here": "yes" if row["here"] else "no"}).values()] for row in entries]
    show(entries, table(rows, list(entries[0]), right="taps"), as_json=as_json)


def _location(card: Card, weights: Weights) -> Path | None:
    from likewise.errors import WeightsError
    from likewise.networks.weights import locate

    try:
        return locate(card, weights.name).path
    except WeightsError:  # missing or damaged: what uses them says which, and what to do
        return None


@app.command("show")
def show_network(name: Name, as_json: Json = False) -> None:
    """Show a network: its weights and its taps.

    A tap's stride is the distance of neighbouring cells in pixels, its field the side of what a cell sees;
    0 stands for the whole picture, - for what is not known.
    """
    from likewise.networks import find

    card = find(name)
    value = {
        "name": card.name,
        "paper": card.paper,
        "grid": card.grid,
        "minimum": card.minimum,
        "input_size": card.input_size,
        "weights": [_weights_value(card, weights) for weights in card.weights],
        "taps": list(card.taps.values()),
    }
    show(value, _card_lines(card), as_json=as_json)


def _weights_value(card: Card, weights: Weights) -> dict[str, object]:
    return {
        "name": weights.name,
        "about": weights.about,
        "licence": weights.licence,
        "preprocessing": weights.preprocessing,
        "sources": weights.sources,
        "here": _location(card, weights),
    }


def _card_lines(card: Card) -> list[str]:
    lines = [card.name, card.paper, ""]
    for weights in card.weights:
        how = weights.preprocessing
        lines += [
            f"weights {weights.name}: {weights.about or weights.licence}",
            f"  licence: {weights.licence}",
            f"  here: {printable(_location(card, weights) or 'no')}",
            f"  input: {how.order}, (v * {how.scale:g} - {how.mean}) / {how.std}, {how.interpolation}",
            *(f"  from {source.kind}: {source.location}" for source in weights.sources),
        ]
    rows = [
        (tap.name, tap.channels, tap.stride, _field(card, tap), f"{tap.offset:g}", " ".join(tap.aliases))
        for tap in card.taps.values()
    ]
    head = ("tap", "channels", "stride", "field", "offset", "also called")
    return [*lines, "", *table(rows, head, right="channels stride field offset")]


def _field(card: Card, tap: Tap) -> str:
    """The side of what a cell sees; timm does not tell it."""
    return "-" if card.name.startswith("timm/") and not tap.field else str(tap.field)


@app.command("fetch")
def fetch_weights(name: Name, weights: WeightsName = None, as_json: Json = False) -> None:
    """Fetch a network's weights: its sources in order, each checked by its SHA-256.

    Beside `likewise study`, no other command opens a connection, unless it is given an address.
    """
    from likewise.networks.weights import fetch

    with progress(f"fetching {name}", unit="MB") as callback:
        file = fetch(name, weights=weights, progress=callback)
    _show_file(file, as_json)


@app.command("import")
def import_weights(
    name: Name,
    file: Annotated[
        Path, typer.Argument(help="A .pth of torchvision, .h5 of Keras, .mat, .npz or .safetensors.")
    ],
    weights: WeightsName = None,
    layout: Annotated[
        str | None, typer.Option("--layout", help="How its tensors are named, if it cannot be told.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take a network's weights from a file on this machine."""
    from likewise.networks.weights import import_file

    _show_file(import_file(name, file, weights=weights, layout=layout), as_json)


def _show_file(file: WeightsFile, as_json: bool) -> None:
    value = {"weights": file.weights.name, "path": file.path, "identity": file.identity}
    lines = [f"weights {file.weights.name}: {printable(file.path)}"]
    if not file.is_published:
        lines.append(
            f"taken from {printable(file.origin)}, which no published digest was compared with; to have the "
            "published ones instead, remove that file and fetch again"
        )
    if not file.is_whole:
        lines.append("the convolutions only, enough for every tap before the fully connected layers")
    show(value | {"origin": file.origin, "published": file.is_published}, lines, as_json=as_json)
