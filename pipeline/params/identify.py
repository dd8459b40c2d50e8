"""Section `identify`: who sat for these portraits? Each entry is a question."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from pipeline.core.own_files import OwnPath
from pipeline.core.registry import Strict

if TYPE_CHECKING:
    from pipeline.params import Study


class Identify(Strict):
    """Candidates for the sitters of portraits, from a gallery of portraits with known sitters."""

    probes: Annotated[tuple[str, ...], Field(min_length=1)]
    """Data sets with the unidentified portraits to identify."""
    gallery: Annotated[tuple[str, ...], Field(min_length=1)]
    """Data sets with the sitters who are the candidates."""
    model: str
    """The model or fusion that compares portraits."""
    as_unidentified: tuple[str, ...] = ()
    """Sitters with portraits among the probes that are identified, too, as if they had no name: the answer tells
    how good the lists are. Each is compared with everything except its own picture, and takes no part in
    calibration."""
    without: tuple[str, ...] = ()
    """Sitters who are no candidates: they are left out of the gallery."""
    pooling: Literal["mean", "best"] = "mean"
    """The score of a sitter with several portraits: the mean or the best of the portraits' scores."""
    normalise: bool = True
    """Normalise scores by the similarity of the probe, and of the sitter, to strangers."""
    calibration: Literal["pav", "logistic"] = "pav"
    """How scores become likelihood ratios: by isotonic or by logistic regression, on known sitters of other folds."""
    candidates: Annotated[int, Field(ge=1, le=100)] = 5
    """Candidates in the list of each portrait."""
    prior: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Prior probability that a portrait's sitter is in the gallery; all sitters of the gallery are equally likely."""
    decisions: OwnPath | None = None
    """A CSV of your own with people's decisions. Columns: image, verdict (accept, reject, unsure, unsuitable), sitter
    and, if you like, by, when and evidence."""


def refer_identify(study: Study, refer: Callable[[str, str, str, Any], None]) -> list[str]:
    """Pass every name under `identify` to `refer` (see `refer_analyses`); return what else is wrong."""
    problems = []
    for name, entry in study.identify.items():
        for field, datasets in (("probes", entry.probes), ("gallery", entry.gallery)):
            for dataset in datasets:
                refer(f"identify.{name}.{field}", dataset, "data set under embed.datasets", study.embed.datasets)
        refer(f"identify.{name}.model", entry.model, "model, outside system or fusion", study.systems)
        if _by_folds(study, entry.model):
            problems.append(
                f"identify.{name}.model is {entry.model!r}, which uses another training for each fold: its vectors of "
                "two folds cannot be compared, and there are none of unidentified portraits. Name a model that is "
                "trained once, a frozen model, or a fusion of such models"
            )
    return problems


def _by_folds(study: Study, name: str) -> bool:
    """Whether a fusion has different vectors, or a different fit, for each fold."""
    fusion = study.fuse.get(name)
    if fusion is None:
        return False
    return fusion.method.kind == "folds" or fusion.crossval or any(_by_folds(study, part) for part in fusion.models)


def learned_from_by(study: Study, name: str) -> list[str]:
    """Return the data sets that a model, or a fusion and its members, have learned from."""
    if name in study.models:
        frozen = not study.models[name].is_trained
        return [] if frozen else list(study.training(name).train_on)
    if name in study.outside:
        return []
    fusion = study.fuse[name]
    members = (dataset for part in fusion.models for dataset in learned_from_by(study, part))
    return list(dict.fromkeys((*members, *fusion.fit_on)))
