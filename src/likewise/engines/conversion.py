"""A network that a library of torch builds, as a graph of OpenVINO."""

from __future__ import annotations

import warnings

import openvino as ov
import torch
from torch.jit._trace import TracerWarning

from likewise.engines.engine import Program
from likewise.engines.torch_module import ProgramModule
from likewise.errors import UsageError


def converted(program: Program) -> ov.Model:
    """The graph of a program, with free batch, height and width unless it takes one size only.

    Raises `UsageError` when OpenVINO cannot take the network.
    """
    height, width = (program.side, program.side) if program.side else (256, 320)
    shape = [-1, program.side, program.side, 3] if program.side else [-1, -1, -1, 3]
    example = torch.zeros((1, height, width, 3), dtype=torch.uint8)
    with warnings.catch_warnings():  # torch calls the tracing that the conversion stands on deprecated
        for category in (DeprecationWarning, FutureWarning):
            warnings.filterwarnings("ignore", message="`torch.jit", category=category)
        # A number that tracing takes from the example's size would be wrong at every other size.
        warnings.filterwarnings("ignore" if program.side else "error", category=TracerWarning)
        warnings.filterwarnings("ignore", message="torch.from_numpy results", category=TracerWarning)
        try:
            return ov.convert_model(
                ProgramModule(program).eval(), example_input=example, input=[ov.PartialShape(shape)]
            )
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0]
            raise UsageError(
                f"{program.card.name} cannot be converted for engine 'openvino' ({reason}); "
                "use engine 'torch'"
            ) from error
