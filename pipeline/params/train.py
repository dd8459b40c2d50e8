"""Sections `train` (shared settings) and `models` (each model: backbone × adaptation × loss × training)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from pipeline.core.registry import Strict
from pipeline.params.adaptations import Adaptation
from pipeline.params.augment import Augmentation
from pipeline.params.backbones import Backbone
from pipeline.params.losses import Loss


class Training(Strict):
    """How a model is trained. Set under `train` for all models, and under `models.NAME.training` for one."""

    train_on: tuple[str, ...] = ()
    """Data sets to learn from: their train sitters train a model, and their val sitters choose the epoch to keep."""
    fold: Annotated[int | None, Field(ge=0)] = None
    """Fold to leave out, for data sets that are split into folds and nothing else (`test: 1`): the model learns from
    all other folds but the next one, which chooses the epoch, and is tested on this fold. `crossval: true` of a model
    trains one model for each fold."""
    epochs: Annotated[int, Field(ge=1)] = 20
    """Largest number of passes over the training images."""
    sampler: Literal["sitters", "pairs", "shuffle"] = "sitters"
    """The images of a batch. sitters: `images` of each of `sitters` sitters. pairs: two images of each of `batch` / 2
    sitters, and nearly every image once an epoch. shuffle: `batch` images of any sitters, for losses with class
    centres."""
    sitters: Annotated[int, Field(ge=2)] = 16
    """Number of sitters in a batch, for the sampler `sitters`."""
    images: Annotated[int, Field(ge=2)] = 4
    """Number of images of each sitter in a batch, for the sampler `sitters`."""
    batch: Annotated[int | None, Field(ge=2)] = None
    """Number of images in a batch, for the samplers `pairs` (an even number) and `shuffle`."""
    batch_per: Literal["training", "process"] = "training"
    """training: all processes share one batch of this size. process: each process has a batch of this size."""
    chunk: Annotated[int | None, Field(ge=1)] = None
    """Number of images that a process has in the network at once (GradCache): this limits the memory of a large batch,
    at the cost of a second pass through the network. The loss is computed on the whole batch, but trained batch
    statistics on each chunk. null: all images."""
    shard_centres: Annotated[int | None, Field(ge=1)] = 10_000
    """From this many sitters on, class centres are sharded across processes: each holds only its share. null: every
    process always holds all centres."""
    optimiser: Literal["adam", "adamw", "sgd"] = "adamw"
    """The optimiser of PyTorch."""
    lr: Annotated[float, Field(gt=0)] = 1e-3
    """The highest learning rate."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Weight decay: decoupled from the gradient with `adamw`, added to it with `adam` and `sgd`."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Momentum of SGD."""
    schedule: Literal["constant", "cosine"] = "cosine"
    """How the learning rate changes after the warm-up. cosine: it falls to zero along half a cosine."""
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.0
    """Number of epochs in which the learning rate rises from zero to `lr`."""
    schedule_by: Literal["step", "epoch"] = "step"
    """Whether the learning rate changes with each step, or only between epochs: in warm-up epoch e, counted
    from 1, it is then `lr` · e / `warmup_epochs`."""
    keep: Literal["val-eer", "val-loss", "train-loss", "last"] = "val-eer"
    """The epoch with the weights to keep: the lowest EER on the val sitters (the last epoch if there are none), the
    lowest loss on all val faces, the lowest training loss, or the last epoch. A loss with class centres needs val faces
    of its training sitters (split kind `images`); in a sum with such a loss, only this part counts on val faces."""
    patience: Annotated[int | None, Field(ge=1)] = None
    """Stop after this many epochs in which the figure of `keep` does not improve; null: never."""
    val_images: Annotated[int, Field(ge=2)] = 5000
    """Largest number of val faces (whole sitters, drawn at random), since all their pairs are compared."""
    mirror: bool = True
    """Train on mirrored images, too."""
    augment: Augmentation | None = None
    """Random changes to training faces, anew in each epoch; `{}`: the defaults of its fields; null: no changes.
    With changes, nothing can be computed beforehand, so that each step runs the whole network."""
    precision: Literal["fp32", "fp16", "bf16"] = "fp32"
    """Precision of the network's computation (fp16, bf16: mixed precision); its weights are kept in fp32."""
    compile: bool | Literal["auto"] = "auto"
    """Let torch.compile make kernels for the trained stages: the first step takes longer, later ones less time. It
    needs a C++ compiler. auto: for long trainings on a GPU, if the machine can compile; never on a CPU."""
    batch_norm: Literal["all", "process"] = "all"
    """With several GPUs, compute the statistics of trained batch normalisation over the images of all processes, or
    over each process's own."""
    accumulate: Annotated[int, Field(ge=1)] = 1
    """Number of batches over which gradients are averaged for one step."""
    clip: Annotated[float | None, Field(gt=0)] = None
    """Gradients with a larger norm are scaled down to this norm; null: no limit."""
    cache_gb: Annotated[float, Field(ge=0)] = 4.0
    """Memory in gigabytes for the output of the network's frozen part for each image, which is computed once; if it
    needs more, it is computed at every step."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Number of processes that decode images if they are not cached; 0: the training process decodes them."""
    checkpoint_seconds: Annotated[float, Field(ge=0)] = 30.0
    """Longest time between checkpoints, in seconds; 0: a checkpoint after every step."""
    seed: Annotated[int | None, Field(ge=0, lt=2**32)] = None
    """Seed of the initial weights and of all random choices in training; null: the study's seed. A sweep over it
    (`sweep: {training.seed: [1, 2, 3, 4, 5]}`) repeats a training on the same data, and the report then shows the mean
    and the standard deviation of each figure."""


def _without_defaults(schema: dict[str, Any]) -> None:
    for field in schema["properties"].values():
        field.pop("default", None)


class Changes(Training):
    """Fields of `train` that differ for one model; fields that are not set are as under `train`."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)


class Model(Strict):
    """A network that turns a face into a vector."""

    backbone: Backbone
    """The network, and the weights that it starts from."""
    adaptation: Adaptation
    """The part of the network that is trained; `{kind: none}`: nothing, the model is frozen."""
    loss: Loss
    """The loss of its training; `{kind: none}` for a frozen model."""
    mirror: bool = False
    """Add the embedding of the mirrored image (as InsightFace's evaluation does)."""
    crops: tuple[Annotated[float, Field(ge=0.5, le=2)], ...] = ()
    """Add the embeddings of central crops with these shares of the side: 0.9 is closer, 1.1 wider, with the border
    repeated. With `mirror`, add their mirror images, too."""
    centre: bool = False
    """Subtract the mean vector of the training faces (of `train_on`, even if the model is frozen). Faces of sitters who
    are tested in another data set are left out of the mean. A model with `crossval` is always centred, fold by fold."""
    training: Changes = Changes()
    """Training settings that differ from `train`."""
    sweep: dict[str, list[Any]] = Field(default={}, exclude=True)
    """Makes a model for each value of a field (for several fields: each combination), such as `adaptation.rank: [4, 8,
    16]`: this entry then stands for `NAME-rank-4`, `NAME-rank-8`, `NAME-rank-16`."""
    crossval: bool = Field(default=False, exclude=True)
    """Train the model once for each fold of its data set's split, without the sitters of that fold. The name then
    represents all these trainings: each image's vector comes from the training that has not seen its sitter."""

    @property
    def is_trained(self) -> bool:
        """Whether anything of the network is trained."""
        return self.adaptation.kind != "none"
