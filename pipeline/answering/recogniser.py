"""A model or fusion of a study with everything that it needs to embed faces that are in no data set.

This includes the adapted network, mirrored images where the model asks for them, centring and whitening of a fusion,
and the cohort of score normalisation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.answering.faces import Face, fingerprint
from pipeline.core.errors import SitterError, nearest
from pipeline.core.files import sha256
from pipeline.core.layout import MANIFEST, Layout
from pipeline.core.numbers import Floats, Singles, rounded, unit
from pipeline.fusions.fit_data import FitData, inputs, strangers_only, train_and_val
from pipeline.fusions.fused import Fused, load_fusion
from pipeline.scoring.score_norm import strangers
from pipeline.splits.trained import tested_elsewhere
from pipeline.store.embeddings import FILE, Embeddings, check_vectors, read_embeddings
from pipeline.store.models import find_facts

if TYPE_CHECKING:
    from pipeline.models.load import Embedder
    from pipeline.params import Study
    from pipeline.params.fuse import Fusion


@dataclass(frozen=True, eq=False)
class Prints:
    """Vectors of n faces, ready to be compared."""

    units: Floats
    """[n, d], of length 1."""
    mean: Floats | None = None
    spread: Floats | None = None
    """[n] and [n], mean and standard deviation of the cosines with the cohort; None if scores are not normalised."""

    def __len__(self) -> int:
        return len(self.units)

    def joined(self, other: Prints) -> Prints:
        """Return these vectors followed by other vectors of the same model."""
        units = np.concatenate([self.units, other.units])
        if self.mean is None or self.spread is None or other.mean is None or other.spread is None:
            return Prints(units)
        return Prints(units, np.concatenate([self.mean, other.mean]), np.concatenate([self.spread, other.spread]))

    def of(self, rows: Any) -> Prints:
        """Return the vectors of some of the faces."""
        if self.mean is None or self.spread is None:
            return Prints(self.units[rows])
        return Prints(self.units[rows], self.mean[rows], self.spread[rows])


def scores(probes: Prints, gallery: Prints) -> Floats:
    """Return the scores [p, g] of probes against a gallery: cosines, or AS-norm scores (see `scoring.score_norm`)."""
    found: Floats = rounded(probes.units @ gallery.units.T)
    if probes.mean is None or probes.spread is None or gallery.mean is None or gallery.spread is None:
        return found
    by_probe = (found - probes.mean[:, None]) / probes.spread[:, None]
    normed: Floats = (by_probe + (found - gallery.mean) / gallery.spread) / 2
    return normed


def matrix(probes: Prints, gallery: Prints) -> Callable[[slice, slice], Floats]:
    """Return what gives the scores of some probes and some of the gallery (`identification.search.Matrix`)."""
    return lambda rows, columns: scores(probes.of(rows), gallery.of(columns))


class Recogniser(ABC):
    """Turns faces into vectors."""

    name: str
    key: str
    """A hash of everything that the vectors depend on: the same key means the same vectors."""
    cohort: Singles | None = None
    """[k, d] unit vectors of the cohort of score normalisation; None: scores are not normalised."""
    most: int = 0
    """Number of vectors of the cohort that count for each face."""

    @abstractmethod
    def vectors(self, faces: Sequence[Face]) -> Singles:
        """Return the vectors of faces as they would stand in the model's table of embeddings: float32 [n, d]."""

    def stored(self, dataset: str, at: Layout) -> Embeddings:
        """Return the vectors that the stages have made of a data set.

        Raises:
            SitterError: they have not been made.
        """
        return read_embeddings(self.name, dataset, at)

    def has_stored(self, dataset: str, at: Layout) -> bool:
        """Whether the stages have made vectors of a data set."""
        return (at.embeddings(self.name, dataset) / FILE).is_file()

    def prints(self, vectors: Singles, names: Sequence[str]) -> Prints:
        """Return vectors [n, d] ready to be compared.

        Raises:
            SitterError: a vector has no direction; the message names the face.
        """
        check_vectors(vectors, names, f"model {self.name}")
        if self.cohort is None:
            return Prints(unit(vectors))
        mean, spread = strangers(unit(vectors).astype(np.float32), self.cohort, self.most)
        return Prints(unit(vectors), mean, spread)


class Network(Recogniser):
    """A single network."""

    def __init__(self, embedder: Embedder, key: str) -> None:
        self.embedder, self.name, self.key = embedder, embedder.name, key

    def vectors(self, faces: Sequence[Face]) -> Singles:
        """Run the network on the faces' crops."""
        from pipeline.models.vectors import vectors_of

        return vectors_of(self.embedder, [face.crop for face in faces], [face.crop_landmarks for face in faces])


