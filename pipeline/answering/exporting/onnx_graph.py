"""A model as an ONNX graph that takes any number of faces at once."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torch

from pipeline.answering.exporting.network import Exported
from pipeline.core.json_records import as_json
from pipeline.store.exports import ExportRecord

FILE = "model.onnx"
OPSET = 17
OUTPUT = "vectors"


def write_onnx(module: Exported, path: Path, record: ExportRecord) -> None:
    """Write the graph, with a record of the model in its metadata.

    Args:
        module: the model.
        path: path of the file.
        record: written as JSON under the key `sitter`.
    """
    import onnx

    names = [one.name for one in module.inputs]
    examples = tuple(torch.rand(2, 3, one.template.size, one.template.size) * 255 for one in module.inputs)
    with warnings.catch_warnings():
        # The newer exporter needs a further package. The graph of this one is compared with the model afterwards.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            examples,
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=names,
            output_names=[OUTPUT],
            dynamic_axes={name: {0: "faces"} for name in (*names, OUTPUT)},
        )
    graph = onnx.load(str(path))
    onnx.helper.set_model_props(graph, {"sitter": json.dumps(as_json(record))})
    onnx.checker.check_model(graph)
    onnx.save(graph, str(path))
