"""Any network of timm as a card (Wightman, PyTorch Image Models); the extra ``timm``.

timm reports channels and strides of its stages, not receptive fields, and builds the modules itself: such a
card has taps but no chain. Importing this module imports neither timm nor torch; its functions do.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import numpy as np

from likewise.errors import BadWeights, FetchFailed, MissingExtra, UnknownName
from likewise.networks.card import Card, Preprocessing, Source, Tap, Weights
from likewise.networks.chain import Chain
from likewise.registry import nearest
from likewise.types import FloatArray

if TYPE_CHECKING:
    from torch import Tensor, nn

PATIENCE = 10.0  # seconds in which a server answers

PAPER = "Wightman, PyTorch Image Models, https://github.com/huggingface/pytorch-image-models"
SEED = 0  # of the weights called "random"


def card(model: str) -> Card:
    """Describe a model of timm.

    Taps are ``stage1`` to ``stageN``, the feature maps that timm lists for the model (the blocks of a vision
    transformer), and ``features``, the last map before its head, normalised where the model does so. Raises
    `MissingExtra` when timm is not installed; `UnknownName` when timm has no such model, or the model gives
    no feature maps.
    """
    built = _skeleton(model)
    config = _timm().data.resolve_model_data_config(built)
    stages = [(int(stage["num_chs"]), int(stage["reduction"])) for stage in built.feature_info]
    taps = [_tap(f"stage{number}", *stage) for number, stage in enumerate(stages, start=1)]
    taps.append(_tap("features", int(built.num_features), stages[-1][1]))
    side = int(config["input_size"][1])
    fixed = bool(built.pretrained_cfg.get("fixed_input_size"))
    preprocessing = Preprocessing(
        mean=config["mean"],
        std=config["std"],
        interpolation="bicubic" if config["interpolation"] == "bicubic" else "bilinear",
    )
    return Card(
        name=f"timm/{model}",
        paper=PAPER,
        chain=Chain(),
        weights=_weights(model, preprocessing, str(built.pretrained_cfg.get("license") or "unknown")),
        minimum=side if fixed else 32,
        input_size=side if fixed else 0,
        measured=tuple(taps),
    )


def shapes(card: Card) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor the model learned."""
    state = _skeleton(_model(card)).state_dict()
    return {name: tuple(value.shape) for name, value in state.items() if value.is_floating_point()}


def tensors(card: Card, *, pretrained: bool) -> dict[str, FloatArray]:
    """The model's weights: those that timm fetches, or random ones of a fixed seed.

    Raises `FetchFailed` when timm has no weights for it or cannot fetch them.
    """
    import torch  # slow to import; only weights need it

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        try:
            with _quiet(), _asking_once() if pretrained else nullcontext():
                built = _timm().create_model(_model(card), pretrained=pretrained, num_classes=0)
        except (OSError, RuntimeError) as error:  # whatever client timm fetches with, its errors are these
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise FetchFailed(
                f"timm could not give {_model(card)}: {reason}; is there a connection?"
            ) from error
    return {
        name: value.float().numpy() for name, value in built.state_dict().items() if value.is_floating_point()
    }


def module(card: Card, tensors: Mapping[str, np.ndarray], taps: Sequence[str]) -> nn.Module:
    """A frozen module in evaluation mode: preprocessed ``(n, 3, h, w)`` to one map ``(n, c, h', w')`` a tap.

    Raises `BadWeights` when a tensor is missing or of another shape; `UnknownName` when there is no such tap.
    """
    from torch import nn

    class Taps(nn.Module):
        """The wanted maps of one forward pass, in the order asked for."""

        def __init__(self, model: Any, names: Sequence[str], stages: int) -> None:
            super().__init__()
            self.model = model
            numbers = {int(name.removeprefix("stage")) - 1 for name in names if name != "features"}
            self.stages = sorted(numbers | {stages - 1})  # the last one tells the grid of the tokens
            self.places = [
                -1 if name == "features" else self.stages.index(int(name.removeprefix("stage")) - 1)
                for name in names
            ]

        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            last, maps = self.model.forward_intermediates(x, indices=self.stages, output_fmt="NCHW")
            features = _as_map(last, maps[-1], self.model)
            return tuple(features if place < 0 else maps[place] for place in self.places)

    names = [card.tap(tap).name for tap in taps]
    taken: nn.Module = Taps(_filled(card, tensors), names, len(card.taps) - 1)
    return taken.eval().requires_grad_(False)


