"""The demo set: pictures with known answers, rendered on the spot from photographs that packages carry."""

from likewise.demoset.rendering import KINDS, read_truth, render, render_scenes, seed_of
from likewise.demoset.shots import altered

__all__ = ["KINDS", "altered", "read_truth", "render", "render_scenes", "seed_of"]
