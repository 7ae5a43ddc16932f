"""Engines run a torch module from a picture batch to vectors: torch on any device, openvino on the CPU."""

from __future__ import annotations

from likewise.engines.engine import Engine, Precision, Program, cores, open_engine

__all__ = ["Engine", "Precision", "Program", "cores", "open_engine"]
