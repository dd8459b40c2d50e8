"""Kind `embedding-map`: a picture of the embeddings in two dimensions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.numbers import Floats, unit
from pipeline.metrics.manifest_values import classes, values_of
from pipeline.metrics.result import Context, Result, Scalar
from pipeline.params.metrics.embedding_map import EmbeddingMapOptions
from pipeline.store.curves import Column, EmbeddingMap
from pipeline.store.figure_names import IMAGES

FEWEST = 10
"""Least number of images for a map."""
NEIGHBOURS = 10
"""Number of neighbours by which the map is evaluated."""
REDUCED = 50
"""Dimensions that t-SNE starts from, as its authors advise."""


def embedding_map(context: Context, options: EmbeddingMapOptions) -> Result:
    """Return a map of the embeddings in two dimensions, coloured by the sitter and by columns of the manifest.

    The map is made by t-SNE (van der Maaten & Hinton 2008) of the unit embeddings, reduced to 50 principal axes and
    started from the first two of them, so that equal embeddings give equal maps. The map is only for viewing: distances
    between far images and the sizes of clusters mean nothing. Two figures say how reliable it is: the trustworthiness
    (Venna & Kaski 2001; 1 if all 10 neighbours in the map are also near in the space of embeddings), and how often the
    nearest image is of the same sitter, in that space and in the map. All models show the same images.

    Raises:
        SitterError: there are fewer than 10 images, or the data set has no such column.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE, trustworthiness
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    subsets = ("train", "val", "test") if options.images == "all" else ("test",)
    parts = [context.embedded(options.dataset, subset) for subset in subsets]  # type: ignore[arg-type]
    ids = np.array([image_id for part in parts for image_id in part.image_ids])
    if len(ids) < FEWEST:
        raise SitterError(f"{options.dataset}: a map needs {FEWEST} images at least, but there are {len(ids)}.")
    sitters = np.array([sitter for part in parts for sitter in part.sitters])
    rng = np.random.default_rng([context.seed, len(ids)])
    chosen = np.sort(rng.permutation(len(ids))[: options.at_most])
    x = unit(np.concatenate([part.vectors for part in parts])[chosen])
    reduced = PCA(min(REDUCED, *x.shape), svd_solver="full").fit_transform(x)
    perplexity = min(options.perplexity, (len(x) - 1) / 3)
    seed = context.seed % 2**32
    with threadpool_limits(1):  # sums over several threads would round differently on other machines
        flat = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(reduced)
    near = min(NEIGHBOURS, len(x) // 2 - 1)
    scalars = {
        "trustworthiness": Scalar(float(trustworthiness(x, flat, n_neighbors=near))),
        "same_sitter_nearest": _same_nearest(x, sitters[chosen]),
        "same_sitter_nearest_in_map": _same_nearest(flat, sitters[chosen]),
        IMAGES: Scalar(len(x)),
    }
    colours: dict[str, Column] = {
        name: sitters[chosen] if name == "sitter" else _values(context, options.dataset, name, ids[chosen])
        for name in options.colour
    }
    places = EmbeddingMap(ids[chosen], flat[:, 0].round(3), flat[:, 1].round(3), colours)
    return Result(scalars, len(np.unique(sitters[chosen])), (places,))


def _values(context: Context, dataset: str, column: str, ids: NDArray[np.str_]) -> list[str]:
    """Return the class of each image, empty if it has none."""
    found = classes(values_of(context, dataset, column), context.is_nobody, column)
    return [found.get(image_id, "") for image_id in ids]


def _same_nearest(x: Floats | NDArray[np.float32], sitters: NDArray[np.str_]) -> Scalar:
    """Return how often the nearest image is of the same sitter, among sitters with at least two images."""
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=1).fit(x).kneighbors(return_distance=False)[:, 0]
    _, number, count = np.unique(sitters, return_inverse=True, return_counts=True)
    several = count[number] > 1
    if not several.any():
        return Scalar(None, "no sitter has two images", percent=True)
    return Scalar(float((sitters[nearest] == sitters)[several].mean()), percent=True)
