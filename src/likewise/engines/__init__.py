"""Engines run a network from a picture batch to vectors: torch on any device, openvino on the CPU.

`torch_module` and `openvino_walk` are for those who train a network or look into it; they load the library
of their name, and this module neither.
"""

from __future__ import annotations

import sys

from likewise.engines.engine import Engine, EngineChoice, Program, open_engine
from likewise.engines.ops import Array, Head, Ops, as_they_are

# OpenVINO reports its use over the network unless its telemetry package is absent; to this process it is.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

__all__ = ["Array", "Engine", "EngineChoice", "Head", "Ops", "Program", "as_they_are", "open_engine"]
