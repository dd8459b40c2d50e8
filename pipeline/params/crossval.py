"""`crossval: true` of an entry under `models`: a training for each fold, and one fusion that represents them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.core.errors import SitterError

FOLD = "training.fold"


def cross_validated(raw: Any, file: str) -> tuple[Any, frozenset[str]]:
    """Return a params file with each cross-validated model as a sweep over folds and a fusion, and the models' names.

    The entry NAME becomes the trainings NAME-fold-0, NAME-fold-1 …, each without a fold of the split, and
    the fusion NAME of kind `folds`, which takes each image's vector from the training that left out its sitter.

    Raises:
        SitterError: `crossval` is neither true nor false, the entry sweeps folds itself, none of the data sets that it
            learns from is split into folds, or the section `fuse` has an entry of this name.
    """
    if not isinstance(raw, Mapping) or not isinstance(raw.get("models"), Mapping):
        return raw, frozenset()
    models, fusions = dict(raw["models"]), {}
    for name, entry in raw["models"].items():
        if not isinstance(entry, Mapping) or "crossval" not in entry:
            continue
        where = f"{file}: models.{name}.crossval"
        rest = {key: value for key, value in entry.items() if key not in ("crossval", "sweep")}
        sweep = {"sweep": entry["sweep"]} if "sweep" in entry else {}
        if not isinstance(entry["crossval"], bool):
            raise SitterError(f"{where} is {entry['crossval']!r}; allowed: true, false.")
        if entry["crossval"]:
            if name in (raw.get("fuse") or {}):
                raise SitterError(f"{where} makes the fusion {name}, but the section fuse has one: rename one of them.")
            if not isinstance(sweep.get("sweep", {}), Mapping) or FOLD in sweep.get("sweep", {}):
                raise SitterError(f"{where}: models.{name}.sweep must not sweep {FOLD}, which crossval does.")
            sweep = {"sweep": {**sweep.get("sweep", {}), FOLD: list(range(_folds(raw, entry, where)))}}
            fusions[name] = {"models": [name], "method": {"kind": "folds"}}
        models[name] = {**rest, **sweep}
    if not fusions:
        return {**raw, "models": models}, frozenset()
    return {**raw, "models": models, "fuse": {**fusions, **(raw.get("fuse") or {})}}, frozenset(fusions)


def _folds(raw: Mapping[str, Any], entry: Mapping[str, Any], where: str) -> int:
    """Return the number of folds of the first data set with folds that an entry learns from."""
    own = entry.get("training")
    sections = [section for section in (own, raw.get("train")) if isinstance(section, Mapping)]
    datasets: Any = next((section["train_on"] for section in sections if section.get("train_on")), [])
    given = raw.get("split")
    splits = given if isinstance(given, Mapping) else {}
    for dataset in datasets if isinstance(datasets, list) else []:
        split = splits.get(dataset)
        folds = split.get("folds") if isinstance(split, Mapping) else None
        if isinstance(folds, int) and folds > 0:
            return folds
    raise SitterError(
        f"{where} is true, but none of the data sets that it learns from ({', '.join(map(str, datasets))}) is split "
        "into folds: for example, set test: 1 and folds: 5 under split."
    )
