"""Open the model that a command names: a model of the study in the working directory, or the built-in one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.answering.default import default_model, open_default
from pipeline.answering.model import Model
from pipeline.answering.study import PARAMS, OpenStudy
from pipeline.core.errors import SitterError, nearest
from pipeline.core.layout import Layout
from pipeline.params import load


def opened(named: Sequence[Path], model: str, align: str, weights: Path | None, like: str) -> tuple[OpenStudy, Model]:
    """Open a model.

    Args:
        named: the params files that were named; empty: params.yaml if a model is named.
        model: name of the model; empty: the built-in model, which needs no study.
        align: the entry under `align` that says how faces are found; empty: the entry of the study's first data set.
        weights: folder with the built-in model's weights.
        like: a data set of the study to calibrate on; the built-in model does not know data sets.

    Raises:
        SitterError: there is no such model, or it has not been made.
    """
    if not model:
        if named or like or align:
            given = "--params" if named else "--like" if like else "--align"
            raise SitterError(f"{given} refers to a study, but no model of it is named: add --model NAME.")
        study = open_default(weights)
        return study, default_model(study)
    if weights is not None:
        raise SitterError(f"--weights is for the built-in model, and --model names {model!r}: leave one of them out.")
    if not named and not Path(PARAMS).is_file():
        raise SitterError(
            f"--model {model}: there is no {PARAMS} here that could have a model of this name. Change to the folder of "
            "the study, name its file with --params, or leave --model out for the built-in model."
        )
    found = load(*(named or [Path(PARAMS)]))
    study = OpenStudy(found, Layout.of(found))
    if model not in study.models:
        raise SitterError(f"--model is {model!r}, which is no model or fusion; {nearest(model, study.models)}")
    return study, study.model(model, align=align)
