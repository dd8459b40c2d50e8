"""Templates: several images of one sitter that are pooled and then compared as if they were one image.

This is as in the IJB benchmarks (Klare et al. 2015; Maze et al. 2018). A template is a set of images. The images of one
medium (a video, a photo session, a restored and an unrestored photograph of one panel) are averaged first, so that a
long video counts no more than a photograph. The template's vector is the mean of its media. With weights w, the vector
of a medium with n images is Σ w v / n of their unit vectors v, as in InsightFace's evaluation of IJB, up to its length.
Two templates that share a picture are not compared. Other rules pool scores instead of vectors: see `score_pooling`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.core.numbers import Floats, unit
from pipeline.metrics.qualities import quality
from pipeline.metrics.result import Context, Embedded, Subset
from pipeline.metrics.score_pooling import PooledTemplates, PoolingRule, likelihood_rule
from pipeline.params.metrics.base import ComparisonOptions, Pooling
from pipeline.store.columns import templates_in

SITTER = "sitter"
"""In place of a column: all images of a sitter are one template."""


def pooled(context: Context, options: ComparisonOptions) -> Context:
    """Return a context with templates in place of images, if a benchmark asks for them.

    A test template has a value in a column of the manifest only if all its images have the same value.
    """
    asked = options.templates
    if asked is None:
        return context
    by = {options.probe: asked.probe} | ({options.other: asked.gallery} if options.other else {})
    return _pooled(context, by, asked, rule_of(context, asked, options.probe, options.other))


def sides(context: Context, options: ComparisonOptions) -> tuple[Context, Context]:
    """Return the contexts of the probes and of the gallery, which may be two sets of templates of one data set."""
    asked = options.templates
    if asked is None:
        return context, context
    rule = rule_of(context, asked, options.probe, options.other)
    of_probes = _pooled(context, {options.probe: asked.probe}, asked, rule)
    if options.searched is None:
        return of_probes, of_probes
    return of_probes, _pooled(context, {options.searched: asked.gallery}, asked, rule)


def rule_of(context: Context, asked: Pooling, probe: str, gallery: str | None) -> PoolingRule | None:
    """Return the rule by which templates are compared image by image; None if each is one vector.

    Args:
        context: the context of single images.
        asked: how images are pooled.
        probe, gallery: the data sets that are compared; `gallery` is None within one data set.
    """
    if asked.pool == "vector":
        return None
    return likelihood_rule(context, probe, gallery) if asked.pool == "likelihood" else PoolingRule(asked.pool)


def _pooled(context: Context, by: Mapping[str, str | None], asked: Pooling, rule: PoolingRule | None) -> Context:
    """Return a context with templates for some data sets; a column names them, without one each image is a template."""

    def templates(images: Embedded, column: str | None) -> Embedded:
        return images if column is None and rule is None else pool(context, images, column, asked, rule)

    def embedded(dataset: str, subset: Subset) -> Embedded:
        return templates(context.embedded(dataset, subset), by.get(dataset))

    def validation(dataset: str) -> Embedded | None:
        images = context.validation(dataset)
        return None if images is None else templates(images, by.get(dataset))

    def failures(dataset: str) -> Embedded | None:
        failed, column = context.failures(dataset), by.get(dataset)
        if failed is None or column is None:
            return failed
        left = members_of(context, context.embedded(dataset, "test"), column)
        return failed_templates(context, failed, column, set(left))

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


def pool(
    context: Context, images: Embedded, column: str | None, asked: Pooling, rule: PoolingRule | None = None
) -> Embedded:
    """Return templates in place of images, in the order of their first images.

    Args:
        context: has the columns of the manifest.
        images: images of one data set.
        column: names the template of each image; `sitter`: all images of a sitter are one template; None: each image is
            one.
        asked: media and weights.
        rule: the rule by which templates are compared image by image; None: each has one vector.

    Raises:
        SitterError: a template holds two sitters, or a weight is no positive number.
        Unjudged: the model gives scores of images and no vectors.
    """
    members = members_of(context, images, column)
    for template, places in members.items():
        people = {images.sitters[n] for n in places}
        if len(people) > 1:
            raise SitterError(
                f"{images.dataset}: template {template!r} holds images of {len(people)} sitters "
                f"({', '.join(sorted(people)[:3])}): correct the column {column!r}."
            )
    named = _named(images, members)
    if rule is not None and asked.media is None:
        every = [n for some in members.values() for n in some]
        return PooledTemplates(named, images, every, np.cumsum([0, *map(len, members.values())])[:-1], rule)
    vectors = unit(images.vectors)
    weights = _weights(context, images, asked.weights)
    media = context.column(images.dataset, asked.media) if asked.media else {}
    found: list[Floats] = []
    starts: list[int] = []
    for places in members.values():
        of_medium: dict[str, list[int]] = {}
        for n in places:
            image_id = images.image_ids[n]
            of_medium.setdefault(media.get(image_id, "") or f"image:{image_id}", []).append(n)
        parts = [_mean(vectors[some], weights[some]) for some in of_medium.values()]
        whole = [float(weights[some].mean()) for some in of_medium.values()]
        starts.append(len(found))
        found += parts if rule is not None else [_mean(np.stack(parts), np.array(whole))]
    pooled_vectors = np.stack(found).astype(np.float32) if found else np.empty((0, vectors.shape[1]), np.float32)
    if rule is None:
        return replace(named, vectors=pooled_vectors)
    media_only = Embedded(images.dataset, [], [], [], pooled_vectors)
    return PooledTemplates(named, media_only, range(len(found)), starts, rule)


def _named(images: Embedded, members: Mapping[str, list[int]]) -> Embedded:
    """Return templates without vectors: with the sitter and the fold of their first image, and all images' pictures."""
    return Embedded(
        images.dataset,
        list(members),
        [images.sitters[places[0]] for places in members.values()],
        ["\n".join(dict.fromkeys(images.origins[n] for n in places)) for places in members.values()],
        np.empty((len(members), 0), np.float32),
        [images.folds[places[0]] for places in members.values()] if images.folds else [],
    )


def members_of(context: Context, images: Embedded, column: str | None) -> dict[str, list[int]]:
    """Return the images of each template; an image without a template is left out."""
    if column is None:
        return {image_id: [n] for n, image_id in enumerate(images.image_ids)}
    names = dict(zip(images.image_ids, images.sitters, strict=True)) if column == SITTER else None
    values = names if names is not None else context.column(images.dataset, column)
    found: dict[str, list[int]] = {}
    for n, image_id in enumerate(images.image_ids):
        value = values.get(image_id, "")
        for template in filter(None, [value.strip()]) if column == SITTER else templates_in(value):
            found.setdefault(template, []).append(n)
    return found


def failed_templates(context: Context, failed: Embedded, column: str, left: set[str]) -> Embedded:
    """Return the templates without any image that has a usable face."""
    members = members_of(context, failed, column)
    return _named(failed, {template: places for template, places in members.items() if template not in left})


def _weights(context: Context, images: Embedded, name: str | None) -> Floats:
    """Return the weight of each image: 1, or its quality."""
    if name is None:
        return np.ones(len(images))
    try:
        weights = quality(context, images, name)
    except ValueError:
        weights = np.full(len(images), np.nan)
    if not (np.isfinite(weights) & (weights > 0)).all():
        raise SitterError(
            f"{images.dataset}: templates are weighted by the column {name!r}, which must hold a positive number for "
            "each image: fill it in, or set templates.weights to norm or null."
        )
    return weights


def _mean(vectors: Floats, weights: Floats) -> Floats:
    return np.average(vectors, axis=0, weights=weights)
