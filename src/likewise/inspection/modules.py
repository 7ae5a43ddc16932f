"""Modules of torch opened to be looked into: one's own, and those that timm builds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from likewise.engines.torch_module import build
from likewise.errors import UnknownName, UsageError
from likewise.inspection.sizes import any_size
from likewise.networks import Card, Preprocessing, Tap
from likewise.pictures import Resize
from likewise.registry import nearest
from likewise.types import FloatArray


class Taps:
    """A network that timm builds, read at some taps."""

    def __init__(self, card: Card, tensors: Mapping[str, FloatArray], names: Sequence[str]) -> None:
        self._names, self._module = names, build(card, tensors, names)
        for parameter in self._module.parameters():
            if parameter.ndim == 4:  # convolutions are 1.3 to 1.6 times as fast on channels-last data
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)

    def run(self, x: FloatArray) -> Iterator[tuple[str, FloatArray]]:
        """Run prepared pictures ``(n, 3, h, w)`` and give each tap; the maps of all are held at once."""
        with torch.inference_mode():
            outputs = self._module(torch.from_numpy(x).contiguous(memory_format=torch.channels_last))
        for name, output in zip(self._names, outputs, strict=True):
            yield name, output.float().numpy()


class ModuleNetwork:
    """Any torch module that takes pictures ``(n, 3, h, w)``; its taps are its submodules by their names.

    A submodule that runs several times is read when it runs last. The module is put into evaluation mode
    while it runs, and its parameters stay where they are. The maps of all wanted taps are held at once.

    Parameters
    ----------
    module
        The network.
    preprocessing
        How pixels become its input. Without it: what a model of timm says about itself, else ImageNet's mean
        and deviation on RGB in 0 to 1.
    side
        The side of the only square that it takes; 0 when it takes any size.
    """

    grid, minimum = 1, 1
    left_out: tuple[str, ...] = ()

    def __init__(
        self, module: nn.Module, *, preprocessing: Preprocessing | None = None, side: int = 0
    ) -> None:
        self.module, self.side = module, side
        self.name = type(module).__name__
        self.preprocessing = preprocessing or _own_preprocessing(module)
        self._known = {name: part for name, part in module.named_modules() if name}

    def names(self, taps: Sequence[str] | None, size: int) -> list[str]:
        """See `Network.names`; without taps: every submodule that has none of its own."""
        if taps is None:
            return [name for name, part in self._known.items() if not list(part.children())]
        for tap in taps:
            if tap not in self._known:
                raise UnknownName(f"{self.name} has no module {tap!r}; {nearest(tap, self._known)}")
        return [name for name in self._known if name in taps]

    def resize(self, names: Sequence[str], size: int) -> Resize:
        """See `Network.resize`."""
        if self.side:
            if size not in (0, self.side):
                raise UsageError(f"{self.name} takes pictures of {self.side} x {self.side} only, not {size}")
            return Resize("square", self.side)
        return any_size(size)

    def stages(self, size: int) -> dict[int, str]:
        """See `Network.stages`: not known."""
        return {}

    def outputs(self, x: FloatArray, names: Sequence[str]) -> Iterator[tuple[str, FloatArray]]:
        """See `Network.outputs`."""
        outputs: dict[str, FloatArray] = {}
        given = torch.from_numpy(x)

        def keep(name: str, output: Any) -> None:
            if isinstance(output, Tensor) and output.is_floating_point():
                outputs.pop(name, None)  # the last run counts, also for the order
                # a copy: a ReLU that works in place would overwrite it
                outputs[name] = output.detach().float().cpu().numpy().copy()

        where = next(self.module.parameters(), given)
        with self._hooked(names, keep), torch.inference_mode():
            try:
                self.module(given.to(where.device, where.dtype))
            except (RuntimeError, ValueError, AssertionError) as error:  # what modules say of a wrong size
                raise UsageError(
                    f"{self.name} cannot take a picture of {x.shape[3]} x {x.shape[2]} pixels: "
                    f"{str(error).splitlines()[0]}; give the size it was made for"
                ) from error
        yield from outputs.items()

    def tap(self, name: str, output: FloatArray, side: int) -> Tap:
        """See `Network.tap`; the receptive field is not known: `likewise.inspection.fields` measures it."""
        if output.ndim == 2:
            return Tap(name, output.shape[1], 0, 0, 0.0)
        return Tap(name, output.shape[1], max(1, round(side / output.shape[2])), 0, 0.0)

    @contextmanager
    def _hooked(self, names: Sequence[str], keep: Any) -> Iterator[None]:
        training = self.module.training
        handles = [
            self._known[name].register_forward_hook(lambda _, __, output, name=name: keep(name, output))
            for name in names
        ]
        self.module.eval()
        try:
            yield
        finally:
            self.module.train(training)
            for handle in handles:
                handle.remove()


def _own_preprocessing(module: nn.Module) -> Preprocessing:
    config = getattr(module, "pretrained_cfg", None) or {}
    if "mean" in config and "std" in config:
        return Preprocessing(mean=tuple(config["mean"]), std=tuple(config["std"]))
    return Preprocessing()
