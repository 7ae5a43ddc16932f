"""Two operations that torchvision wants registered, where its compiled part does not fit torch's build."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

_SPEC = find_spec("torchvision")
_TORCH: Any = torch  # its ways to register operations have no types
if _SPEC is not None and _SPEC.origin is not None:
    try:
        _TORCH.ops.load_library(str(Path(_SPEC.origin).with_name("_C.so")))
    except OSError:
        LIBRARY = _TORCH.library.Library("torchvision", "DEF")  # kept: operations go with it
        for name in ("nms", "qnms"):
            LIBRARY.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
