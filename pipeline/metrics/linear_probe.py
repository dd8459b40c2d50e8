"""Kind `linear-probe`: how well artist, century or style can be predicted from the embeddings of new sitters."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from pipeline.core.numbers import Floats, Ints, unit
from pipeline.metrics.intervals import resample
from pipeline.metrics.manifest_values import classes, values_of
from pipeline.metrics.result import Context, Result, Scalar
from pipeline.params.metrics.linear_probe import LinearProbeOptions
from pipeline.store.curves import RecallTable
from pipeline.store.figure_names import IMAGES, SITTERS

FEWEST_SITTERS = 2
"""Least number of sitters in a class; a class of one sitter could not be distinguished from this sitter."""


def linear_probe(context: Context, options: LinearProbeOptions) -> Result:
    """Predict a column of the manifest (artist, style, … or the century of `year`) from the embeddings, linearly.

    The classifier is linear discriminant analysis with equal priors on unit embeddings. The covariance within the
    classes is shrunk by the closed form of Ledoit & Wolf (2004), so that nothing has to be tuned and models of
    different dimensions are treated alike. It is cross-validated over sitters: it was not trained on the sitter of a
    predicted image, so it cannot use the sitter. Values that differ only in spelling are one class, shown in the most
    common spelling. Classes of fewer than two sitters are left out, and so are images without a value, with a word for
    nobody ("unknown"), or of several artists. The figure is the balanced accuracy (mean recall of the classes); by
    chance it is one over the number of classes. Intervals resample the sitters. The figure says what an embedding tells
    beside the sitter, so it is neither good nor bad by itself (Alain & Bengio 2017).

    Raises:
        SitterError: the data set has no such column.
    """
    parts = [
        context.embedded(options.dataset, subset) for subset in ("train", "val", "test") if options.images == "all"
    ] or [context.embedded(options.dataset, "test")]
    values = classes(values_of(context, options.dataset, options.predict), context.is_nobody, options.predict)
    x = np.concatenate([part.vectors for part in parts])
    sitters = np.array([sitter for part in parts for sitter in part.sitters])
    labels = np.array([values.get(image_id, "") for part in parts for image_id in part.image_ids])
    kept = _learnable(labels, sitters)
    counts = {IMAGES: Scalar(int(kept.sum())), "left_out": Scalar(int((~kept).sum()))}
    names, label = np.unique(labels[kept], return_inverse=True)
    people, sitter = np.unique(sitters[kept], return_inverse=True)
    counts |= {"classes": Scalar(len(names)), SITTERS: Scalar(len(people))}
    if len(names) < 2:
        note = f"{len(names)} {options.predict} of two or more sitters: there is nothing to tell apart"
        figures = ("balanced_accuracy", "chance", "accuracy", "most_frequent")
        return Result({**{name: Scalar(None, note, percent=True) for name in figures}, **counts}, len(people))
    right = _predicted(unit(x[kept]), label, sitter, min(options.folds, len(people)), context.seed) == label
    drawn = resample(len(people), context.replicates, context.seed).astype(np.float64)
    hits, of = _table(sitter, label, right, len(people), len(names))
    recall = hits.sum(0) / of.sum(0)
    scalars = {
        "balanced_accuracy": Scalar(float(recall.mean()), "", _balanced(drawn @ hits, drawn @ of), percent=True),
        "chance": Scalar(1 / len(names), percent=True),
        "accuracy": Scalar(float(right.mean()), "", (drawn @ hits).sum(1) / (drawn @ of).sum(1), percent=True),
        "most_frequent": Scalar(float(of.sum(0).max() / of.sum()), percent=True),
        **counts,
    }
    return Result(scalars, len(people), (RecallTable(list(names), of.sum(0).astype(np.int64), recall),))


def _learnable(labels: NDArray[np.str_], sitters: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Return which images have a value that at least two sitters have."""
    known = labels != ""
    pairs = np.unique(np.stack([labels[known], sitters[known]]), axis=1)
    names, sitters_of = np.unique(pairs[0], return_counts=True) if known.any() else (labels[:0], np.zeros(0, int))
    learnable: NDArray[np.bool_] = known & np.isin(labels, names[sitters_of >= FEWEST_SITTERS])
    return learnable


def _predicted(x: Floats, label: Ints, sitter: Ints, folds: int, seed: int) -> Ints:
    """Return the predicted class [n] of each image, by a classifier that has not seen its sitter."""
    from sklearn.model_selection import StratifiedGroupKFold

    found = np.empty(len(label), dtype=np.int64)
    deal = StratifiedGroupKFold(folds, shuffle=True, random_state=seed % 2**32)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)  # then some fold lacks the class
        parts = list(deal.split(x, label, sitter))
    for learned, asked in parts:
        classes, number = np.unique(label[learned], return_inverse=True)
        found[asked] = classes[_discriminants(x[learned], number, x[asked]).argmax(axis=1)]
    return found


def _discriminants(x: Floats, number: Ints, asked: Floats) -> Floats:
    """Return linear discriminants [m, classes] of `asked` [m, d], equal priors, fitted on x [n, d] of classes [n]."""
    from sklearn.covariance import ledoit_wolf

    of = np.zeros((len(x), number.max() + 1))
    of[np.arange(len(x)), number] = 1
    means = (of.T @ x) / of.sum(0)[:, None]
    within = ledoit_wolf(x - means[number], assume_centered=True)[0]
    if not within.any():  # one image of each class
        within = np.eye(x.shape[1])
    slopes = np.linalg.solve(within, means.T)
    discriminants: Floats = asked @ slopes - 0.5 * np.einsum("kd,dk->k", means, slopes)
    return discriminants


def _table(sitter: Ints, label: Ints, right: NDArray[np.bool_], sitters: int, classes: int) -> tuple[Floats, Floats]:
    """Return the numbers of correctly predicted and of all images, by sitter and class: [sitters, classes]."""
    hits, of = np.zeros((sitters, classes)), np.zeros((sitters, classes))
    np.add.at(hits, (sitter, label), right)
    np.add.at(of, (sitter, label), 1)
    return hits, of


def _balanced(hits: Floats, of: Floats) -> Floats:
    """Return the mean recall [replicates] over the classes in a replicate, from counts [replicates, classes]."""
    with np.errstate(invalid="ignore"):
        mean: Floats = np.nanmean(hits / of, axis=1)
    return mean
