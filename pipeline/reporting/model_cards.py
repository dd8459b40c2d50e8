"""The models of the report: what each is made of, how it was trained, and how the training went."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from pipeline.core.registry import Options
from pipeline.params.backbones.base import OutsideOptions
from pipeline.params.licences import use_of_model
from pipeline.params.weights import HasWeights
from pipeline.reporting.figures import history
from pipeline.reporting.numbers import count, number
from pipeline.reporting.read import Series
from pipeline.store.models import find_record, read_history
from pipeline.store.raw import licences_of_images

if TYPE_CHECKING:
    from pipeline.params import Study
    from pipeline.plan.layout import Layout


@dataclass(frozen=True)
class Facts:
    """What `model.json` says, as the table shows it; empty where it says nothing."""

    dim: str
    trained: str
    total: str
    weights: str
    sha256: str


@dataclass(frozen=True)
class ModelCard:
    """A model or fusion as the report describes it."""

    style: Series
    makeup: str
    """Backbone, or method and parts of a fusion."""
    trained: str
    """What of it was trained, by which loss."""
    facts: Facts
    record: str
    """Its `model.json`; empty where there is none."""
    use: str
    """What the licences of its materials allow, and which of them forbid more."""
    curves: list[Markup]


def model_cards(study: Study, styles: Mapping[str, Series], at: Layout) -> list[ModelCard]:
    """Every model that was judged, in the order of the styles."""
    found = []
    images = {entry: licences_of_images(entry, at) for entry in study.download if entry in study.align}
    for name, style in styles.items():
        facts, rows = find_record(name, at), read_history(name, at)
        record = json.dumps(facts, indent=1, ensure_ascii=False) if facts else ""
        makeup, trained = made_of(study, name, facts)
        found.append(
            ModelCard(
                style, makeup, trained, _facts(facts), record, _use(study, name, images), history(name, rows, style)
            )
        )
    return found


def _use(study: Study, name: str, images: Mapping[str, set[str]]) -> str:
    """What the licences of a model's materials allow; empty for one that is not of the study."""
    if name not in study.models and name not in study.fuse:
        return ""
    use, told = use_of_model(study, name, images)
    return f"{use}: {', '.join(told)}" if told else use


def _facts(record: Mapping[str, Any]) -> Facts:
    parameters, weights = (record.get(key) or {} for key in ("parameters", "weights"))
    if not isinstance(weights, dict) or "file" not in weights:
        weights = {}
    dim, trained, total = (number(v) for v in (record.get("dim"), parameters.get("trained"), parameters.get("total")))
    shown = ["" if v is None else count(v) for v in (dim, trained, total)]
    return Facts(shown[0], shown[1], shown[2], str(weights.get("file", "")), str(weights.get("sha256", "")))


def made_of(study: Study, name: str, record: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a model or fusion is made of, and what of it was trained and how."""
    if name in study.models:
        model = study.models[name]
        if model.adaptation.kind == "none":
            how = "an outside system" if isinstance(model.backbone, OutsideOptions) else "frozen"
            return _options(model.backbone), f"nothing ({how}{', centred' * model.centre})"
        how = f"{_options(model.adaptation)}, by {_options(model.loss)}{'; centred' * model.centre}"
        return _options(model.backbone), how
    if name in study.fuse:
        fusion = study.fuse[name]
        learned = f"fitted on {', '.join(fusion.fit_on)}" if fusion.fit_on else "nothing"
        learned += ", fold by fold" if fusion.crossval else ""
        learned += f"; scores by a cohort's nearest {fusion.score_norm.cohort}" if fusion.score_norm else ""
        weights = record.get("weights") or {}
        parts = [f"{m} ({weights[m]:.2f})" if number(weights.get(m)) is not None else m for m in fusion.models]
        return f"{_options(fusion.method)} of {', '.join(parts)}", learned
    return "not of this study", "unknown"


def _options(options: Options) -> str:
    """A kind and the options that the study sets (weights have a column of their own)."""
    untold = {"kind", "weights"} if isinstance(options, HasWeights) else {"kind"}
    told = options.model_fields_set - untold
    words = ", ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in options if name in told)
    return f"{options.kind} ({words})" if words else options.kind


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Options):
        return _options(value)
    if isinstance(value, list | tuple):
        return " and ".join(_value(v) for v in value)
    return f"{value:g}" if isinstance(value, int | float) else str(value)
