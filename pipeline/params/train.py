"""Sections `train` (what all models share) and `models` (each model: backbone × adaptation × loss × training)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from pipeline.kinds import Strict
from pipeline.losses import LOSSES
from pipeline.models.adaptations import ADAPTATIONS
from pipeline.models.backbones import BACKBONES

Backbone: Any = BACKBONES.union()
Adaptation: Any = ADAPTATIONS.union()
Loss: Any = LOSSES.union()


class Training(Strict):
    """How a model is trained. Set for all models under `train`, for one under `models.NAME.training`."""

    train_on: tuple[str, ...] = ()
    """Data sets whose train sitters are learned from, and whose val sitters choose the epoch that is kept."""
    epochs: Annotated[int, Field(ge=1)] = 20
    """Passes over the training images at most."""
    sitters: Annotated[int, Field(ge=2)] = 16
    """Sitters in a batch, that of all processes together."""
    images: Annotated[int, Field(ge=2)] = 4
    """Images of each sitter in a batch."""
    optimiser: Literal["adam", "adamw", "sgd"] = "adamw"
    lr: Annotated[float, Field(gt=0)] = 1e-3
    """Learning rate at its highest."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Of SGD."""
    schedule: Literal["constant", "cosine"] = "cosine"
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.0
    patience: Annotated[int | None, Field(ge=1)] = None
    """Stop after this many epochs without a better EER on the val sitters; null: never."""
    val_images: Annotated[int, Field(ge=2)] = 5000
    """Faces of val sitters at most (whole sitters, drawn at random), since all their pairs are compared."""
    mirror: bool = True
    """Train on mirrored images too."""
    precision: Literal["fp32", "fp16", "bf16"] = "fp32"
    accumulate: Annotated[int, Field(ge=1)] = 1
    """Batches whose gradients are averaged for one step."""
    clip: Annotated[float | None, Field(gt=0)] = None
    """Gradients with a larger norm are scaled down to it."""
    cache_gb: Annotated[float, Field(ge=0)] = 4.0
    """Memory for what the frozen part of the network makes of each image, computed once; what needs more is computed
    at every step."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Processes that decode images where they are not cached; 0: the training process itself."""
    checkpoint_seconds: Annotated[float, Field(ge=0)] = 30.0
    """A checkpoint is written at least this often; 0: after every step."""


def _without_defaults(schema: dict[str, Any]) -> None:
    for field in schema["properties"].values():
        field.pop("default", None)


class Changes(Training):
    """Fields of `train` that differ for one model; what is not set is as under `train`."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)


class Model(Strict):
    """A network that turns a face into a vector."""

    backbone: Backbone
    adaptation: Adaptation
    """What of it is trained; `{kind: none}`: nothing, the model is frozen."""
    loss: Loss
    """What it is trained by; `{kind: none}` for a frozen model."""
    mirror: bool = False
    """Add the embedding of the mirrored image (as InsightFace's evaluation does)."""
    training: Changes = Changes()
    """Differs from `train` in these fields."""
