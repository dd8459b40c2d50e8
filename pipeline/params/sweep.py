"""One entry under `models` that stands for many: `sweep: {adaptation.rank: [4, 8, 16]}`, a model for each value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import product
from typing import Any

from pipeline.errors import SitterError


@dataclass(frozen=True)
class Swept:
    """Where a model of a sweep comes from."""

    entry: str
    """The entry under `models`."""
    values: dict[str, Any]
    """Its own value of each swept field."""
    keys: tuple[str, ...]
    """Keys of the entry in params.yaml that count for it: all but the list of the others' values."""


def expanded(raw: Any, file: str) -> tuple[Any, dict[str, Swept]]:
    """The content of a params file with a model for every value (for several fields: every combination) of a sweep.

    A member is called by the entry, the field's last name and the value: `lora-rank-4`, `head-hard-0_3`.

    Raises:
        SitterError: a sweep of nothing, of a section that the entry does not have, or a name that is taken.
    """
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
    return {**raw, "models": models, **_cross_validated(raw, origins)}, origins


def _cross_validated(raw: Mapping[str, Any], origins: Mapping[str, Swept]) -> dict[str, Any]:
    """The section `fuse`, in which a fusion of folds may name a sweep for all its members."""
    if not isinstance(raw.get("fuse"), Mapping):
        return {}
    fuse = {}
    for name, entry in raw["fuse"].items():
        parts = entry.get("models") if isinstance(entry, Mapping) else None
        method = entry.get("method") if isinstance(entry, Mapping) else None
        if isinstance(parts, list) and isinstance(method, Mapping) and method.get("kind") == "folds":
            members = [[m for m, swept in origins.items() if swept.entry == part] or [part] for part in parts]
            entry = {**entry, "models": [member for some in members for member in some]}
        fuse[name] = entry
    return {"fuse": fuse}


def _combinations(name: str, sweep: Any, file: str) -> list[dict[str, Any]]:
    where = f"{file}: models.{name}.sweep"
    if not isinstance(sweep, Mapping) or not sweep:
        raise SitterError(f"{where} is {sweep!r}; write a field and its values, as `adaptation.rank: [4, 8, 16]`.")
    for field, values in sweep.items():
        if not isinstance(values, list) or not values:
            raise SitterError(f"{where}.{field} is {values!r}; write the values in a list, as [4, 8, 16].")
    return [dict(zip(sweep, chosen, strict=True)) for chosen in product(*sweep.values())]


def _word(field: str, value: Any) -> str:
    """A field and its value as part of a name: letters, digits, one dash or underscore between them."""
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
