"""Export a model of a study, and compare the export with the model itself."""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from pipeline.answering.exporting.card import model_card
from pipeline.answering.exporting.network import Exported
from pipeline.answering.exporting.onnx_graph import FILE, OUTPUT, write_onnx
from pipeline.answering.exporting.plain import NETWORK, write_plain
from pipeline.answering.faces import Face
from pipeline.answering.recogniser import FusedRecogniser, Network, Recogniser
from pipeline.answering.study import OpenStudy
from pipeline.core.errors import SitterError
from pipeline.core.files import MANIFEST, output_folder, write_json
from pipeline.store.exports import Checked, ExportRecord, is_export, write_export
from pipeline.store.models import WEIGHTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

Form = Literal["onnx", "folder"]
CARD, CALIBRATION = "README.md", "calibration.json"
FACES = 100
"""Number of faces on which an export is compared with the model."""
LEAST_COSINE = 0.99999


def export(study: OpenStudy, name: str, form: Form, folder: Path) -> Path:
    """Write a model or linear fusion into a folder: graph or weights, record, calibration and model card.

    Args:
        study: the study that made the model.
        name: name of the model or fusion.
        form: `onnx`, or `folder` for weights in safetensors with a Python file that needs only torch.
        folder: the folder to write; an earlier export in it is replaced.

    Returns:
        The folder.

    Raises:
        SitterError: the model cannot be exported, the folder holds something else, or the export gives other vectors
            than the model.
    """
    if folder.exists() and not is_export(folder):
        if not folder.is_dir() or any(folder.iterdir()):
            raise SitterError(f"{folder} exists and is no earlier export: name another place by --out.")
        folder.rmdir()
    from pipeline.answering.recogniser import open_recogniser

    recogniser = open_recogniser(study.params, name, study.at)
    module = Exported(recogniser)
    faces, of = sample(study, FACES)
    own = recogniser.prints(recogniser.vectors(faces), [face.name for face in faces]).units
    norm = study.params.fuse[name].score_norm if name in study.params.fuse else None
    record = ExportRecord(
        name=name,
        form=form,
        inputs=[one.record() for one in module.inputs],
        dim=int(own.shape[1]),
        mirrored=mirrored(recogniser),
        score_norm=None if norm is None else norm.model_dump(),
        key=recogniser.key,
    )
    with output_folder(folder) as part:
        if form == "onnx":
            write_onnx(module, part / FILE, record)
        else:
            write_plain(module, part, name, record.dim)
        found = (run_onnx if form == "onnx" else run_plain)(part, [x.numpy() for x in module.pixels(faces)])
        least = float((found.astype(np.float64) * own).sum(1).min())
        if not least > LEAST_COSINE:
            raise SitterError(
                f"{name} as {form} gives other vectors than the model itself: on {len(faces)} faces the lowest cosine "
                f"between both is {least:.6f}, but at least {LEAST_COSINE} is expected. Nothing was written."
            )
        record = replace(record, checked=Checked(len(faces), of, round(least, 9)))
        write_export(part, record)
        if norm is None:
            _write_calibration(study, recogniser, part / CALIBRATION)
        (part / CARD).write_text(model_card(study.params, name, record, study.at), encoding="utf-8")
    logger.info(f"{name} as {form} in {folder}: on {len(faces)} faces the lowest cosine with the model is {least:.7f}")
    return folder


def _write_calibration(study: OpenStudy, recogniser: Recogniser, path: Path) -> None:
    from pipeline.answering.pairs import pair_calibration

    fitted = pair_calibration(study.params, study.at, recogniser, [])
    if fitted.calibration is not None:
        write_json(path, fitted.record())


def mirrored(recogniser: Recogniser) -> list[str]:
    """Return the networks within a model that add the vector of the mirrored image."""
    if isinstance(recogniser, Network):
        return [recogniser.name] if recogniser.embedder.mirror else []
    assert isinstance(recogniser, FusedRecogniser)
    return list(dict.fromkeys(name for part in recogniser.parts for name in mirrored(part)))


def sample(study: OpenStudy, count: int) -> tuple[list[Face], str]:
    """Return some faces, chosen evenly from the study's data sets, and the names of these data sets.

    Raises:
        SitterError: no data set has been aligned.
    """
    from pipeline.store.accounts import ALIGNED, ImageAccount
    from pipeline.store.faces import FaceStore

    there = [dataset for dataset in study.datasets if (study.at.faces(dataset) / MANIFEST).is_file()]
    if not there:
        raise SitterError(
            f"none of the data sets {', '.join(study.datasets)} has faces to compare the export with: run align first."
        )
    found = []
    for n, dataset in enumerate(there):
        store = FaceStore(study.at.faces(dataset))
        wanted = count // len(there) + (n < count % len(there))
        for i in np.unique(np.linspace(0, len(store) - 1, min(wanted, len(store))).astype(int)):
            crop, name = store.crop(int(i)), f"{dataset}:{store.image_ids[i]}"
            account = ImageAccount(store.image_ids[i], "", "", ALIGNED)
            found.append(Face(name, 1, (0.0, 0.0, 0.0, 0.0), store.landmarks[i], 1.0, crop, account, crop))
    return found, ", ".join(there)


def run_onnx(folder: Path, pixels: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the vectors [n, d] of an exported graph for its inputs."""
    from pipeline.faces.session import session

    graph = session(folder / FILE, torch.get_num_threads())
    names = [one.name for one in graph.get_inputs()]
    found: NDArray[np.float32] = graph.run([OUTPUT], dict(zip(names, pixels, strict=True)))[0]
    return found


def run_plain(folder: Path, pixels: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the vectors [n, d] of an exported folder for its inputs."""
    from safetensors.torch import load_file

    embed = plain_function(folder)
    found: Tensor = embed(load_file(folder / WEIGHTS), *(torch.from_numpy(x) for x in pixels))
    return np.asarray(found.numpy(), np.float32)


def plain_function(folder: Path) -> Any:
    """Return the function `embed` of an exported folder; this runs the folder's `network.py`."""
    spec = importlib.util.spec_from_file_location("exported_network", folder / NETWORK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.embed
