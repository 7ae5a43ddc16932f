"""Engines run a network from a picture batch to vectors: torch on any device, openvino on the CPU."""

from __future__ import annotations

import sys

from likewise.engines.engine import Engine, Precision, Program, cores, open_engine

# OpenVINO reports its use over the network unless its telemetry package is absent; to this process it is.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

__all__ = ["Engine", "Precision", "Program", "cores", "open_engine"]
