"""Templates: several images of one sitter pooled to one vector, which is then compared as an image is.

As the IJB benchmarks have it (Klare et al. 2015; Maze et al. 2018): a template is a set of images; those of one medium
(a video, a photo session, a restored and an unrestored photograph of one panel) are averaged first, so that a long
video counts no more than a photograph; the template's vector is the mean of its media. With weights w, a medium of n
images is Σ w v / n of their unit vectors v, as InsightFace's evaluation of IJB has it, up to the length. Two templates
that share a picture are not compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.metrics.result import Context, Embedded, Floats, Subset, unit
from pipeline.params.metrics.base import ComparisonOptions, Pooling

SITTER = "sitter"
SEPARATOR = ";"
"""Between the templates of an image that stands in several."""


def pooled(context: Context, options: ComparisonOptions) -> Context:
    """Return a context that hands out templates in place of images, where a benchmark asks for them.

    A column of the manifest is known of a test template where all of its images have one value.
    """
    asked = options.templates
    if asked is None:
        return context
    return _pooled(
        context, {options.probe: asked.probe} | ({options.other: asked.gallery} if options.other else {}), asked
    )


def sides(context: Context, options: ComparisonOptions) -> tuple[Context, Context]:
    """Return the contexts of the probes and of the gallery, which may be two sets of templates of one data set."""
    asked = options.templates
    if asked is None:
        return context, context
    of_probes = _pooled(context, {options.probe: asked.probe}, asked)
    return of_probes, _pooled(context, {options.searched: asked.gallery}, asked) if options.searched else of_probes


def _pooled(context: Context, by: Mapping[str, str | None], asked: Pooling) -> Context:
    """Return a context with the templates of some data sets, each named by a column."""

    def embedded(dataset: str, subset: Subset) -> Embedded:
        column = by.get(dataset)
        images = context.embedded(dataset, subset)
        return images if column is None else pool(context, images, column, asked)

    def validation(dataset: str) -> Embedded | None:
        images, column = context.validation(dataset), by.get(dataset)
        return images if images is None or column is None else pool(context, images, column, asked)

    def failures(dataset: str) -> Embedded | None:
        failed, column = context.failures(dataset), by.get(dataset)
        if failed is None or column is None:
            return failed
        return failed_templates(context, failed, column, set(embedded(dataset, "test").image_ids))

    def column(dataset: str, name: str) -> Mapping[str, str]:
        values, template_column = context.column(dataset, name), by.get(dataset)
        if template_column is None:
            return values
        images = context.embedded(dataset, "test")
        return {
            template: next(iter(found)) if len(found) == 1 else ""
            for template, places in members_of(context, images, template_column).items()
            for found in [{values.get(images.image_ids[n], "") for n in places}]
        }

    return replace(context, embedded=embedded, validation=validation, failures=failures, column=column)


def pool(context: Context, images: Embedded, column: str, asked: Pooling) -> Embedded:
    """Return templates in place of images, in the order of their first images.

    Args:
        context: knows the columns of the manifest.
        images: of one data set.
        column: names the template of each image; `sitter`: all images of a sitter are one.
        asked: media and weights.

    Raises:
        SitterError: a template holds two sitters, or a weight is no positive number.
        Unjudged: the model gives scores of images and no vectors.
    """
    members = members_of(context, images, column)
    vectors = unit(images.vectors)
    weights = _weights(context, images, asked.weights)
    media = context.column(images.dataset, asked.media) if asked.media else {}
    found = np.empty((len(members), vectors.shape[1]), np.float32)
    for row, (template, places) in enumerate(members.items()):
        people = {images.sitters[n] for n in places}
        if len(people) > 1:
            raise SitterError(
                f"{images.dataset}: template {template!r} holds images of {len(people)} sitters "
                f"({', '.join(sorted(people)[:3])}): correct the column {column!r}."
            )
        of_medium: dict[str, list[int]] = {}
        for n in places:
            image_id = images.image_ids[n]
            of_medium.setdefault(media.get(image_id, "") or f"image:{image_id}", []).append(n)
        parts = [_mean(vectors[some], weights[some]) for some in of_medium.values()]
        whole = [float(weights[some].mean()) for some in of_medium.values()]
        found[row] = _mean(np.stack(parts), np.array(whole))
    return replace(_named(images, members), vectors=found)


def _named(images: Embedded, members: Mapping[str, list[int]]) -> Embedded:
    """Return templates with the sitter and the fold of their first image and the pictures of all, without vectors."""
    return Embedded(
        images.dataset,
        list(members),
        [images.sitters[places[0]] for places in members.values()],
        ["\n".join(dict.fromkeys(images.origins[n] for n in places)) for places in members.values()],
        np.empty((len(members), 0), np.float32),
        [images.folds[places[0]] for places in members.values()] if images.folds else [],
    )


def members_of(context: Context, images: Embedded, column: str) -> dict[str, list[int]]:
    """Return the images of each template; an image without one is left out."""
    names = dict(zip(images.image_ids, images.sitters, strict=True)) if column == SITTER else None
    values = names if names is not None else context.column(images.dataset, column)
    found: dict[str, list[int]] = {}
    for n, image_id in enumerate(images.image_ids):
        value = values.get(image_id, "")
        for template in [value] if column == SITTER else value.split(SEPARATOR):
            if template.strip():
                found.setdefault(template.strip(), []).append(n)
    return found


def failed_templates(context: Context, failed: Embedded, column: str, left: set[str]) -> Embedded:
    """Return the templates none of whose images has a usable face."""
    members = members_of(context, failed, column)
    return _named(failed, {template: places for template, places in members.items() if template not in left})


def _weights(context: Context, images: Embedded, name: str | None) -> Floats:
    """Weight of each image: 1, the length of its vector, or a number in a column."""
    if name is None:
        return np.ones(len(images))
    if name == "norm":
        lengths: Floats = np.linalg.norm(images.vectors.astype(np.float64), axis=1)
        return lengths
    values = context.column(images.dataset, name)
    try:
        weights = np.array([float(values[image_id]) for image_id in images.image_ids])
    except (KeyError, ValueError):
        weights = np.full(len(images), np.nan)
    if not (np.isfinite(weights) & (weights > 0)).all():
        raise SitterError(
            f"{images.dataset}: templates are weighted by the column {name!r}, which must hold a positive number for "
            "each image: fill it in, or set templates.weights to norm or null."
        )
    return weights


def _mean(vectors: Floats, weights: Floats) -> Floats:
    return np.average(vectors, axis=0, weights=weights)
