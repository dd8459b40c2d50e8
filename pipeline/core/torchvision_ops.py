"""Makes torchvision importable where its compiled operators do not load; import this before torchvision.

The torchvision of the package index is built against a CUDA torch. Beside a CPU-only torch its library of operators
cannot be loaded, and `import torchvision` then fails: it registers fake kernels for `torchvision::nms` and
`torchvision::qnms`, which do not exist. Here both are defined first, and `nms` gets a Python kernel, so that it also
works. Where the compiled operators load, nothing is changed.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import torch

SCHEMAS = [f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor" for name in ("nms", "qnms")]
# The registrations live as long as this object.
_library: torch.library.Library | None = None


def nms(dets: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Greedy non-maximum suppression, as `torchvision.ops.nms`.

    Args:
        dets: [n, 4] corners x0, y0, x1, y1.
        scores: [n].
        iou_threshold: boxes that overlap a better one by more than this intersection over union are dropped.

    Returns:
        int64 [k]: indices of the boxes that stay, best first.
    """
    areas = (dets[:, 2] - dets[:, 0]) * (dets[:, 3] - dets[:, 1])
    order = scores.sort(descending=True, stable=True).indices
    keep = []
    while len(order):
        best, order = order[0], order[1:]
        keep.append(best)
        low = torch.maximum(dets[order, :2], dets[best, :2])
        high = torch.minimum(dets[order, 2:], dets[best, 2:])
        shared = (high - low).clamp(min=0).prod(1)
        order = order[shared <= iou_threshold * (areas[order] + areas[best] - shared)]
    return torch.stack(keep) if keep else torch.empty(0, dtype=torch.int64, device=dets.device)


def compiled_operators_load() -> bool:
    """Whether torchvision's compiled operators can be loaded beside this torch."""
    spec = importlib.util.find_spec("torchvision")
    folders = spec.submodule_search_locations if spec else None
    for library in (path for folder in folders or () for path in Path(folder).glob("_C*.*")):
        if library.suffix in (".so", ".pyd", ".dylib"):
            try:
                torch.ops.load_library(library)  # type: ignore[no-untyped-call]
                return True
            except OSError:
                return False
    return False


def register() -> None:
    """Register the operators, unless the compiled ones load or torchvision is imported already."""
    global _library
    if _library is not None or "torchvision" in sys.modules or compiled_operators_load():
        return
    _library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in SCHEMAS:
        _library.define(schema)  # type: ignore[no-untyped-call]
    _library.impl("nms", nms, "CompositeExplicitAutograd")  # type: ignore[no-untyped-call]
    import torchvision.ops.boxes

    # torchvision.ops.nms asks for the whole compiled library before it calls the operator, which now exists.
    torchvision.ops.boxes._assert_has_ops = lambda: None


register()
