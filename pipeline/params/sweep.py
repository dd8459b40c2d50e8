"""Sweeps: an entry with `sweep: {adaptation.rank: [4, 8, 16]}` under `models` stands for a model for each value.

`sweep: {training.seed: [1, 2, 3, 4, 5]}` repeats a training; a fusion that names such an entry is repeated with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from copy import deepcopy
from dataclasses import dataclass
from itertools import product
from typing import Any

from pipeline.core.errors import SitterError
from pipeline.params.crossval import cross_validated

SEED = "training.seed"
"""The field with values that repeat a training instead of changing it."""


@dataclass(frozen=True)
class Swept:
    """The sweep that a model, or a fusion of swept models, comes from."""

    entry: str
    """The entry under `models` or `fuse`."""
    values: dict[str, Any]
    """Its own value of each swept field."""
    keys: tuple[str, ...]
    """Keys of the entry in params.yaml that it depends on: all except the list of the swept values."""


def expanded(raw: Any, file: str) -> tuple[Any, dict[str, Swept]]:
    """Return a params file's content with a model for every value (for several fields: every combination) of a sweep.

    A member is named after the entry, the last part of the field and the value: `lora-rank-4`, `head-hard-0_3`.

    Raises:
        SitterError: a sweep is empty or changes a section that the entry lacks, or a name is taken.
    """
    raw, crossval = cross_validated(raw, file)
    if not isinstance(raw, Mapping) or not isinstance(raw.get("models"), Mapping):
        return raw, {}
    models: dict[str, Any] = {}
    origins: dict[str, Swept] = {}
    for name, entry in raw["models"].items():
        if not isinstance(entry, Mapping) or "sweep" not in entry:
            if name in models:
                raise SitterError(f"{file}: models.{name} has the name of a model of a sweep: rename one of them.")
            models[name] = entry
            continue
        rest = {key: value for key, value in entry.items() if key != "sweep"}
        for values in _combinations(name, entry["sweep"], file):
            member = "-".join([name, *(_word(field, value) for field, value in values.items())])
            if member in models or member in raw["models"]:
                raise SitterError(f"{file}: models.{name}.sweep makes {member} twice: rename the one or the other.")
            models[member] = deepcopy(rest)
            for field, value in values.items():
                _set(models[member], field, value, f"{file}: models.{name}.sweep.{field}")
            origins[member] = Swept(name, values, tuple(f"models.{name}.{key}" for key in rest))
    return {**raw, "models": models, **_fusions(raw, origins, crossval, file)}, origins


def _fusions(raw: Mapping[str, Any], origins: dict[str, Swept], crossval: Set[str], file: str) -> dict[str, Any]:
    """Return the section `fuse` of a study with sweeps.

    A fusion of models of sweeps over seeds becomes a sweep, too: a fusion for each seed, which is added to `origins`.
    A fusion `folds` may name a sweep over folds for all its models. Fusions in `crossval`, which represent an entry
    under `models`, are added to `origins`, too: their keys in params.yaml are the keys of that entry.

    Raises:
        SitterError: models of different seeds would be fused, or a name is taken.
    """
    if not isinstance(raw.get("fuse"), Mapping):
        return {}
    fuse: dict[str, Any] = {}
    for name, entry in raw["fuse"].items():
        parts = entry.get("models") if isinstance(entry, Mapping) else None
        method = entry.get("method") if isinstance(entry, Mapping) else None
        if not isinstance(parts, list):
            fuse[name] = entry
            continue
        folds = isinstance(method, Mapping) and method.get("kind") == "folds"
        seeds = {part: own for part in map(str, parts) if (own := _seeds(part, origins))}
        if len(set(seeds.values())) > 1:
            found = ", ".join(f"{part} {list(own)}" for part, own in seeds.items())
            raise SitterError(f"{file}: fuse.{name} needs models of the same seeds; found: {found}. Give all one list.")
        if not seeds:
            fuse[name] = {**entry, "models": _members(parts, origins) if folds else parts}
            if name in crossval:
                origins[name] = Swept(name, {}, (f"models.{name}",))
            continue
        for seed in next(iter(seeds.values())):
            member = f"{name}-{_word(SEED, seed)}"
            if member in fuse or member in raw["fuse"]:
                raise SitterError(f"{file}: fuse.{name} makes {member} twice: rename the one or the other.")
            same = {m: s for m, s in origins.items() if s.values.get(SEED, seed) == seed}
            alone = {m: s for m, s in same.items() if folds or list(s.values) == [SEED]}
            fuse[member] = {**entry, "models": _members(parts, alone)}
            origins[member] = Swept(name, {SEED: seed}, (f"models.{name}" if name in crossval else f"fuse.{name}",))
    return {"fuse": fuse}


def _seeds(part: str, origins: Mapping[str, Swept]) -> tuple[Any, ...]:
    """Return the seeds of a sweep; empty where it sweeps other fields, or where there is no sweep of this name."""
    values = [swept.values for swept in origins.values() if swept.entry == part]
    return tuple(dict.fromkeys(v[SEED] for v in values if SEED in v))


def _members(parts: list[Any], origins: Mapping[str, Swept]) -> list[Any]:
    """Return the models, with the members of a sweep in place of its name."""
    members = [[m for m, swept in origins.items() if swept.entry == part] or [part] for part in parts]
    return [member for some in members for member in some]


def _combinations(name: str, sweep: Any, file: str) -> list[dict[str, Any]]:
    where = f"{file}: models.{name}.sweep"
    if not isinstance(sweep, Mapping) or not sweep:
        raise SitterError(f"{where} is {sweep!r}; write a field and its values, such as `adaptation.rank: [4, 8, 16]`.")
    for field, values in sweep.items():
        if not isinstance(values, list) or not values:
            raise SitterError(f"{where}.{field} is {values!r}; write the values in a list, such as [4, 8, 16].")
    return [dict(zip(sweep, chosen, strict=True)) for chosen in product(*sweep.values())]


def _word(field: str, value: Any) -> str:
    """Return a field and its value as part of a name: letters, digits, one dash or underscore between them."""
    word = f"{field.rsplit('.', 1)[-1]}-{value}".lower().replace(".", "_")
    return re.sub(r"[^a-z0-9_]+", "-", word).strip("-_").replace("_-", "-").replace("-_", "-")


def _set(entry: Any, field: str, value: Any, where: str) -> None:
    *sections, last = field.split(".")
    for section in sections:
        if section == "training" and "training" not in entry:
            entry["training"] = {}
        if not isinstance(entry.get(section), dict):
            raise SitterError(f"{where}: the entry has no section {section!r}; it has {', '.join(entry)}.")
        entry = entry[section]
    entry[last] = value
