"""Records a training with a tracker (TensorBoard, Weights & Biases, MLflow), and measures benchmarks meanwhile.

The trackers are Accelerate's. Nothing here changes the weights, or the choice of the epoch to keep.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.core.files import MANIFEST
from pipeline.core.numbers import rounded
from pipeline.metrics.kfold import ACCURACY_THRESHOLDS, VAL_THRESHOLDS, in_folds
from pipeline.metrics.verification import eer, roc, tally, tar_at_far
from pipeline.params.metrics.all_pairs import AllPairsOptions
from pipeline.params.metrics.kfold import KfoldOptions
from pipeline.store.faces import FaceStore
from pipeline.store.figure_names import ACCURACY, EER, TAR
from pipeline.store.figure_names import at as at_rate
from pipeline.store.splits import TESTED, each_image, pairs_file, read_pairs, split_file
from pipeline.training.data import Faces
from pipeline.training.features import unit_vectors, whole_network

if TYPE_CHECKING:
    from accelerate import Accelerator

    from pipeline.core.layout import Layout
    from pipeline.models.backbone import Backbone
    from pipeline.params.metrics import Benchmark
    from pipeline.params.recipe import Recipe
    from pipeline.store.models import Epoch

logger = logging.getLogger(__name__)

PROJECT = "sitter"
"""The name of the project, for trackers that have projects."""


@dataclass(frozen=True)
class Tracked:
    """A training, its tracker and its benchmarks; the tracker is open within a `with` block."""

    accelerator: Accelerator
    recipe: Recipe
    at: Layout

    def __enter__(self) -> Tracked:
        """Open the tracker, if there is one, with the settings of the training."""
        model, tracker = self.recipe.name, self.recipe.watch.options.tracker
        if tracker is not None:
            kinds = {"backbone": self.recipe.model.backbone.kind, "loss": self.recipe.model.loss.kind}
            settings = kinds | self.recipe.training.model_dump()
            config = {name: v if isinstance(v, int | float | str) else str(v) for name, v in settings.items()}
            of = {"wandb": {"name": model}, "mlflow": {"run_name": model}}
            # TensorBoard has no projects, so the name of the run stands there.
            project = model if tracker == "tensorboard" else PROJECT
            self.accelerator.init_trackers(project, config=config, init_kwargs=of)
        return self

    def __exit__(self, *error: object) -> None:
        """Close the tracker."""
        if self.recipe.watch.options.tracker is not None:
            self.accelerator.end_training()

    def epoch(self, ended: Epoch, network: Backbone) -> None:
        """Record the figures of an epoch, and measure the network on benchmarks every `tracking.every` epochs.

        Args:
            ended: the epoch of the history.
            network: the network in evaluation mode, on the device.
        """
        epoch, figures = ended.epoch, ended.figures()
        if epoch % self.recipe.watch.options.every == 0:
            for name, benchmark in self.recipe.watch.benchmarks.items():
                found = self._measure(name, benchmark, network)
                figures |= {f"{name}/{figure}": value for figure, value in found.items()}
                if found:
                    told = ", ".join(f"{figure} {100 * value:.2f} %" for figure, value in found.items())
                    logger.info(f"{self.recipe.name}: epoch {epoch}, {name}: {told}")
        if self.recipe.watch.options.tracker is not None:
            self.accelerator.log(figures, step=epoch)

    def _measure(self, name: str, benchmark: Benchmark, network: Backbone) -> dict[str, float]:
        assert isinstance(benchmark, KfoldOptions | AllPairsOptions), "the check of a study refuses the others"
        listed = isinstance(benchmark, KfoldOptions)
        dataset = benchmark.probe if isinstance(benchmark, AllPairsOptions) else benchmark.dataset
        needed = [split_file(dataset, self.at), self.at.faces(dataset) / MANIFEST]
        needed += [pairs_file(dataset, self.at)] if listed else []
        if absent := [str(file) for file in needed if not file.is_file()]:
            logger.warning(
                f"{self.recipe.name}: {name} is not measured yet, since {', '.join(absent)} does not exist yet"
            )
            return {}
        if listed:
            return self._pairs(dataset, network)
        faces = tested_faces(dataset, self.at).at_most(self.recipe.watch.options.images, self.recipe.study_seed)
        units = self._units(faces, network)
        upper = np.triu_indices(len(units), 1)
        return self._rates(rounded(units @ units.T)[upper], (faces.labels[:, None] == faces.labels)[upper])

    def _pairs(self, dataset: str, network: Backbone) -> dict[str, float]:
        """Return the k-fold accuracy and the error rates on pairs that are drawn at random."""
        pairs = read_pairs(dataset, self.at)
        order = np.random.default_rng([self.recipe.study_seed, len(pairs)]).permutation(len(pairs))
        pairs = [pairs[i] for i in np.sort(order[: self.recipe.watch.options.images // 2])]
        names = list(dict.fromkeys(image_id for pair in pairs for image_id in pair.images))
        units = self._units(_faces(dataset, names, [0] * len(names), self.at), network)
        row = {name: number for number, name in enumerate(names)}
        a, b = (units[[row[pair.images[side]] for pair in pairs]] for side in (0, 1))
        genuine = np.array([pair.genuine for pair in pairs])
        fold = np.array([pair.fold for pair in pairs])
        grids = (ACCURACY_THRESHOLDS, VAL_THRESHOLDS)
        folds = in_folds(((a - b) ** 2).sum(1), genuine, fold, tuple(self.recipe.watch.far), grids)
        return {ACCURACY: float(np.mean(folds.accuracy)), **self._rates(rounded((a * b).sum(1)), genuine)}

    def _rates(self, scores: NDArray[np.float64], genuine: NDArray[np.bool_]) -> dict[str, float]:
        curve = roc(tally(scores[genuine], scores[~genuine]))
        rates = {EER: eer(curve)[0]} | {at_rate(TAR, far): tar_at_far(curve, far)[0] for far in self.recipe.watch.far}
        return {name: rate for name, rate in rates.items() if np.isfinite(rate)}

    def _units(self, faces: Faces, network: Backbone) -> NDArray[np.float64]:
        """Return the faces' vectors, scaled to length 1: float64 [n, dim]."""
        return unit_vectors(*whole_network(network, faces, self.accelerator.device, mirrored=self.recipe.model.mirror))


def tested_faces(dataset: str, at: Layout) -> Faces:
    """Return the faces of a data set's test images, with their sitters."""
    seated = [(name, sitter) for name, sitter, subset in each_image(dataset, at) if subset in TESTED]
    number = {sitter: i for i, sitter in enumerate(dict.fromkeys(sitter for _, sitter in seated))}
    return _faces(dataset, [name for name, _ in seated], [number[sitter] for _, sitter in seated], at)


def _faces(dataset: str, image_ids: Sequence[str], labels: Sequence[int], at: Layout) -> Faces:
    import pyarrow as pa

    store = FaceStore(at.faces(dataset))
    rows = store.rows(pa.array(image_ids, pa.string())).to_numpy(zero_copy_only=False)
    where = np.stack([np.zeros(len(rows), dtype=np.int64), rows.astype(np.int64)], axis=1)
    return Faces((dataset,), (store,), where, np.array(labels, dtype=np.int64))
