"""Write `models/<name>/`: the trained weights, and everything that is needed to build the network again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors.torch import save_file

from pipeline.core.files import atomic_file, output_folder
from pipeline.core.versions import versions
from pipeline.formats.companions import checksum
from pipeline.models.backbone import Backbone, count_parameters, trained_state
from pipeline.store.models import CENTRES, MEAN, MEAN_VECTOR, WEIGHTS, Story, write_record, write_story
from pipeline.store.systems import NetworkInput, NetworkRecord, Parameters, WeightsFile

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.params.train import Model, Training


def write_model(
    folder: Path,
    network: Backbone,
    model: Model,
    seed: int,
    code: str,
    mean: Tensor | None = None,
    training: Training | None = None,
    centres: Mapping[str, Tensor] | None = None,
    story: Story | None = None,
) -> None:
    """Write the folder of a model: `model.json`, `weights.safetensors` if anything was trained, and further files.

    Args:
        folder: folder of the model.
        network: the adapted network, with the weights to keep.
        model: its entry in `params.yaml`.
        seed: the seed that the network was built with.
        code: the fingerprint of the code that builds it.
        mean: mean unit vector of the training faces, float32 [dim], for a centred model; written to `mean.safetensors`.
        training: resolved settings; None for a frozen model.
        centres: class centres that the loss has learned; written to `centres.safetensors`.
        story: course of the training; written to `history.csv` and `metrics.json`.
    """
    state = {name: value.cpu().contiguous() for name, value in trained_state(network).items()}
    learned = {
        WEIGHTS: state,
        CENTRES: dict(centres or {}),
        MEAN: {} if mean is None else {MEAN_VECTOR: mean.contiguous()},
    }
    record = describe(network, model, training, seed, code)
    with output_folder(folder) as part:
        for name, tensors in learned.items():
            if tensors:
                with atomic_file(part / name) as file:
                    save_file(tensors, file)
        write_record(part, record)
        if story is not None:
            write_story(part, story)


def describe(network: Backbone, model: Model, training: Training | None, seed: int, code: str) -> NetworkRecord:
    """Return the record of a model."""
    trained, total = count_parameters(network)
    file, adapter = network.weights_file, network.adapter_file
    template = network.template
    return NetworkRecord(
        backbone=model.backbone.model_dump(mode="json"),
        adaptation=model.adaptation.model_dump(mode="json"),
        loss=model.loss.model_dump(mode="json"),
        training=training.model_dump(mode="json") if training else None,
        seed=seed,
        mirror=model.mirror,
        crops=model.crops,
        centre=model.centre,
        weights=_of(file) if file else None,
        adapter=_of(adapter) if adapter else None,
        input=NetworkInput(
            size=template.size,
            points=[[round(float(v), 4) for v in point] for point in template.points],
            colour=network.colour,
            mean=list(network.mean),
            scale=list(network.scale),
        ),
        dim=network.dim,
        parameters=Parameters(trained, total),
        code=code,
        versions=versions(),
    )


def _of(file: Path) -> WeightsFile:
    return WeightsFile(file.name, file.stat().st_size, checksum(file))
