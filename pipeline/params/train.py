"""Sections `train` (what all models share) and `models` (each model: backbone × adaptation × loss × training)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from pipeline.core.registry import Strict
from pipeline.params.adaptations import Adaptation
from pipeline.params.augment import Augmentation
from pipeline.params.backbones import Backbone
from pipeline.params.losses import Loss


class Training(Strict):
    """How a model is trained. Set for all models under `train`, for one under `models.NAME.training`."""

    train_on: tuple[str, ...] = ()
    """Data sets whose train sitters are learned from, and whose val sitters choose the epoch that is kept."""
    fold: Annotated[int | None, Field(ge=0)] = None
    """For data sets that are split into folds only (`test: 1`): learn from all but this fold, on which the model is
    then tested, and the next one, which chooses the epoch. `crossval: true` of a model trains one for each fold."""
    epochs: Annotated[int, Field(ge=1)] = 20
    """Passes over the training images at most."""
    sampler: Literal["sitters", "pairs", "shuffle"] = "sitters"
    """Which images make up a batch. sitters: `sitters` × `images`. pairs: two images of each of `batch` / 2 sitters,
    and nearly every image once an epoch. shuffle: `batch` images whoever they show, for losses with class centres."""
    sitters: Annotated[int, Field(ge=2)] = 16
    """Sitters in a batch, for the sampler `sitters`."""
    images: Annotated[int, Field(ge=2)] = 4
    """Images of each sitter in a batch, for the sampler `sitters`."""
    batch: Annotated[int | None, Field(ge=2)] = None
    """Images in a batch, for the samplers `pairs` (an even number) and `shuffle`."""
    batch_per: Literal["training", "process"] = "training"
    """Whether a batch is that of all processes together, or each process has one of that size."""
    chunk: Annotated[int | None, Field(ge=1)] = None
    """Images that a process has in the network at once (GradCache): bounds the memory of a large batch, whose loss is
    that of the whole, for a second pass through the network. Trained batch statistics are a chunk's own. null: all."""
    shard_centres: Annotated[int | None, Field(ge=1)] = 10_000
    """Of so many sitters or more, each of several processes holds only its share of a loss's class centres; null: all
    hold all."""
    optimiser: Literal["adam", "adamw", "sgd"] = "adamw"
    """The optimiser of PyTorch."""
    lr: Annotated[float, Field(gt=0)] = 1e-3
    """Learning rate at its highest."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Weight decay: decoupled from the gradient with `adamw`, added to it with `adam` and `sgd`."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Of SGD."""
    schedule: Literal["constant", "cosine"] = "cosine"
    """How the learning rate changes after the warm-up. cosine: it falls to zero along half a cosine."""
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.0
    """Epochs in which the learning rate rises from zero to `lr`."""
    schedule_by: Literal["step", "epoch"] = "step"
    """Whether the learning rate changes with each step, or stays as it is for an epoch: in warm-up epoch e, counted
    from 1, it is then e / `warmup_epochs` of `lr`."""
    keep: Literal["val-eer", "val-loss", "train-loss", "last"] = "val-eer"
    """Which epoch's weights are kept: that with the lowest EER on the val sitters (where there are none, the last), the
    lowest loss on all val faces, the lowest training loss, or the last. A loss with class centres needs val faces of
    its training sitters (split kind `images`); of a sum with such a loss, only this part counts on val faces."""
    patience: Annotated[int | None, Field(ge=1)] = None
    """Stop after this many epochs without a better figure of those that `keep` goes by; null: never."""
    val_images: Annotated[int, Field(ge=2)] = 5000
    """Faces of val sitters at most (whole sitters, drawn at random), since all their pairs are compared."""
    mirror: bool = True
    """Train on mirrored images too."""
    augment: Augmentation | None = None
    """Change training faces at random, anew in each epoch; `{}`: with the defaults of its fields; null: not at all.
    Nothing is computed beforehand then, so that each step runs the whole network."""
    precision: Literal["fp32", "fp16", "bf16"] = "fp32"
    """Precision in which the network computes (fp16, bf16: mixed precision); its weights are kept in fp32."""
    compile: bool | Literal["auto"] = "auto"
    """Let torch.compile make kernels for the trained stages: the first step takes longer, the others less time.
    It needs a C++ compiler. auto: on a GPU, for long trainings, where the machine can; never on a CPU."""
    batch_norm: Literal["all", "process"] = "all"
    """Of several GPUs, take the statistics of trained batch normalisation over the images of all processes, or over
    each process's own."""
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
    seed: Annotated[int | None, Field(ge=0, lt=2**32)] = None
    """Seed of the random start and of everything that training draws; null: the study's seed. A sweep over it
    (`sweep: {training.seed: [1, 2, 3, 4, 5]}`) repeats a training on the same data, and the report then shows the mean
    and the standard deviation of each figure."""


def _without_defaults(schema: dict[str, Any]) -> None:
    for field in schema["properties"].values():
        field.pop("default", None)


class Changes(Training):
    """Fields of `train` that differ for one model; what is not set is as under `train`."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)


class Model(Strict):
    """A network that turns a face into a vector."""

    backbone: Backbone
    """The network, and the weights that it starts from."""
    adaptation: Adaptation
    """What of it is trained; `{kind: none}`: nothing, the model is frozen."""
    loss: Loss
    """What it is trained by; `{kind: none}` for a frozen model."""
    mirror: bool = False
    """Add the embedding of the mirrored image (as InsightFace's evaluation does)."""
    crops: tuple[Annotated[float, Field(ge=0.5, le=2)], ...] = ()
    """Add the embeddings of crops about the middle, of these shares of the side: 0.9 is closer, 1.1 wider, the border
    repeated. With `mirror`, of their mirror images, too."""
    centre: bool = False
    """Subtract the mean vector of the training faces, those of `train_on`, of a frozen model too. Faces of sitters who
    are tested in another data set are left out of it. A model with `crossval` is centred in any case, fold by fold."""
    training: Changes = Changes()
    """Differs from `train` in these fields."""
    sweep: dict[str, list[Any]] = Field(default={}, exclude=True)
    """Makes a model for each value of a field (for several: each combination), as `adaptation.rank: [4, 8, 16]`: this
    entry then stands for `NAME-rank-4`, `NAME-rank-8`, `NAME-rank-16`."""
    crossval: bool = Field(default=False, exclude=True)
    """Train the model once for each fold of its data set's split, without the sitters of that fold. The name then
    stands for all these trainings: each image's vector comes from the one that has not seen its sitter."""
