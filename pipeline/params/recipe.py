"""The recipe of one model: everything that a study says about how it is made, in one object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipeline.params.effective import changed, seed, tested_elsewhere
from pipeline.params.tracking import Watch

if TYPE_CHECKING:
    from pipeline.params import Study
    from pipeline.params.split import Split
    from pipeline.params.train import Model, Training


@dataclass(frozen=True)
class Recipe:
    """A model's entry in the study, and the values of other sections that apply to this model."""

    name: str
    model: Model
    training: Training
    """The section `train`, with the fields that the model sets itself."""
    seed: int
    """The seed of everything that is drawn at random to build and train the model."""
    study_seed: int
    """The seed of what is the same for all models: the choice of val faces, the loss on them."""
    splits: Mapping[str, Split]
    tested_in: Mapping[str, Sequence[str]]
    """For a centred model: by training data set, the data sets that keep their test sitters out of its mean."""
    watch: Watch
    """How the training is watched; a frozen model is not."""

    @property
    def is_trained(self) -> bool:
        """Whether anything of the network is trained."""
        return self.model.is_trained

    @property
    def reads_faces(self) -> bool:
        """Whether the model is made with the faces of its data sets: to learn from them, or for their mean."""
        return self.is_trained or self.model.centre

    @property
    def precision(self) -> Literal["fp32", "fp16", "bf16"]:
        """The precision of the training; nothing of a frozen network is computed in another than fp32."""
        return self.training.precision if self.is_trained else "fp32"

    @property
    def network_kinds(self) -> tuple[str, ...]:
        """The kinds that make the network, as `pipeline.plan.fingerprint` names them."""
        return f"backbones/{self.model.backbone.kind}", f"adaptations/{self.model.adaptation.kind}"

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that make and train the network."""
        return *self.network_kinds, *(f"losses/{kind}" for kind in self.model.loss.kinds())


def recipe_of(study: Study, name: str) -> Recipe:
    """Return how one of the study's models is made."""
    model = study.models[name]
    measured = {name: study.evaluate.benchmarks[name] for name in study.tracking.benchmarks}
    watch = Watch(study.tracking, measured, tuple(study.evaluate.far)) if model.is_trained else Watch()
    training, own_seed = changed(study.train, model.training), seed(study, name)
    tested_in = {dataset: tested_elsewhere(study, dataset) for dataset in training.train_on if model.centre}
    return Recipe(name, model, training, own_seed, study.seed, study.split, tested_in, watch)
