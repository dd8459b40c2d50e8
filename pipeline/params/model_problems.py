"""Checks of the models of a study: what their parts require of each other, and of the training data."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.core.errors import nearest
from pipeline.params.adaptations.base import HasRoles
from pipeline.params.backbones.clip import CLIPOptions
from pipeline.params.losses.margin import MarginOptions
from pipeline.params.losses.sum import SumOptions
from pipeline.params.sources import Source
from pipeline.params.sources.catalogue import CATALOGUE, CatalogueOptions
from pipeline.params.split import Dealt, Split
from pipeline.params.train import Model, Training

PREPARED = ("colour", "mean", "scale", "layout", "points")
"""Options about the pixels that a network expects: a wrong one gives other vectors, but no error."""


def wrong_weights(name: str, model: Model) -> list[str]:
    """Return a sentence if a sum has more or fewer losses than weights."""
    loss = model.loss
    if not isinstance(loss, SumOptions) or loss.weights is None or len(loss.losses) == len(loss.weights):
        return []
    return [
        f"models.{name}: loss.weights has {len(loss.weights)} values for {len(loss.losses)} losses; give one for each"
    ]


def unlike_the_catalogue(name: str, model: Model, sources: Mapping[str, Source]) -> list[str]:
    """Return a sentence for each option that does not fit weights from the catalogue (depth, colours …)."""
    problems = []
    backbone = model.backbone
    for field, entry in backbone.entries().items():
        source = sources.get(entry)
        if not isinstance(source, CatalogueOptions):
            continue
        known = CATALOGUE[source.name]
        where = f"models.{name}.backbone.{field} is {entry!r}, {source.name} of the catalogue"
        if field != known.field:
            problems.append(f"{where}, which is no {field}: name it as {known.field}")
            continue
        same = [options for options in (known.backbone, *known.also) if options["kind"] == backbone.kind]
        if not same:
            problems.append(f"{where}: its kind has to be {known.backbone['kind']}, not {backbone.kind}")
            continue
        right = type(backbone).model_validate({**same[0], "weights": entry})
        told = {*same[0]} | ({*PREPARED} & {*type(backbone).model_fields})
        told -= {"architecture"} if isinstance(backbone, CLIPOptions) and backbone.other_activation else set()
        expected, found = dict(right), dict(backbone)
        problems += [
            f"{where}: {option} has to be {expected[option]}, not {found[option]}"
            for option in sorted(told)
            if expected[option] != found[option]
        ]
    return problems


def wrong_roles(name: str, model: Model) -> list[str]:
    """Return a sentence for each role that an adaptation names and the backbone lacks."""
    if not isinstance(model.adaptation, HasRoles):
        return []
    known = model.backbone.roles
    where, what = f"models.{name}.adaptation", f"backbone {model.backbone.kind}"
    if not known:
        return [f"{where} is {model.adaptation.kind!r}, but {what} has no layers that can be trained: use kind: head"]
    return [
        f"{where}.roles has {role!r}, which is no role of {what}; {nearest(role, known)}"
        for role in model.adaptation.roles or ()
        if role not in known
    ]


def wrong_centre(name: str, model: Model, training: Training, splits: Mapping[str, Split]) -> list[str]:
    """Return a sentence where a centred model has no training faces to take the mean of."""
    where = f"models.{name}.centre is true"
    if not model.centre:
        return []
    if not training.train_on:
        return [f"{where}, but train_on is empty: name the data sets whose train sitters give the mean"]
    known = [splits[dataset] for dataset in training.train_on if dataset in splits]
    by_folds = [split for split in known if split.kind == "sitters" and split.test == 1]
    if training.fold is None and known and len(by_folds) == len(known):
        return [
            f"{where}, but {', '.join(training.train_on)} is split into folds only, without train sitters to take the "
            "mean of: set crossval: true instead, or for a frozen model add a fusion that centres it fold by "
            f"fold: fuse: {{{name}-centred: {{models: [{name}], method: {{kind: folds}}}}}}"
        ]
    return []


def wrong_batches(name: str, model: Model, training: Training) -> list[str]:
    """Return a sentence for each option that a sampler lacks or ignores."""
    where, sampler = f"models.{name}.training", training.sampler
    if sampler == "sitters":
        vain = f"{where}.batch is {training.batch}, but the sampler is sitters, so a batch has sitters × images"
        return [f"{vain}: set these, or sampler: pairs or shuffle"] if training.batch else []
    if training.batch is None:
        return [f"{where}.sampler is {sampler}, but batch is not set: say how many images a batch has"]
    if sampler == "pairs" and training.batch % 2:
        return [f"{where}.batch is {training.batch}, but the sampler is pairs: give an even number of images"]
    losses = model.loss.losses if isinstance(model.loss, SumOptions) else [model.loss]
    if sampler == "shuffle" and not any(isinstance(loss, MarginOptions) for loss in losses):
        return [
            f"{where}.sampler is shuffle, but the loss {model.loss.kind} compares images of one sitter, which meet by "
            "chance only: set sampler: sitters or pairs, or a loss with class centres, such as arcface"
        ]
    return []


def idle_patience(name: str, training: Training, splits: Mapping[str, Split]) -> list[str]:
    """Return a sentence for a `patience` or `keep` that needs val sitters, which the training data lacks."""
    if training.patience is not None and training.keep == "last":
        return [
            f"models.{name}.training.patience is {training.patience}, but keep is last, so that no epoch is better "
            "than another: set patience: null, or keep: val-eer, val-loss or train-loss"
        ]
    judged = (training.patience is not None and training.keep == "val-eer") or training.keep == "val-loss"
    if not judged or training.fold is not None:
        return []
    for dataset in training.train_on:
        split = splits.get(dataset)
        if split is not None and split.kind == "like":
            split = splits.get(split.dataset)
        if split is None or (isinstance(split, Dealt) and split.val > 0):  # another check reports an absent split
            return []
    field, value, otherwise = (
        ("keep", "val-loss", "keep: train-loss or last")
        if training.keep == "val-loss"
        else ("patience", str(training.patience), "patience: null")
    )
    return [
        f"models.{name}.training.{field} is {value}, but {', '.join(training.train_on)} has no val "
        f"sitters to judge an epoch by: give split.….val a share, or set {otherwise}"
    ]