def _filled(card: Card, tensors: Mapping[str, np.ndarray]) -> Any:
    """The model with its weights; counters and index tables are its own."""
    import torch

    if missing := sorted(set(shapes(card)) - set(tensors)):
        raise BadWeights(f"the weights of {card.name} hold no {missing[0]!r}")
    built = _timm().create_model(_model(card), pretrained=False, num_classes=0)
    state = {name: torch.from_numpy(np.array(value, dtype=np.float32)) for name, value in tensors.items()}
    try:
        built.load_state_dict(built.state_dict() | state)
    except RuntimeError as error:
        raise BadWeights(f"these are not the weights of {card.name}: {error}") from error
    return built


def _as_map(last: Tensor, grid: Tensor, model: Any) -> Tensor:
    """Bring the last output to ``(n, c, h, w)``: transformers give tokens, or put channels last."""
    if last.ndim == 3:
        tokens = last[:, getattr(model, "num_prefix_tokens", 0) :]
        return tokens.transpose(1, 2).reshape(-1, last.shape[2], grid.shape[2], grid.shape[3])
    if getattr(model, "output_fmt", "NCHW") == "NHWC":
        return last.permute(0, 3, 1, 2)
    return last


def _tap(name: str, channels: int, stride: int) -> Tap:
    return Tap(name, channels, stride, field=0, offset=0.0)


def _weights(model: str, preprocessing: Preprocessing, licence: str) -> tuple[Weights, ...]:
    return (
        Weights(
            "timm", preprocessing, (Source("timm", model),), licence, "the model's own pretrained weights"
        ),
        Weights(
            "random",
            preprocessing,
            (Source("random", model),),
            "none",
            "random numbers, to try things out with",
        ),
    )


def _model(card: Card) -> str:
    return card.name.removeprefix("timm/")


@cache
def _skeleton(model: str) -> Any:
    """The model without memory for its weights: enough to read its shape."""
    library = _timm()
    import torch  # there since timm is

    if not library.is_model(model):
        raise UnknownName(f"timm has no model {model!r}; {nearest(model, library.list_models())}")
    with torch.device("meta"):
        built = library.create_model(model, pretrained=False, num_classes=0)
    if not hasattr(built, "forward_intermediates") or not getattr(built, "feature_info", None):
        raise UnknownName(f"timm's {model!r} gives no feature maps; choose another model")
    return built


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what fetches for timm from telling of each try: what came of it is told once."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def _asking_once() -> Iterator[None]:
    """Let what fetches for timm look only into its cache where its server is out of reach.

    It would ask for more than a minute, and take what it has in the end.
    """
    from huggingface_hub import constants  # comes with timm

    place, before = urlsplit(constants.ENDPOINT), constants.HF_HUB_OFFLINE
    try:
        if not getproxies():
            socket.create_connection((place.hostname or "", place.port or 443), PATIENCE).close()
    except OSError:
        constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@cache
def _timm() -> Any:
    try:
        _mend_torchvision()
        import timm
        import timm.data
    except ImportError as error:
        raise MissingExtra("a network of timm", "timm") from error
    return timm


@cache
def _mend_torchvision() -> object:
    """Let torchvision be imported where its compiled part was built for another torch.

    timm imports torchvision, which at import registers shapes for its operator ``nms``; without the compiled
    part there is none, and the import fails (pytorch/vision issues 8985 and 9077). Declaring the operator is
    enough, for nothing here calls it. The declaration lasts as long as the object returned is kept.
    """
    import torch

    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for name in ("nms", "qnms"):
            schema = f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            library.define(schema)  # type: ignore[no-untyped-call]
        import torchvision  # noqa: F401

        return library
    return None
