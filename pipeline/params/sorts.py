"""What sort of model each model and fusion of a study is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pipeline.params.backbones.base import OutsideOptions

if TYPE_CHECKING:
    from pipeline.params import Study
    from pipeline.params.train import Model

Sort = Literal["frozen", "trained", "outside", "fusion"]


def sorts(study: Study) -> dict[str, Sort]:
    """Return the sort of every model and fusion, in the study's order, fusions last."""
    found: dict[str, Sort] = {name: _sort(model) for name, model in study.models.items()}
    return found | dict.fromkeys(study.fuse, "fusion")


def _sort(model: Model) -> Sort:
    if isinstance(model.backbone, OutsideOptions):
        return "outside"
    return "frozen" if model.adaptation.kind == "none" else "trained"
