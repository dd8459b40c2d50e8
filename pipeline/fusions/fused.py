"""A fusion fitted to its models' vectors: unit vectors, centred, made one by the fusion's kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.files import atomic_file
from pipeline.params.fusions import FUSIONS
from pipeline.plan.layout import HERE, Layout
from pipeline.store.embeddings import Floats, normalise
from pipeline.store.models import WEIGHTS, read_record

Array = NDArray[np.float32]
CENTRE = "centre."


class Kind(ABC):
    """A way to make one vector of several unit vectors. Options in `pipeline.params.fusions` name subclasses."""

    needs_train: bool = False
    """Whether `fit` learns from the train sitters."""
    needs_val: bool = False
    """Whether `fit` learns from the val sitters, or chooses by them."""

    @abstractmethod
    def fit(self, units: Sequence[Floats], sitters: Sequence[str], subset: Sequence[str], seed: int) -> None:
        """Learn what there is to learn.

        Args:
            units: float32 [n, d_m] of each model, rows of length 1, row i of all being the same image.
            sitters: n names.
            subset: n words, `train` or `val`.
            seed: whatever is drawn at random follows from it.
        """

    @abstractmethod
    def apply(self, units: Sequence[Floats]) -> Floats:
        """Fused vectors: float32 [n, d], rows of length 1."""

    def state(self) -> dict[str, Array]:
        """What `fit` learned."""
        return {}

    def load(self, state: dict[str, Array]) -> None:  # noqa: B027  (nothing to load where nothing is learned)
        """Put back what `state` gave."""

    def findings(self) -> dict[str, Any]:
        """What `fit` has to say for `model.json`; `val_cllr` and `val_cllr_equal` are printed."""
        return {}


class Fused:
    """A fitted fusion: models' vectors in, fused vectors out."""

    def __init__(self, models: Sequence[str], kind: Kind, centres: Sequence[Array] | None) -> None:
        """`centres`: float32 [d_m] of each model, the mean unit vector of its training faces; None: not centred."""
        self.models, self.kind, self.centres = list(models), kind, centres

    def units(self, inputs: Sequence[Floats]) -> list[Floats]:
        """Vectors [n, d_m] of each model, scaled to length 1, centred and scaled again where there are centres.

        Raw cosines of a network may all lie between 0.85 and 0.95 and another's between 0 and 1: uncentred, the latter
        decides alone.
        """
        units = [normalise(x) for x in inputs]
        return units if self.centres is None else [normalise(u - c) for u, c in zip(units, self.centres, strict=True)]

    def apply(self, inputs: Sequence[Floats]) -> Floats:
        """Vectors [n, d_m] of each model (unnormalised, in the order of `models`) to fused ones [n, d]."""
        return self.kind.apply(self.units(inputs))

    def state(self) -> dict[str, Array]:
        """What was learned: the kind's, and the centre of each model."""
        centres = zip(self.models, self.centres or (), strict=False)
        return {**self.kind.state(), **{CENTRE + model: centre for model, centre in centres}}

    def save(self, folder: Path) -> None:
        """Write `weights.safetensors`, if there is anything to write."""
        from safetensors.numpy import save_file

        state = self.state()
        if state:
            with atomic_file(folder / WEIGHTS) as part:
                save_file({name: np.ascontiguousarray(value) for name, value in state.items()}, part)


def mean_units(inputs: Sequence[Floats]) -> list[Array]:
    """Mean of the vectors scaled to length 1, of each model: float32 [d_m]."""
    return [normalise(x).mean(0, dtype=np.float64).astype(np.float32) for x in inputs]


def load_fusion(name: str, at: Layout = HERE) -> Fused:
    """The fusion in `models/<name>/`.

    Raises:
        SitterError: it is absent, or holds no fusion.
    """
    folder = at.model(name)
    description = read_record(name, "fuse", at)
    if "method" not in description:
        raise SitterError(f"{name} is a network, no fusion: load it with pipeline.models.load.load_model.")
    if description.get("crossval") or description["method"]["kind"] == "folds":
        raise SitterError(f"{name} was fitted fold by fold: there is no one fusion of all sitters to load.")
    state: dict[str, Array] = {}
    if (folder / WEIGHTS).is_file():
        from safetensors.numpy import load_file

        state = load_file(folder / WEIGHTS)
    kind: Kind = FUSIONS[description["method"]["kind"]].model_validate(description["method"]).make()
    kind.load({k: v for k, v in state.items() if not k.startswith(CENTRE)})
    models = description["models"]
    return Fused(models, kind, [state[CENTRE + m] for m in models] if description["centre"] else None)
