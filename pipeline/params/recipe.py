"""What a study says of how one model is made, with all that follows from its other sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.params.effective import changed, seed, tested_elsewhere

if TYPE_CHECKING:
    from pipeline.params import Study
    from pipeline.params.split import Split
    from pipeline.params.train import Model, Training


@dataclass(frozen=True)
class Recipe:
    """One model: its entry, and the values that count for it."""

    name: str
    model: Model
    training: Training
    """The section `train`, with the fields that the model sets itself."""
    seed: int
    """Of what is drawn to build and train the model."""
    study_seed: int
    """Of what is the same for all models: the choice of val faces, the loss on them."""
    splits: Mapping[str, Split]
    tested_in: Mapping[str, Sequence[str]]
    """For a centred model: by training data set, the data sets that keep their test sitters out of its mean."""

    @property
    def is_trained(self) -> bool:
        """Whether anything of the network is trained."""
        return self.model.adaptation.kind != "none"


def recipe_of(study: Study, name: str) -> Recipe:
    """Return how one of the study's models is made."""
    model = study.models[name]
    training = changed(study.train, model.training)
    tested_in = {dataset: tested_elsewhere(study, dataset) for dataset in training.train_on if model.centre}
    return Recipe(name, model, training, seed(study, name), study.seed, study.split, tested_in)