class FusedRecogniser(Recogniser):
    """A fusion of recognisers that each see the face."""

    def __init__(self, name: str, kind: str, fused: Fused, parts: Sequence[Recogniser], key: str) -> None:
        self.name, self.kind, self.fused, self.parts, self.key = name, kind, fused, list(parts), key

    def vectors(self, faces: Sequence[Face]) -> Singles:
        """Fuse the vectors of the parts."""
        return self.fused.apply([part.vectors(faces) for part in self.parts])

    def stored(self, dataset: str, at: Layout) -> Embeddings:
        """Return the vectors of a data set; they are fused again if the stage has kept only normalised scores."""
        if self.cohort is None:
            return read_embeddings(self.name, dataset, at)
        tables = inputs(self.fused.models, dataset, at)
        return Embeddings(tables[0].image_ids, self.fused.apply([table.vectors for table in tables]))

    def has_stored(self, dataset: str, at: Layout) -> bool:
        """Whether the stages have made vectors of a data set."""
        return all(part.has_stored(dataset, at) for part in self.parts)


def open_recogniser(study: Study, name: str, at: Layout) -> Recogniser:
    """Open a model or fusion of a study.

    Raises:
        SitterError: there is none of this name, it has not been made, or it cannot see a new face: an outside system,
            or a fusion that was fitted fold by fold.
    """
    if name in study.fuse:
        return _fused(study, name, at)
    if name in study.outside:
        raise SitterError(
            f"{name} is an outside system, known only by a file of its vectors or scores: it cannot embed a new "
            "picture. Name another model."
        )
    if name not in study.models:
        raise SitterError(f"{name!r} is no model or fusion of the study; {nearest(name, [*study.models, *study.fuse])}")
    entry = study.models[name]
    from pipeline.models.device import device
    from pipeline.models.load import Embedder, load_model

    if find_facts(name, at):
        return Network(load_model(name, at, device()), fingerprint("model", _made_of(name, at)))
    if entry.is_trained:
        raise SitterError(f"{at.model(name)} holds no model yet: run `sitter train {name}` first.")
    from pipeline.models.build import build
    from pipeline.models.crops import add_crops
    from pipeline.models.preprocess import Preprocess

    network, _ = build(entry.backbone, entry.adaptation, study.seed_of(name), at)
    add_crops(network, entry.crops)
    network.requires_grad_(False)
    where = device()
    network.to(where)
    embedder = Embedder(name, network, Preprocess(network), network.dim, entry.mirror, _device(where))
    file = network.weights_file
    options = entry.backbone.model_dump(exclude={"weights"})
    crops = [list(entry.crops)] if entry.crops else []
    key = fingerprint("frozen", options, embedder.mirror, *crops, sha256(file) if file else "")
    return Network(embedder, key)


def _device(name: str) -> Any:
    import torch

    return torch.device(name)


def _made_of(name: str, at: Layout) -> str:
    """Return the checksum of the contents of a model's folder."""
    return sha256(at.model(name) / MANIFEST)


def _fitted_once(entry: Fusion) -> bool:
    return not entry.crossval and entry.method.kind != "folds"


def _fused(study: Study, name: str, at: Layout) -> Recogniser:
    entry = study.fuse[name]
    if not _fitted_once(entry):
        once = [n for n in study.judged if n not in study.fuse or _fitted_once(study.fuse[n])]
        raise SitterError(
            f"{name} was fitted once for each fold, so that there is no single model for a new picture. Name one that "
            f"is made once: {', '.join(n for n in once if n != name)}."
        )
    fused = load_fusion(name, at)
    parts = [open_recogniser(study, part, at) for part in entry.models]
    key = fingerprint("fusion", _made_of(name, at), *(part.key for part in parts))
    found = FusedRecogniser(name, entry.method.kind, fused, parts, key)
    if entry.score_norm is not None:
        found.cohort = _cohort(study, name, fused, at)
        found.most = entry.score_norm.cohort
    return found


def _cohort(study: Study, name: str, fused: Fused, at: Layout) -> Singles:
    """Return the cohort with which the stage `fuse` normalises scores: the vectors of the train and val images."""
    entry = study.fuse[name]
    tables = {dataset: inputs(entry.models, dataset, at) for dataset in entry.fit_on}
    images = {dataset: train_and_val(dataset, at) for dataset in entry.fit_on}
    kept = strangers_only(images, {dataset: tested_elsewhere(study, dataset, at) for dataset in images}, name)
    return fused.apply(FitData.of(tables, kept, entry.models).vectors)
