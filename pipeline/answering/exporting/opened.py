"""Open an exported model without its study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.answering.default import open_default
from pipeline.answering.exporting.export import CALIBRATION, run_onnx, run_plain
from pipeline.answering.faces import Face, fingerprint
from pipeline.answering.model import Model
from pipeline.answering.pairs import PairCalibration
from pipeline.answering.recogniser import Recogniser
from pipeline.answering.study import OpenStudy
from pipeline.core.alignment import ARCFACE, Template, align
from pipeline.core.errors import SitterError
from pipeline.core.files import MANIFEST, read_json, sha256
from pipeline.core.numbers import Singles
from pipeline.store.exports import ExportedInput, is_export, read_export

PICTURES = "pictures"
"""The entry under `align` of the built-in study."""


class OfExport(Recogniser):
    """The model in an exported folder."""

    def __init__(self, folder: Path) -> None:
        """Open the folder.

        Raises:
            SitterError: it is no export.
        """
        if not is_export(folder):
            raise SitterError(f"{folder} is no exported model: `sitter export MODEL --to folder` makes one.")
        self.folder, self.record = folder, read_export(folder)
        self.name, self.key = self.record.name, fingerprint("export", sha256(folder / MANIFEST))
        self._templates = [_template(one) for one in self.record.inputs]

    def vectors(self, faces: Sequence[Face]) -> Singles:
        """Run the export on the faces' crops."""
        if not faces:
            return np.zeros((0, self.record.dim), np.float32)
        pixels = []
        for template in self._templates:
            crops = [f.crop if template is ARCFACE else align(f.crop, f.crop_landmarks, template) for f in faces]
            pixels.append(np.stack(crops).transpose(0, 3, 1, 2).astype(np.float32))
        return (run_onnx if self.record.form == "onnx" else run_plain)(self.folder, pixels)


def _template(told: ExportedInput) -> Template:
    points = np.array(told.landmarks, np.float32)
    arcface = told.size == ARCFACE.size and np.allclose(points, ARCFACE.points, atol=1e-3)
    return ARCFACE if arcface else Template(points, told.size)


def open_model(
    folder: str | Path, *, study: OpenStudy | None = None, align: str = "", weights: str | Path | None = None
) -> Model:
    """Open an exported model. If it is in PyTorch, this runs the folder's `network.py`: open only what you trust.

    Args:
        folder: a folder that `sitter export` has written.
        study: the study with the detector that finds faces; None: the built-in detector.
        align: the entry under `align` of the study.
        weights: folder with the built-in detector's weights; see `answering.default.open_default`.

    Raises:
        SitterError: the folder is no export, or the weights of a detector are missing.
    """
    recogniser = OfExport(Path(folder).expanduser())
    by = open_default(weights) if study is None else study
    seen_as = align or (PICTURES if study is None else study.seen_as(recogniser.name))
    model = Model(by.params, by.at, recogniser, lambda: by.finder(seen_as), seen_as)
    told = recogniser.folder / CALIBRATION
    model.known = (
        PairCalibration.of(read_json(told))
        if told.is_file()
        else PairCalibration(None, f"{recogniser.folder} was exported without a calibration")
    )
    return model
