"""Export a model or linear fusion: `sitter export MODEL --to onnx|folder`, into exports/MODEL/.

`onnx` writes one graph that takes any number of faces. `folder` writes safetensors and a Python file that needs only
torch. Both come with model.json (inputs, places of the landmarks), a calibration of the scores and a model card
(README.md). Before the export is kept, it is run on 100 faces and compared with the model itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pipeline.core.errors import SitterError, nearest


def run(named: Sequence[Path], *, model: str, to: Literal["onnx", "folder"], out: Path | None = None) -> None:
    """Export a model.

    Args:
        named: the params files that were named; empty: params.yaml.
        model: name of the model.
        to: the format.
        out: the folder; None: exports/MODEL/.

    Raises:
        SitterError: there is no such model, or it cannot be exported.
    """
    from pipeline.answering.study import PARAMS, OpenStudy
    from pipeline.core.layout import Layout
    from pipeline.params import load

    found = load(*(named or [Path(PARAMS)]))
    study = OpenStudy(found, Layout.of(found))
    if model not in (known := [*study.params.models, *study.params.fuse]):
        raise SitterError(f"{model!r} is no model or fusion of the study; {nearest(model, known)}")
    from pipeline.answering.exporting.export import export

    print(export(study, model, to, out or Path("exports") / model))
