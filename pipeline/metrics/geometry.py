"""The shape of an embedding space: how close a sitter's images are, and how evenly all images fill the sphere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.numbers import Floats, Ints, unit
from pipeline.metrics.centres import in_blocks, nearest
from pipeline.metrics.intervals import resample
from pipeline.metrics.result import Context, Embedded, Result, Scalar, first_of_each
from pipeline.params.metrics.geometry import GeometryOptions
from pipeline.store.curves import Curve, NearestCentre, NearestHistogram, NearestMean, NearestValMean
from pipeline.store.figure_names import GENUINE, IMAGES

BLOCK = 1024
PAIRS_AT_ONCE = 1 << 16
# If there are more sitters than this, random groups of sitters are resampled.
GROUPS = 256
DEGREES = np.arange(0, 182, 2)
HISTOGRAMS: dict[str, type[NearestHistogram]] = {
    "centre": NearestCentre,
    "mean": NearestMean,
    "val_mean": NearestValMean,
}


def geometry(context: Context, options: GeometryOptions) -> Result:
    """Measure alignment, uniformity and similarity of the test images, and compare pairs with the nearest class centre.

    For unit embeddings x, y (Wang & Isola 2020), alignment is the mean of ‖x − y‖² over genuine pairs, and uniformity
    is the log of the mean of exp(−2 ‖x − y‖²) over all pairs of images. Lower is better for both together, not for one
    alone: a network that gives the same embedding for every face has the best alignment. So no value is marked as the
    best.

    Class centres are used if the model's loss has learned some (ArcFace and similar losses; the centres of the kept
    epoch). For the two images A and B of each genuine pair (A is the earlier one), the result has the mean cosine to
    the nearest centre, and how often this cosine exceeds the pair's own. It also has the distribution of the angle to
    the nearest centre over all test images. With `centres`, the same is measured against the mean embeddings of that
    data set's sitters, which exist for every loss, so that all models can be compared: means of train images
    (`nearest_mean_a`), or of val images (`nearest_val_mean_a`), as the authors of "ArcFace vs InfoNCE" do for InfoNCE.
    With `listed`, the genuine pairs are the ones that the data set comes with; otherwise all genuine pairs.
    """
    images = context.pairs(options.dataset).images if options.listed else context.embedded(options.dataset, "test")
    if len(images) < 2:
        raise SitterError(
            f"{options.dataset}: geometry needs two images at least, but the test subset holds {len(images)}."
        )
    x = unit(images.vectors)
    group = _groups(images, context.seed)
    units = int(group.max()) + 1
    drawn = resample(units, context.replicates, context.seed).astype(np.float64)
    if options.listed:
        pair_list = context.pairs(options.dataset)
        a, b = pair_list.a[pair_list.genuine], pair_list.b[pair_list.genuine]
    else:
        a, b = _genuine_pairs(images)
    cosine = _cosines(x, a, b)
    sums = _Sums(group[a], units, drawn, "there is no genuine pair: no sitter has two test images")
    scalars = {
        "alignment": sums.mean(2 - 2 * cosine),
        "genuine_similarity": sums.mean(cosine),
        **_all_pairs(x, images, group, drawn),
    }
    curves: list[Curve] = []
    centres: list[tuple[str, Iterable[NDArray[Any]] | None]] = [("centre", context.learned())]
    for subset in options.centres_from if options.centres is not None else ():
        assert options.centres is not None
        means = context.means(options.centres, subset).astype(np.float32)
        centres.append(("mean" if subset == "train" else f"{subset}_mean", in_blocks(means)))
    for sort, known in centres:
        if known is not None:
            near = nearest(x.astype(np.float32), known)[0]
            scalars |= {
                f"nearest_{sort}_a": sums.mean(near[a]),
                f"nearest_{sort}_b": sums.mean(near[b]),
                f"closer_to_{sort}_a": sums.mean(near[a] > cosine, percent=True),
                f"closer_to_{sort}_b": sums.mean(near[b] > cosine, percent=True),
            }
            curves.append(_distances(HISTOGRAMS[sort], near))
    scalars |= {IMAGES: Scalar(len(images)), GENUINE: Scalar(len(a))}
    return Result(scalars, units, tuple(curves))


def _distances(kind: type[NearestHistogram], cosine: Floats) -> NearestHistogram:
    """Return a histogram of the angles to the nearest centre, in degrees, with the same bins for every model."""
    counts, edges = np.histogram(np.degrees(np.arccos(np.clip(cosine, -1, 1))), DEGREES)
    filled = np.flatnonzero(counts)
    span = slice(filled[0], filled[-1] + 1)
    return kind(edges[:-1][span], edges[1:][span], counts[span])


@dataclass(frozen=True)
class _Sums:
    """Means over genuine pairs, with replicates in which each pair counts as often as its sitter."""

    group: Ints
    units: int
    drawn: Floats
    nothing: str

    def mean(self, values: NDArray[np.generic], *, percent: bool = False) -> Scalar:
        if not len(values):
            return Scalar(None, self.nothing, percent=percent)
        numbers = np.asarray(values, dtype=np.float64)
        sums = self.drawn @ np.bincount(self.group, numbers, minlength=self.units)
        counts = self.drawn @ np.bincount(self.group, minlength=self.units)
        return Scalar(float(numbers.mean()), "", _ratio(sums, counts), percent=percent)


def _ratio(sums: Floats, counts: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: Floats = sums / counts
    return ratio


def _groups(images: Embedded, seed: int) -> Ints:
    """Return the unit of resampling for each image: its sitter, or one of 256 random groups of sitters."""
    names, number = np.unique(images.sitters, return_inverse=True)
    if len(names) <= GROUPS:
        return number.astype(np.int64)
    group: Ints = (np.random.default_rng([seed, len(names)]).permutation(len(names)) % GROUPS)[number]
    return group


def _genuine_pairs(images: Embedded) -> tuple[Ints, Ints]:
    """Return every two images of a sitter that show different pictures, each pair in the order of the images."""
    number = np.unique(images.sitters, return_inverse=True)[1]
    a, b = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    order = np.argsort(number, kind="stable")
    for own in np.split(order, np.flatnonzero(np.diff(number[order])) + 1):
        i, j = np.triu_indices(len(own), 1)
        a.append(own[i])
        b.append(own[j])
    first, second = np.concatenate(a), np.concatenate(b)
    picture = np.unique(images.origins, return_inverse=True)[1]
    different = picture[first] != picture[second]
    return first[different], second[different]


def _cosines(x: Floats, a: Ints, b: Ints) -> Floats:
    cosine = np.empty(len(a))
    for start in range(0, len(a), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        cosine[part] = np.einsum("nd,nd->n", x[a[part]], x[b[part]])
    return cosine


def _all_pairs(x: Floats, images: Embedded, group: Ints, drawn: Floats) -> dict[str, Scalar]:
    """Return uniformity over all pairs and mean similarity of impostor pairs, from sums by pairs of groups."""
    kept = first_of_each(images.origins)  # one picture under two names is no pair
    order = kept[np.argsort(group[kept], kind="stable")]
    x, group = x[order].astype(np.float32), group[order]
    sitter = np.unique(images.sitters, return_inverse=True)[1][order]
    units = drawn.shape[1]
    potential, impostor, counts = (np.zeros((units, units)) for _ in range(3))
    for r in range(0, len(x), BLOCK):
        rows = slice(r, r + BLOCK)
        for c in range(r, len(x), BLOCK):
            columns = slice(c, c + BLOCK)
            cosine = x[rows] @ x[columns].T
            other = (sitter[rows, None] != sitter[None, columns]).astype(np.float32)
            energy = np.exp(4 * cosine - 4)
            if r == c:
                other, energy = np.triu(other, 1), np.triu(energy, 1)
            starts_r, starts_c = (np.flatnonzero(np.diff(group[s], prepend=-1)) for s in (rows, columns))
            cells = np.ix_(group[rows][starts_r], group[columns][starts_c])
            for total, values in ((potential, energy), (impostor, cosine * other), (counts, other)):
                by_row = np.add.reduceat(values, starts_r, axis=0, dtype=np.float64)
                total[cells] += np.add.reduceat(by_row, starts_c, axis=1)
    size = np.bincount(group, minlength=units).astype(np.float64)
    pairs = np.triu(np.outer(size, size), 1) + np.diag(size * (size - 1) / 2)
    spread, spread_drawn = _mean(potential, pairs, drawn)
    similarity, similarity_drawn = _mean(impostor, counts, drawn)
    with np.errstate(divide="ignore", invalid="ignore"):
        uniformity = Scalar(float(np.log(spread)), "", np.log(spread_drawn))
    if not counts.any():
        return {"impostor_similarity": Scalar(None, "there is no impostor pair"), "uniformity": uniformity}
    return {"impostor_similarity": Scalar(similarity, "", similarity_drawn), "uniformity": uniformity}


def _mean(sums: Floats, counts: Floats, drawn: Floats) -> tuple[float, Floats]:
    """Return the sum divided by the count, both given as [units, units], for the whole set and for each replicate."""

    def weigh(cells: Floats) -> Floats:
        within, across = np.diag(cells), cells - np.diag(np.diag(cells))
        total: Floats = drawn @ within + np.einsum("ru,ru->r", drawn @ across, drawn)
        return total

    whole = counts.sum()
    return float(sums.sum() / whole) if whole else float("nan"), _ratio(weigh(sums), weigh(counts))
