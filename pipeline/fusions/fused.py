"""A fusion fitted to its models' vectors: they are scaled to length 1, centred, and fused by the fusion's kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.core.files import atomic_file
from pipeline.core.layout import Layout
from pipeline.core.numbers import Singles
from pipeline.params.fusions import FUSIONS
from pipeline.store.embeddings import normalise
from pipeline.store.models import WEIGHTS, read_record
from pipeline.store.systems import FusionRecord

CENTRE = "centre."


class Kind(ABC):
    """A way to fuse several unit vectors into one. Options in `pipeline.params.fusions` name subclasses."""

    needs_train: bool = False
    """Whether `fit` learns from the train sitters."""
    needs_val: bool = False
    """Whether `fit` learns from the val sitters, or makes choices on them."""

    @abstractmethod
    def fit(self, units: Sequence[Singles], sitters: Sequence[str], subset: Sequence[str], seed: int) -> None:
        """Fit the fusion.

        Args:
            units: for each model float32 [n, d_m] with rows of length 1; row i of each is the same image.
            sitters: n names.
            subset: n words, `train` or `val`.
            seed: random seed.
        """

    @abstractmethod
    def apply(self, units: Sequence[Singles]) -> Singles:
        """Return the fused vectors: float32 [n, d], rows of length 1."""

    def state(self) -> dict[str, Singles]:
        """Return what `fit` learned."""
        return {}

    def load(self, state: dict[str, Singles]) -> None:  # noqa: B027  (nothing to load where nothing is learned)
        """Restore what `state` returned."""

    def findings(self) -> dict[str, Any]:
        """Return the results of `fit` for `model.json`; `val_cllr` and `val_cllr_equal` are printed."""
        return {}


class Fused:
    """A fitted fusion, from the models' vectors to fused vectors."""

    def __init__(self, models: Sequence[str], kind: Kind, centres: Sequence[Singles] | None) -> None:
        """Join a fitted kind with the centres.

        Args:
            models: names of the models.
            kind: the fitted kind.
            centres: for each model float32 [d_m], the mean unit vector of its training faces; None: not centred.
        """
        self.models, self.kind, self.centres = list(models), kind, centres

    def units(self, inputs: Sequence[Singles]) -> list[Singles]:
        """Return each model's vectors [n, d_m] scaled to length 1 and, if there are centres, centred and scaled again.

        The raw cosines of one network may all lie between 0.85 and 0.95, and another's between 0 and 1: without
        centring, the second network would decide alone.
        """
        units = [normalise(x) for x in inputs]
        return units if self.centres is None else [normalise(u - c) for u, c in zip(units, self.centres, strict=True)]

    def apply(self, inputs: Sequence[Singles]) -> Singles:
        """Return the fused vectors [n, d] of each model's vectors [n, d_m] (unnormalised, in the order of `models`)."""
        return self.kind.apply(self.units(inputs))

    def state(self) -> dict[str, Singles]:
        """Return what was learned: the state of the kind, and the centre of each model."""
        centres = zip(self.models, self.centres or (), strict=False)
        return {**self.kind.state(), **{CENTRE + model: centre for model, centre in centres}}

    def save(self, folder: Path) -> None:
        """Write `weights.safetensors`, if there is anything to write."""
        from safetensors.numpy import save_file

        state = self.state()
        if state:
            with atomic_file(folder / WEIGHTS) as part:
                save_file({name: np.ascontiguousarray(value) for name, value in state.items()}, part)


def mean_units(inputs: Sequence[Singles]) -> list[Singles]:
    """Return for each model the mean of its vectors scaled to length 1: float32 [d_m]."""
    return [normalise(x).mean(0, dtype=np.float64).astype(np.float32) for x in inputs]


def load_fusion(name: str, at: Layout) -> Fused:
    """Return the fusion in `models/<name>/`.

    Raises:
        SitterError: the folder is missing, or holds no fusion.
    """
    folder = at.model(name)
    record = read_record(name, "fuse", at)
    if not isinstance(record, FusionRecord):
        raise SitterError(f"{name} is a network, no fusion: load it with pipeline.models.load.load_model.")
    if record.crossval or record.method["kind"] == "folds":
        raise SitterError(f"{name} was fitted fold by fold: there is no single fusion of all sitters to load.")
    state: dict[str, Singles] = {}
    if (folder / WEIGHTS).is_file():
        from safetensors.numpy import load_file

        state = load_file(folder / WEIGHTS)
    kind: Kind = FUSIONS[record.method["kind"]].model_validate(record.method).make()
    kind.load({k: v for k, v in state.items() if not k.startswith(CENTRE)})
    models = record.models
    return Fused(models, kind, [state[CENTRE + m] for m in models] if record.centre else None)
