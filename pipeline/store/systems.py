"""The record of a system, `model.json` in its folder: of a model, of an outside system, or of a fusion."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.core.files import read_json
from pipeline.core.json_records import as_json, of_json, unwritten
from pipeline.store.subset_size import SubsetSize

LONG = ("training", "versions", "code")
"""Parts of a record that a summary leaves out."""


@dataclass(frozen=True)
class WeightsFile:
    """A file that holds weights, or an outside system's vectors."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class NetworkInput:
    """The input of a network."""

    size: int
    points: Sequence[Sequence[float]]
    """Where the landmarks lie in it: five points (x, y)."""
    colour: str
    mean: Sequence[float]
    scale: Sequence[float]


@dataclass(frozen=True)
class Parameters:
    """Number of parameters of a network."""

    trained: int
    total: int


@dataclass(frozen=True, kw_only=True)
class NetworkRecord:
    """The record of a model: everything that is needed to build its network again."""

    backbone: Mapping[str, Any]
    """The options of the entry, as for the next three fields."""
    adaptation: Mapping[str, Any]
    loss: Mapping[str, Any]
    training: Mapping[str, Any] | None
    """None for a frozen model."""
    seed: int
    mirror: bool
    crops: Sequence[float] = unwritten(())
    centre: bool = False
    weights: WeightsFile | None
    """The weights at the start; None where it started without weights."""
    adapter: WeightsFile | None = unwritten()
    input: NetworkInput
    dim: int
    parameters: Parameters
    code: str | Mapping[str, str] = ""
    """The fingerprint of the code that builds it; in old records one for each part."""
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class OutsideRecord:
    """The record of an outside system."""

    outside: Mapping[str, Any]
    """The options of its entry."""
    weights: WeightsFile
    """Its file."""
    found: Mapping[str, Any]
    """The description of the file by its reader (`OutsideFile.describe`)."""

    @property
    def rows(self) -> int:
        """The number of rows of the file."""
        return int(self.found["rows"])

    @property
    def left_out(self) -> Sequence[str]:
        """The columns of the file that are no part of a vector."""
        columns: Sequence[str] = self.found.get("left_out", ())
        return columns


@dataclass(frozen=True)
class Fit:
    """A fit of a fusion."""

    fitted: Mapping[str, SubsetSize]
    """By subset."""
    weights: Mapping[str, float] | None
    """By model; None if the fusion has no such weights."""
    findings: Mapping[str, Any] = field(default_factory=dict)
    """The results of the fit by the fusion's kind (`Kind.findings`)."""

    @property
    def val_cllr(self) -> float | None:
        """Cllr on the val sitters, if the kind tells it."""
        return self.findings.get("val_cllr")

    @property
    def val_cllr_equal(self) -> float | None:
        """Cllr on the val sitters with equal weights, if the kind tells it."""
        return self.findings.get("val_cllr_equal")


@dataclass(frozen=True, kw_only=True)
class FusionRecord:
    """The record of a fusion."""

    method: Mapping[str, Any]
    """The options of its method."""
    models: Sequence[str]
    centre: bool
    dim: int
    """The length of its vectors."""
    fit_on: Sequence[str] = ()
    """The data sets that it was fitted on."""
    score_norm: Mapping[str, Any] | None = None
    """The options of the score normalisation."""
    weights: Mapping[str, float] | None = None
    """By model; with `crossval`, their mean."""
    fits: Sequence[Fit] = ()
    """A single fit; with `crossval`, one for each fold; without any, the models are of single folds."""
    crossval: bool = False
    """Whether it was fitted fold by fold."""


Record = NetworkRecord | OutsideRecord | FusionRecord


@dataclass(frozen=True)
class SystemFacts:
    """What the record of any system says, as far as it says it: records of older versions say less."""

    dim: int | None = None
    parameters: Parameters | None = None
    weights: WeightsFile | None = None
    """The weights at the start, or an outside system's file."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """The weights of a fusion's models."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """The versions of the packages that made the system."""
    text: str = ""
    """The record in full; empty if the system has not been made."""
    short: Mapping[str, Any] = field(default_factory=dict)
    """The record without its long parts, for a summary that shows whatever it holds."""

    def __bool__(self) -> bool:
        """Whether the system has been made."""
        return bool(self.text)


def record_as_json(record: Record) -> dict[str, Any]:
    """Return the content of `model.json`."""
    if isinstance(record, OutsideRecord):
        return {"outside": dict(record.outside), "weights": as_json(record.weights), **record.found}
    if isinstance(record, NetworkRecord):
        content: dict[str, Any] = as_json(record)
        return content
    fitted: dict[str, Any] = {}
    if record.crossval:
        fitted = {
            "fit_on": list(record.fit_on),
            "crossval": True,
            "score_norm": record.score_norm,
            "weights": record.weights,
            "folds": [_fit_of_fold(fit) for fit in record.fits],
        }
    elif record.fits:
        (fit,) = record.fits
        fitted = {
            "fit_on": list(record.fit_on),
            "score_norm": record.score_norm,
            "fitted": as_json(fit.fitted),
            "weights": record.weights,
            **fit.findings,
        }
    head = {"method": dict(record.method), "models": list(record.models), "centre": record.centre}
    return {**head, **fitted, "dim": record.dim}


def _fit_of_fold(fit: Fit) -> dict[str, Any]:
    weights = {} if fit.weights is None else {"weights": fit.weights}
    return {"fitted": as_json(fit.fitted), **weights, **fit.findings}


def record_of_json(content: Mapping[str, Any], path: Path) -> Record:
    """Return the record that `model.json` holds.

    Raises:
        SitterError: a key is absent, or a value has another type than it should; the message names the file.
    """
    if "outside" in content:
        found = {key: value for key, value in content.items() if key not in ("outside", "weights")}
        return of_json(OutsideRecord, {**content, "found": found}, path)
    if "backbone" in content:
        return of_json(NetworkRecord, content, path)
    own = ("method", "models", "centre", "fit_on", "score_norm", "fitted", "weights", "dim")
    fits: Sequence[Mapping[str, Any]] = ()
    if content.get("crossval"):
        fits = [_of_fit(fold, ("fitted", "weights")) for fold in content.get("folds", ())]
    elif "fitted" in content:
        fits = [_of_fit(content, own)]
    return of_json(FusionRecord, {**content, "fits": fits}, path)


def _of_fit(content: Mapping[str, Any], own: Sequence[str]) -> Mapping[str, Any]:
    findings = {key: value for key, value in content.items() if key not in own}
    return {"fitted": content.get("fitted", {}), "weights": content.get("weights"), "findings": findings}


def read_facts(path: Path) -> SystemFacts:
    """Read what `model.json` says of a system."""
    content = read_json(path)
    weights, parameters = content.get("weights") or {}, content.get("parameters")
    is_file = "file" in weights  # in a fusion: numbers
    return SystemFacts(
        dim=content.get("dim"),
        parameters=Parameters(**parameters) if parameters else None,
        weights=of_json(WeightsFile, weights, path) if is_file else None,
        shares={} if is_file else weights,
        versions=content.get("versions", {}),
        text=json.dumps(content, indent=1, ensure_ascii=False) if content else "",
        short={key: value for key, value in content.items() if key not in LONG},
    )
