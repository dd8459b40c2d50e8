"""Section `identify`: who sat for these portraits? A question an entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from pipeline.core.own_files import OwnPath
from pipeline.core.registry import Strict

if TYPE_CHECKING:
    from pipeline.params import Study


class Identify(Strict):
    """Candidates for the sitters of portraits, from a gallery of portraits whose sitters are known."""

    probes: Annotated[tuple[str, ...], Field(min_length=1)]
    """Data sets whose unidentified portraits are asked about."""
    gallery: Annotated[tuple[str, ...], Field(min_length=1)]
    """Data sets whose sitters are the candidates."""
    model: str
    """The model or fusion that compares portraits."""
    as_unidentified: tuple[str, ...] = ()
    """Sitters whose portraits among the probes are asked about, too, as if nobody knew them: the answer tells how good
    the lists are. Each is compared with everything but its own picture, and calibrates nothing."""
    without: tuple[str, ...] = ()
    """Sitters who are no candidates, and are left out of the gallery."""
    pooling: Literal["mean", "best"] = "mean"
    """The score of a sitter with several portraits: the mean of theirs, or the best."""
    normalise: bool = True
    """Measure scores by how like the probe, and the sitter, is to strangers."""
    calibration: Literal["pav", "logistic"] = "pav"
    """How scores become likelihood ratios: by isotonic or by logistic regression, on known sitters of other folds."""
    candidates: Annotated[int, Field(ge=1, le=100)] = 5
    """Candidates in the list of each portrait."""
    prior: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of the portraits whose sitter is thought to be in the gallery; each of its sitters is as likely."""
    decisions: OwnPath | None = None
    """A CSV of your own with what people have decided: image, verdict (accept, reject, unsure, unsuitable), sitter, and
    as you like by, when and evidence."""


def refer_identify(study: Study, refer: Callable[[str, str, str, Any], None]) -> list[str]:
    """Hand every name under `identify` to `refer` (field, name, sort, what is known); return what else is wrong."""
    problems = []
    for name, entry in study.identify.items():
        for field, datasets in (("probes", entry.probes), ("gallery", entry.gallery)):
            for dataset in datasets:
                refer(f"identify.{name}.{field}", dataset, "data set under embed.datasets", study.embed.datasets)
        refer(f"identify.{name}.model", entry.model, "model, outside system or fusion", study.systems)
        if _by_folds(study, entry.model):
            problems.append(
                f"identify.{name}.model is {entry.model!r}, which judges each fold by another training: its vectors of "
                "two folds cannot be compared, and there are none of unidentified portraits. Name a model that is "
                "trained once, a frozen one or a fusion of such"
            )
    return problems


def _by_folds(study: Study, name: str) -> bool:
    """Whether a fusion has other vectors, or another fit, for each fold."""
    fusion = study.fuse.get(name)
    if fusion is None:
        return False
    return fusion.method.kind == "folds" or fusion.crossval or any(_by_folds(study, part) for part in fusion.models)


def learned_from_by(study: Study, name: str) -> list[str]:
    """Return the data sets that a model, or a fusion and its members, have learned from."""
    if name in study.models:
        frozen = study.models[name].adaptation.kind == "none"
        return [] if frozen else list(study.training(name).train_on)
    if name in study.outside:
        return []
    fusion = study.fuse[name]
    members = (dataset for part in fusion.models for dataset in learned_from_by(study, part))
    return list(dict.fromkeys((*members, *fusion.fit_on)))
